"""How a question is put to a model: plain, as a cloze, or with lettered options.

A source chooses: `asked = { format = "letters", letters = ["أ", "ب", "ج", "د"], answer_word =
"الجواب:" }`. The lettered prompt is that of lm-evaluation-harness' MMLU tasks, in which the
letters, the full stop after them and the word before the answer are the language's own.
"""

from __future__ import annotations

import unicodedata

from locale_tune.api import LocaleTuneError, Record, did_you_mean, spacing

from .bootstrap import seed_of

FORMATS = ("plain", "cloze", "letters")
LATIN = "A B C D E F G H I J"


def is_usable(record: Record) -> bool:
    """Whether a record is a question with at least two options, none empty, one of them right."""
    filled = all(choice.strip() for choice in record.choices)
    in_range = record.answer is not None and 0 <= record.answer < len(record.choices)
    return bool(record.question.strip()) and len(record.choices) > 1 and filled and in_range


def format_of(record: Record) -> str:
    """Return the format of a question. Raise LocaleTuneError for one that does not exist."""
    name = record.meta.get("format") or "plain"
    if name not in FORMATS:
        raise LocaleTuneError(
            f"the questions of '{record.source}' have the format '{name}'",
            did_you_mean(name, FORMATS) or f"there are {', '.join(FORMATS)}",
        )
    return name


def shuffled(record: Record, seed: int) -> Record:
    """Reorder the options by the seed and the question's id, so that ties favour no position.

    Lettered options stay as they are: "both A and C" names the others.
    """
    if format_of(record) == "letters":
        return record
    order = sorted(
        range(len(record.choices)), key=lambda index: seed_of(seed, "options", record.id, index)
    )
    answer = record.answer or 0
    choices = tuple(record.choices[index] for index in order)
    return record.model_copy(update={"choices": choices, "answer": order.index(answer)})


def parts_of(record: Record) -> tuple[str, list[str]]:
    """Return the prompt and the texts that may follow it.

    A plain question is its text and a line break; each option follows as it is, with no letters and
    no words such as "Answer:", which would be English. With meta["format"] == "cloze" the question
    is running text that each option continues, after a space (none in scripts without spaces);
    meta["joiner"] overrides what stands between. With "letters" the options stand in the prompt, a
    line each, then meta["answer_word"] if there is one, and the letters of meta["letters"] follow.
    """
    kind = format_of(record)
    question = record.question.strip()
    choices = [choice.strip() for choice in record.choices]
    if kind == "letters":
        return _lettered(record, question, choices)
    if kind == "cloze":
        return question, [_joiner(record, question) + choice for choice in choices]
    return question + "\n", choices


def lengths_of(record: Record) -> list[int]:
    """Return the characters (NFC code points) of each option."""
    return [len(unicodedata.normalize("NFC", choice.strip())) for choice in record.choices]


def _lettered(record: Record, question: str, choices: list[str]) -> tuple[str, list[str]]:
    letters = (record.meta.get("letters") or LATIN).split()[: len(choices)]
    if len(letters) < len(choices):
        raise LocaleTuneError(
            f"question '{record.id}' has {len(choices)} options and {len(letters)} letters",
            "give its source more letters: asked = { letters = [...] }",
        )
    lines = [f"{letter}. {choice}" for letter, choice in zip(letters, choices, strict=True)]
    prompt = "\n".join([question, *lines]) + "\n"
    if not (word := record.meta.get("answer_word", "").strip()):
        return prompt, letters
    joiner = _joiner(record, word)
    return prompt + word, [joiner + letter for letter in letters]


def _joiner(record: Record, text: str) -> str:
    """Return what stands between a text and what continues it."""
    letters = [sign for sign in text if sign.isalnum()] or [" "]
    return record.meta.get("joiner", "" if spacing.is_unspaced(letters[-1]) else " ")
