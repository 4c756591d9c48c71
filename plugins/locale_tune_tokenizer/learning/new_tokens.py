"""From text to the tokens worth adding: letters, merges, and how many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from locale_tune_tokenizer.formats import sentencepiece
from locale_tune_tokenizer.formats.bytelevel import added_ids, merges_of, pieces_of
from locale_tune_tokenizer.formats.model_folder import extended
from locale_tune_tokenizer.formats.styles import style_of
from locale_tune_tokenizer.learning import size
from locale_tune_tokenizer.learning.bpe import Learned, learn, ranks_of
from locale_tune_tokenizer.learning.segments import count_segments, in_text, open_tokenizer, pairs
from locale_tune_tokenizer.learning.words import refusal, words
from locale_tune_tokenizer.settings import ExtendSettings

# The curve goes on below min_frequency, so that its knee is not an effect of where it was cut.
BELOW = 10


@dataclass(frozen=True)
class Sized:
    """What was taken of what was learned, and why so much.

    `shown` holds (new tokens, tokens per word) of the curve, on words that were not learned from;
    `knee` and `frequent` are the two answers of which the smaller was taken.
    """

    learned: Learned = field(default_factory=Learned)
    shown: list[tuple[int, float]] = field(default_factory=list)
    knee: int = 0
    frequent: int = 0
    reason: str = ""


def new_tokens(
    spec: Mapping[str, Any],
    texts: Callable[[], Iterable[str]],
    held_out: list[str],
    protected: list[str],
    settings: ExtendSettings,
) -> Sized:
    """Learn merges from `texts()` (read twice at most) and take as many as pay on `held_out`.

    `spec` is the `tokenizer.json` that cuts the text; no id of `protected` texts changes.
    """
    letters = _letters(spec, texts, protected, settings)
    with_letters = extended(spec, Learned(letters=letters)).spec if letters else spec
    old = open_tokenizer(with_letters)
    least = max(2, settings.min_frequency // BELOW)
    learned = replace(
        learn(
            count_segments(old, texts()),
            merges_of(spec),
            [*pieces_of(spec), *letters],
            protected=pairs(old, protected),
            refuse=refuse_by(spec, settings.max_token_chars),
            max_new=settings.max_new_tokens - len(letters),
            min_count=least if settings.size == "knee" else settings.min_frequency,
            every_split=style_of(spec).every_split,
        ),
        letters=letters,
    )
    return _sized(spec, learned, old, held_out, settings)


def _letters(
    spec: Mapping[str, Any],
    texts: Callable[[], Iterable[str]],
    protected: list[str],
    settings: ExtendSettings,
) -> list[str]:
    """Return the letters to add before merges; byte-level tokenizers need none."""
    if not style_of(spec).every_split:
        return []
    found = sentencepiece.missing_letters(
        texts(),
        spec["model"]["vocab"],
        avoid=set("".join(protected)),
        share=settings.letter_coverage,
        least=settings.min_frequency,
    )
    return found[: settings.max_new_tokens]


def refuse_by(spec: Mapping[str, Any], max_chars: int) -> Callable[[str], str]:
    """Return the function that says why a string must not become a token; "" when it may."""
    added, style = added_ids(spec), style_of(spec)

    def refuse(joined: str) -> str:
        if joined in added:
            return "added token"
        if style.every_split and (reason := sentencepiece.refusal(joined)):
            return reason
        return refusal(style.to_bytes(joined), max_chars)

    return refuse


def _sized(
    spec: Mapping[str, Any],
    learned: Learned,
    old: Any,
    held_out: list[str],
    settings: ExtendSettings,
) -> Sized:
    """Cut what was learned at the knee or at min_frequency, whichever comes first."""
    sample = [word for line in held_out for word in words(line)]
    pieces = [*pieces_of(spec), *learned.letters]
    ranks = ranks_of(merges_of(spec), pieces, style_of(spec).every_split, learned.merges)
    cut = count_segments(old, in_text(old, sample))
    found = size.curve(cut, learned, ranks, len(sample))
    knee, frequent = size.knee(found.tokens), size.frequent(learned, settings.min_frequency)
    taken = min(knee, frequent) if settings.size == "knee" else frequent
    return Sized(
        learned=learned.first(taken),
        shown=found.shown(taken, knee, frequent),
        knee=knee,
        frequent=frequent,
        reason=_why(learned, taken, found, settings),
    )


def _why(learned: Learned, taken: int, found: size.Curve, settings: ExtendSettings) -> str:
    """Say what ended the taking, with the figure that decided; "" when nothing was taken."""
    if not taken:
        return ""
    last = len(learned.tokens)
    if taken < last and learned.counts[learned.merges_of(taken + 1) - 1] < settings.min_frequency:
        return f"the next merge is seen fewer than {settings.min_frequency} times"
    if taken < last:
        more = min(last, 2 * taken)
        return (
            f"the knee of the curve: {more - taken:,} more tokens would take tokens per word only "
            f"from {found.fertility(taken):.2f} to {found.fertility(more):.2f}"
        )
    if last + len(learned.letters) >= settings.max_new_tokens:
        return "as many as max_new_tokens allows"
    return f"no further merge is seen {settings.min_frequency} times"
