"""The check `confusion`: do answers stay in the language they are asked in?

Language confusion of Marchisio et al. 2024 (arXiv:2406.20052; github.com/for-ai/language-confusion)
for one language. Of every answer the lines of five words or more are tested:

- line pass rate = answers whose tested lines are all in the language / answers with a tested line;
- word pass rate = answers without a word of another language / answers whose lines all passed.

Two things differ. The identifier is trained on the pack's own texts, since public ones hardly know
its language (`identifying.py`). And the words of other languages are learnt from their texts, as a
list of English words is blind to all others and to names in it (`vocabulary.py`). The word pass
rate is over the answers whose lines passed, as the paper states it. Answers without a tested line
are never counted as passes; the report says how many there are. Lines that only repeat the prompt
are not tested.

Shows `context.shown["confusion"]`: {"prompts", "untested": [before, after], "lines": {label:
[before, after]}, "words": {language: [before, after]}, "native": {"texts", "lines", "words"} (the
two rates on held-out native text, cut to the usual length of an answer), "accuracy": {label: share
named right of texts that the identifier had not seen}}.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from locale_tune.api import Finding

from .asking import Asked, answers, asked, without_echo
from .context import Context
from .held_out import group_of
from .identifying import SHORT, Languages
from .languages import count_words, first_words
from .rates import compare_rates

MOST_NATIVE = 100  # held-out texts that show what is measured on native text


@dataclass(frozen=True)
class Reading:
    """What one answer is: the label of every tested line, and the words of other languages."""

    lines: tuple[str, ...]
    strange: tuple[str, ...]
    own: bool

    @property
    def line_pass(self) -> bool | None:
        """Whether all tested lines are in the language; None without any."""
        return self.own if self.lines else None

    @property
    def word_pass(self) -> bool | None:
        """Whether no word is of another language; None where the lines did not pass."""
        return not self.strange if self.line_pass else None


def confusion(context: Context) -> Iterator[Finding]:
    """Yield the line pass rate and the word pass rate of the answers to the pack's prompts."""
    languages = context.languages
    prompts = asked(context)
    if not prompts or languages is None or not languages.known:
        return
    texts = answers(context, prompts)
    before, after = (
        [
            read(without_echo(answer, prompt.text), languages)
            for answer, prompt in zip(side, prompts, strict=True)
        ]
        for side in texts
    )
    name, tag = context.locale.name, context.locale.tag
    context.save_items("confusion", tag, _rows(prompts, texts, before, after))
    context.shown["confusion"] = _shown(context, languages, texts, before, after)
    groups = [prompt.id for prompt in prompts]
    yield from compare_rates(
        context,
        "line_pass_rate",
        f"Answers wholly in {name}, by line",
        ([one.line_pass for one in before], [one.line_pass for one in after]),
        groups,
        note="lines of five words or more, by an identifier trained on the pack's texts",
    )
    yield from compare_rates(
        context,
        "word_pass_rate",
        f"Answers in {name} without a word of another language",
        ([one.word_pass for one in before], [one.word_pass for one in after]),
        groups,
        note="of the answers whose lines all passed; words learnt from texts of other languages",
    )


def read(answer: str, languages: Languages) -> Reading:
    """Test an answer line by line."""
    labels = ((line, languages.label(line)) for line in answer.splitlines())
    tested = [(line, label) for line, label in labels if label != SHORT]
    strange = [word for line, _ in tested for word in languages.words.strange(line)]
    found = tuple(label for _, label in tested)
    return Reading(found, tuple(strange), all(label in languages.own for label in found))


def native(context: Context, length: int) -> list[str]:
    """Return held-out native texts of different groups, cut to so many words."""
    first: dict[str, str] = {}
    for record in context.items("heldout", MOST_NATIVE):
        if text := first_words(record.text, length):
            first.setdefault(group_of(record), text)
    return list(first.values())


def usual_length(texts: Sequence[Sequence[str]]) -> int:
    """Return the median number of words of both sides' answers, at least eight."""
    counts = sorted(count_words(text) for side in texts for text in side)
    return max(8, counts[len(counts) // 2])


def _shown(
    context: Context,
    languages: Languages,
    texts: Sequence[Sequence[str]],
    before: list[Reading],
    after: list[Reading],
) -> dict[str, object]:
    sides = (before, after)
    lines = [Counter(label for one in side for label in one.lines) for side in sides]
    foreign = languages.words.foreign
    words = [Counter(foreign[word] for one in side for word in one.strange) for side in sides]
    tried = [read(text, languages) for text in native(context, usual_length(texts))]
    by_line = [one.line_pass for one in tried if one.line_pass is not None]
    by_word = [one.word_pass for one in tried if one.word_pass is not None]
    return {
        "prompts": len(before),
        "untested": [sum(not one.lines for one in side) for side in sides],
        "lines": _beside(lines),
        "words": _beside(words),
        "native": {"texts": len(by_line), "lines": _share(by_line), "words": _share(by_word)},
        "accuracy": languages.facts.get("accuracy", {}),
    }


def _beside(counts: Sequence[Counter[str]]) -> dict[str, list[int]]:
    names = sorted(set().union(*counts))
    return {name: [count[name] for count in counts] for name in names}


def _share(passed: Sequence[bool]) -> float | None:
    return 100 * sum(passed) / len(passed) if passed else None


def _rows(
    prompts: list[Asked],
    texts: tuple[list[str], list[str]],
    before: list[Reading],
    after: list[Reading],
) -> Iterator[dict[str, object]]:
    for prompt, old, new, one, other in zip(prompts, *texts, before, after, strict=True):
        yield {
            "id": prompt.id,
            "prompt": prompt.text,
            "before": old,
            "after": new,
            "lines_before": list(one.lines),
            "lines_after": list(other.lines),
            "words_before": list(one.strange),
            "words_after": list(other.strange),
        }
