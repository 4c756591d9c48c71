"""What the certificate looks at, with every line encoded once, and how a check fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NoReturn

from locale_tune.api import StageFailed
from locale_tune_tokenizer.checks.converter import CHECK_TEXT
from locale_tune_tokenizer.checks.fuzz import fuzzed
from locale_tune_tokenizer.checks.probes import ROUND_TRIP
from locale_tune_tokenizer.formats.bytelevel import merges_of
from locale_tune_tokenizer.formats.styles import Style, style_of
from locale_tune_tokenizer.learning.ranks import Pair
from locale_tune_tokenizer.learning.segments import encodings, open_tokenizer
from locale_tune_tokenizer.texts import Samples

SHOWN = 80


class CheckFailed(StageFailed):
    """A check of the certificate did not pass; `check` and `example` say which and on what."""

    def __init__(self, check: str, example: str) -> None:
        super().__init__(
            f"the extended tokenizer failed its check '{check}': {example}",
            "leave 'extend' out of the pack's stages, or report this tokenizer as a bug",
        )
        self.check = check
        self.example = example


def fail(check: str, example: str) -> NoReturn:
    """Stop the build: the check named did not pass on this example."""
    raise CheckFailed(check, example)


@dataclass(frozen=True)
class Cut:
    """One line in the ids of the old tokenizer, of the one to coarsen, and of the new one."""

    old: list[int]
    base: list[int]
    new: list[int]

    @property
    def changed(self) -> bool:
        """Whether the new ids are others than the old."""
        return self.old != self.new


@dataclass(frozen=True)
class Case:
    """All a check looks at.

    `old` and `new` are raw tokenizers, `old_spec` and `spec` their `tokenizer.json`. Coarsening
    is judged against `cut_by`: the old tokenizer, unless its pre-tokenizer was upgraded. The new
    tokens are what the new vocabulary has and the old has not, whoever made it.
    """

    old: Any
    new: Any
    old_spec: Mapping[str, Any]
    spec: Mapping[str, Any]
    samples: Samples
    chats: list[str]
    max_changed_share: float
    cut_by: Any = None
    seed: int = 0

    @property
    def upgraded(self) -> bool:
        """Whether another pre-tokenizer than the old one was chosen on purpose."""
        return self.cut_by is not None and self.cut_by is not self.old

    @cached_property
    def style(self) -> Style:
        """How the new tokenizer spells text."""
        return style_of(self.spec)

    @cached_property
    def old_vocab(self) -> dict[str, int]:
        """Ids by token, added tokens with them."""
        return dict(self.old.get_vocab(with_added_tokens=True))

    @cached_property
    def new_vocab(self) -> dict[str, int]:
        """Ids by token, added tokens with them."""
        return dict(self.new.get_vocab(with_added_tokens=True))

    @cached_property
    def new_tokens(self) -> dict[str, int]:
        """The tokens that came, in order of their ids."""
        came = {t: n for t, n in self.new_vocab.items() if t not in self.old_vocab}
        return dict(sorted(came.items(), key=lambda entry: entry[1]))

    @cached_property
    def merges(self) -> tuple[list[Pair], list[Pair]]:
        """The merges of the old and of the new `tokenizer.json`, in rank order."""
        return merges_of(self.old_spec), merges_of(self.spec)

    @cached_property
    def plain_model(self) -> Any:
        """The new model with `ignore_merges` off: only merges can make a token."""
        if not self.spec["model"].get("ignore_merges"):
            return self.new.model
        model = {**self.spec["model"], "ignore_merges": False}
        return open_tokenizer({**self.spec, "model": model}).model

    @cached_property
    def lines(self) -> list[str]:
        """Every line of every sample, the rendered chats, and texts that break tokenizers."""
        return list(dict.fromkeys([*self.samples.all(), *self.chats, *ROUND_TRIP, CHECK_TEXT]))

    @cached_property
    def fuzz(self) -> list[str]:
        """Random texts, made of the seed and the native lines."""
        return list(dict.fromkeys(fuzzed(self.samples.target, self.seed)))

    @cached_property
    def cuts(self) -> dict[str, Cut]:
        """Every line, encoded once by each tokenizer."""
        return self._cut(self.lines)

    @cached_property
    def fuzz_cuts(self) -> dict[str, Cut]:
        """Every random text, encoded once by each tokenizer."""
        return self._cut(self.fuzz)

    def _cut(self, texts: list[str]) -> dict[str, Cut]:
        old = ids_of(self.old, texts)
        base = ids_of(self.cut_by, texts) if self.upgraded else old
        new = ids_of(self.new, texts)
        rows = zip(texts, old, base, new, strict=True)
        return {text: Cut(*ids) for text, *ids in rows}


def ids_of(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Return the ids of texts, with no special tokens around them."""
    return [list(encoding.ids) for encoding in encodings(tokenizer, texts)]


def bytes_by_id(tokenizer: Any, style: Style) -> Callable[[int], bytes]:
    """Return a function from an id to the bytes of text it stands for; added tokens are raw."""
    added = {number: t.content for number, t in tokenizer.get_added_tokens_decoder().items()}

    @cache
    def spelt(number: int) -> bytes:
        if number in added:
            return str(added[number]).encode()
        token = str(tokenizer.id_to_token(number))
        try:
            return style.to_bytes(token)
        except KeyError:  # a byte-level vocabulary may hold entries outside its alphabet
            return token.encode()

    return spelt


def options_of(tokenizer: Any) -> dict[str, Any]:
    """Return what decides how a tokenizer works beside vocabulary and merges, ready to compare."""
    parts = {name: _state(getattr(tokenizer, name)) for name in PARTS}
    return {**parts, **{name: getattr(tokenizer.model, name, None) or None for name in MODEL}}


def _state(part: Any) -> Any:
    """Return a part as JSON; a template that adds nothing is as good as none.

    transformers writes such a template where there was no post-processor.
    """
    state = None if part is None else json.loads(part.__getstate__())
    neutral = state and state.get("type") == "TemplateProcessing" and not state["special_tokens"]
    return None if neutral else state


PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
MODEL = (
    "dropout",
    "unk_token",
    "continuing_subword_prefix",
    "end_of_word_suffix",
    "fuse_unk",
    "byte_fallback",
    "ignore_merges",
)
