"""Give tokens new ids in every file that names one: `tokenizer.json`, configs, added tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from locale_tune_tokenizer.formats.bytelevel import added_ids, merges_of

# `eos_token_id`, `eos_token_ids`, `image_token_index`, ...; a value is an id or a list of ids.
ID_KEY = re.compile(r"token_(id|ids|index)$")
# Lists of ids, or of lists of ids, in generation configs.
ID_LISTS = {"suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "force_words_ids"}


def tokens_of(spec: Mapping[str, Any]) -> dict[str, int]:
    """Return every token with its id: the vocabulary and the added tokens, in order of id."""
    everything = {**spec["model"]["vocab"], **added_ids(spec)}
    return dict(sorted(everything.items(), key=lambda entry: entry[1]))


def renumbered_spec(spec: Mapping[str, Any], new_ids: Mapping[int, int]) -> dict[str, Any]:
    """Return the `tokenizer.json` of the kept tokens; merges that name another are dropped.

    The order of the merges stays. Added tokens stand in the vocabulary too, because a loader
    numbers one outside it after the last entry.
    """
    vocab = {token: new_ids[old] for token, old in tokens_of(spec).items() if old in new_ids}
    merges = [
        [left, right]
        for left, right in merges_of(spec)
        if left in vocab and right in vocab and left + right in vocab
    ]
    new = {**spec, "model": {**spec["model"], "vocab": vocab, "merges": merges}}
    new["added_tokens"] = [
        {**token, "id": new_ids[token["id"]]} for token in spec.get("added_tokens") or ()
    ]
    for part in ("post_processor", "padding"):
        if part in spec:
            new[part] = _renumbered_part(spec[part], new_ids)
    return new


def _renumbered_part(part: Any, new_ids: Mapping[int, int]) -> Any:
    """Rewrite the ids of a post-processor (template, BERT, RoBERTa, sequence) or of padding."""
    if isinstance(part, list):
        return [_renumbered_part(inner, new_ids) for inner in part]
    if not isinstance(part, dict):
        return part
    return {key: _renumbered_field(key, value, new_ids) for key, value in part.items()}


def _renumbered_field(key: str, value: Any, new_ids: Mapping[int, int]) -> Any:
    if key == "ids":
        return [new_ids[old] for old in value]
    if key in ("sep", "cls"):
        return [value[0], new_ids[value[1]]]
    if key == "pad_id":
        return new_ids.get(value, 0)
    return _renumbered_part(value, new_ids)


def ids_named(part: Any) -> Iterator[int]:
    """Yield the ids that a post-processor or a config names."""
    if isinstance(part, list):
        for inner in part:
            yield from ids_named(inner)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "ids" or ID_KEY.search(key):
                yield from (one for one in _as_list(value) if type(one) is int and one >= 0)
            elif key in ("sep", "cls") and isinstance(value, list):
                yield value[1]
            else:
                yield from ids_named(value)


def tokens_named(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tokens that a `tokenizer_config.json` names by their text (`eos_token`, ...)."""
    for key, value in config.items():
        if key.endswith(("_token", "_special_tokens")):
            yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a token, of an added token written as a table, or of several of them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(value.get("content", list(value.values())))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def renumbered_config(config: Mapping[str, Any], new_ids: Mapping[int, int]) -> dict[str, Any]:
    """Return a model's or a generation's config with the new ids, nested configs too.

    An id of no kept token (a padding row, a suppressed token that went) becomes None, or leaves
    its list.
    """
    new: dict[str, Any] = {}
    for key, value in config.items():
        if names_ids(key):
            new[key] = new_id_of(value, new_ids)
        else:
            new[key] = renumbered_config(value, new_ids) if isinstance(value, dict) else value
    return new


def names_ids(key: str) -> bool:
    """Tell whether a config's key holds token ids."""
    return key in ID_LISTS or ID_KEY.search(key) is not None


def new_id_of(value: Any, new_ids: Mapping[int, int]) -> Any:
    """Return the new id or list of ids; None and -1 mean "no token" and stay."""
    if isinstance(value, list | tuple):
        return [new for old in value if (new := new_id_of(old, new_ids)) not in (None, [])]
    if type(value) is not int or value < 0:
        return value
    return new_ids.get(value)


def renumbered_decoder(config: Mapping[str, Any], new_ids: Mapping[int, int]) -> dict[str, Any]:
    """Return a `tokenizer_config.json` with the new ids of its added tokens."""
    decoder = config.get("added_tokens_decoder")
    new = renumbered_config({k: v for k, v in config.items() if v is not decoder}, new_ids)
    if decoder is not None:
        moved = ((new_ids.get(int(old)), entry) for old, entry in decoder.items())
        new["added_tokens_decoder"] = {str(at): entry for at, entry in moved if at is not None}
    return new


def _as_list(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]
