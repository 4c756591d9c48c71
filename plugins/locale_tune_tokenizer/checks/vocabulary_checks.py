"""Checks of the certificate that read vocabulary, merges and options instead of text."""

from __future__ import annotations

from typing import Any

from locale_tune_tokenizer.checks.case import Case, fail, options_of
from locale_tune_tokenizer.formats.bytelevel import reason_against_ids

# What a token's text may stand between: a letter, a space, a mark, a digit.
LEFT, RIGHT = ("", "a", " ", " a", ".", "1"), ("", "a", " ")


def id_stability(case: Case) -> dict[str, Any]:
    """Check that every old token keeps its id, and that no id is used twice."""
    old, new = case.old_vocab, case.new_vocab
    moved = [token for token, number in old.items() if new.get(token) != number]
    if moved:
        token = min(moved, key=old.__getitem__)
        more = f" ({len(moved)} tokens moved)" if len(moved) > 1 else ""
        fail("id stability", f"{token!r} moved from {old[token]} to {new.get(token)}{more}")
    if len(set(new.values())) != len(new):
        fail("id stability", f"{len(new) - len(set(new.values()))} ids are used twice")
    loaded = {n: t.content for n, t in case.new.get_added_tokens_decoder().items()}
    if reason := reason_against_ids(case.spec, loaded):
        fail("id stability", reason)
    return {"old_tokens": len(old), "new_tokens": len(case.new_tokens)}


def added_tokens(case: Case) -> dict[str, Any]:
    """Check that the table of added tokens is the old one: same ids, same texts, same options.

    An entry more is refused too. An added token is looked for in raw text before anything else,
    so it cuts the tokens around it, inside longer words as well.
    """
    old, new = (_added(tokenizer) for tokenizer in (case.old, case.new))
    came = [text for text in new if text not in old]
    if came:
        more = f" and {len(came) - 1} more" if len(came) > 1 else ""
        fail("added tokens", f"{came[0]!r}{more} came as added tokens, which cut old ones")
    for text, entry in old.items():
        if new.get(text) != entry:
            fail("added tokens", f"{text!r} was {entry} and is {new.get(text)}")
    return {"added_tokens": len(old)}


def _added(tokenizer: Any) -> dict[str, str]:
    table = tokenizer.get_added_tokens_decoder()
    return {entry.content: f"{number} {entry!r}" for number, entry in table.items()}


def options(case: Case) -> dict[str, Any]:
    """Check that normalizer, pre-tokenizer, decoder and the model's switches are the old ones."""
    old, new = options_of(case.old), options_of(case.new)
    if case.upgraded:
        old["pre_tokenizer"] = options_of(case.cut_by)["pre_tokenizer"]
    for name, value in old.items():
        if new[name] != value:
            fail("options", f"{name} was {value} and is {new[name]}")
    return {"upgraded_pre_tokenizer": case.upgraded}


def merge_order(case: Case) -> dict[str, Any]:
    """Check that all old merges come first and in their order.

    Then coarsening is more than sampled: what the old merges did, the new tokenizer does first.
    """
    old, new = case.merges
    for rank, (before, after) in enumerate(zip(old, new, strict=False)):
        if before != after:
            fail("merge order", f"merge {rank} was {before} and is {after}")
    if len(new) < len(old):
        fail("merge order", f"{len(old) - len(new)} old merges are gone")
    return {"old_merges": len(old), "new_merges": len(new) - len(old)}


def reachability(case: Case) -> dict[str, Any]:
    """Check that every new token can come out of text.

    It must form from its own letters by merges alone, and so must the old tokens that a new merge
    makes; and the pre-tokenizer must not cut it wherever it stands.
    """
    added = {entry.content for entry in case.new.get_added_tokens_decoder().values()}
    tokens = {t: n for t, n in case.new_tokens.items() if t not in added}
    products = {left + right for left, right in case.merges[1][len(case.merges[0]) :]}
    revived = {t: case.old_vocab[t] for t in sorted(products) if t in case.old_vocab}
    for token, number in {**tokens, **revived}.items():
        formed = [(part.value, part.id) for part in case.plain_model.tokenize(token)]
        if formed != [(token, number)]:
            fail("reachability", f"{token!r} (id {number}) forms as {formed}")
    for token, number in tokens.items():
        if always_cut(case, token):
            fail("reachability", f"the pre-tokenizer always cuts {token!r} (id {number})")
    return {"tokens": len(tokens), "old_tokens_revived": len(revived)}


def always_cut(case: Case, token: str) -> bool:
    """Tell whether normalizer or pre-tokenizer keep a token from ever standing in one piece.

    A token that ends inside a character makes no text of its own: nothing is said about it.
    """
    try:
        text = case.style.to_bytes(token).decode()
    except (KeyError, UnicodeDecodeError):
        return False
    contexts = (left + text + right for left in LEFT for right in RIGHT)
    return not any(token in piece for context in contexts for piece in pieces(case.new, context))


def pieces(tokenizer: Any, text: str) -> list[str]:
    """Return what normalizer and pre-tokenizer hand to the model."""
    if tokenizer.normalizer is not None:
        text = tokenizer.normalizer.normalize_str(text)
    if tokenizer.pre_tokenizer is None:
        return [text]
    return [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
