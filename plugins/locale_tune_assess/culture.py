"""The check `culture`: what a model knows of the culture, and whether it knows native text.

- `culture`: accuracy on questions with a tag `culture`, one Finding for each language they are
  asked in. The themes stand beside each other in what is shown; each has too few questions for a
  verdict of its own.
- `cloze`: accuracy on which sentence comes next in held-out native text (questions that `collect`
  makes).

Both halves of the questions count: the dev half fits only the temperature, which changes no
answer. The questions are not read from the items of `multiple_choice`: that check draws from all
questions, so most of a small culture set would be missing from it, and the checks may run alone or
in any order. What both ask is scored once.

Shows `context.shown["culture"]`: {"on": tag, "theme": value of the tag, "n", "before", "after"
(accuracy in percent), "chance" (percent for guessing)} for each language and theme. Items keep the
question's date and reference, where the pack says them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from locale_tune.api import Finding, Record

from .answers import Answers
from .bootstrap import seed_of
from .context import Context
from .formats import is_usable, shuffled
from .held_out import group_of
from .languages import is_own, name_of, tag_of
from .questions import answered

TAG = "culture"


@dataclass(frozen=True)
class Asked:
    """Questions, and both models' answers to them."""

    records: list[Record]
    before: Answers
    after: Answers

    def part(self, chosen: Sequence[int]) -> Asked:
        """Return some of the questions with their answers."""
        return Asked(
            [self.records[index] for index in chosen],
            self.before.part(chosen),
            self.after.part(chosen),
        )


def culture(context: Context) -> Iterator[Finding]:
    """Yield accuracy on questions of culture by language, and on cloze questions."""
    records = [shuffled(record, context.seed) for record in _drawn(context)]
    if not records:
        return
    everything = Asked(records, *answered(context, records))
    tags = [tag_of(record.lang, context.locale) for record in records]
    for tag in sorted(set(tags), key=lambda tag: (tag != context.locale.tag, tag)):
        own = [i for i, record in enumerate(records) if TAG in record.meta and tags[i] == tag]
        if own:
            yield _of_culture(context, tag, everything.part(own))
    cloze = [index for index, record in enumerate(records) if TAG not in record.meta]
    if cloze:
        yield _of_cloze(context, everything.part(cloze))


def _drawn(context: Context) -> list[Record]:
    """Return usable questions: at most max_questions of each theme and language, and of cloze."""
    kinds: dict[tuple[str, str], list[Record]] = {}
    for record in context.items("questions"):
        cloze = record.meta.get("format") == "cloze" and is_own(record.lang, context.locale)
        if is_usable(record) and (TAG in record.meta or cloze):
            kinds.setdefault((record.lang, record.meta.get(TAG, "")), []).append(record)

    def rank(record: Record) -> int:
        return seed_of(context.seed, "culture", record.id)

    limit = context.settings.max_questions
    return [record for _, own in sorted(kinds.items()) for record in sorted(own, key=rank)[:limit]]


def _of_culture(context: Context, tag: str, asked: Asked) -> Finding:
    context.save_items("culture", tag, _rows(asked))
    context.shown.setdefault("culture", []).extend(_themes(tag, asked))
    return context.compare(
        "culture",
        tag,
        f"{name_of(tag, context.locale)} questions of culture, accuracy",
        list(100 * asked.before.correct),
        list(100 * asked.after.correct),
        _groups(asked),
        unit="%",
        note=f"guessing would give {_chance(asked):.0f} %",
        section="culture",
    )


def _of_cloze(context: Context, asked: Asked) -> Finding:
    tag = context.locale.tag
    context.save_items("cloze", tag, _rows(asked))
    return context.compare(
        "cloze",
        tag,
        f"Which sentence comes next in held-out {context.locale.name} text, accuracy",
        list(100 * asked.before.correct),
        list(100 * asked.after.correct),
        _groups(asked),
        unit="%",
        note=f"guessing would give {_chance(asked):.0f} %",
        section="language",
    )


def _themes(tag: str, asked: Asked) -> Iterator[dict[str, object]]:
    themes: dict[str, list[int]] = {}
    for index, record in enumerate(asked.records):
        themes.setdefault(record.meta[TAG], []).append(index)
    for theme, chosen in sorted(themes.items()):
        part = asked.part(chosen)
        yield {
            "on": tag,
            "theme": theme,
            "n": len(chosen),
            "before": float(100 * part.before.correct.mean()),
            "after": float(100 * part.after.correct.mean()),
            "chance": _chance(part),
        }


def _chance(asked: Asked) -> float:
    return sum(100 / len(record.choices) for record in asked.records) / len(asked.records)


def _groups(asked: Asked) -> list[str]:
    return [group_of(record) for record in asked.records]


def _rows(asked: Asked) -> Iterator[dict[str, object]]:
    sides = (asked.before, asked.after)
    picks = [side.scores.argmax(axis=1) for side in sides]
    for row, record in enumerate(asked.records):
        size = len(record.choices)
        yield {
            "id": record.id,
            "source": record.source,
            "group": group_of(record),
            "theme": record.meta.get(TAG, ""),
            "date": record.meta.get("date", ""),
            "reference": record.meta.get("reference", ""),
            "question": record.question,
            "choices": list(record.choices),
            "answer": record.answer,
            "picked_before": int(picks[0][row]),
            "picked_after": int(picks[1][row]),
            "before": asked.before.probabilities[row, :size].tolist(),
            "after": asked.after.probabilities[row, :size].tolist(),
        }
