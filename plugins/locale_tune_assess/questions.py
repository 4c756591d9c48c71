"""The check `multiple_choice`: what a model knows, and whether its confidence is honest."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from locale_tune.api import Finding, Record

from . import calibration as cal
from .bootstrap import Paired, Statistic, paired, ratio, rows_of, seed_of
from .calibration import Array, Integers
from .context import Context, Model
from .languages import is_unspaced, name_of, tag_of
from .smooth import smooth_error

NOTE = (
    "each option is scored as what follows the question, by its log-likelihood per character times "
    "the mean length of the question's options, and the softmax over the options is the confidence"
)
FEWEST_FOR_TEMPERATURE = 10


@dataclass(frozen=True)
class Answers:
    """One model's answers: scores [N, K] with -inf for absent options, right option [N]."""

    scores: Array
    right: Integers

    @property
    def probabilities(self) -> Array:
        """Return option probabilities [N, K]."""
        return cal.softmax(self.scores)

    @property
    def correct(self) -> Array:
        """Return 1 where the most likely option is the right one [N]."""
        result: Array = (self.scores.argmax(axis=1) == self.right).astype(np.float64)
        return result

    def part(self, chosen: Sequence[int]) -> Answers:
        """Return the answers to some of the questions."""
        return Answers(self.scores[list(chosen)], self.right[list(chosen)])


def multiple_choice(context: Context) -> Iterator[Finding]:
    """Yield accuracy, ECE and Brier score on test questions of each language.

    Questions with meta["split"] == "dev" only fit the temperature; all others are test.
    """
    found = [record for record in _questions(context) if is_usable(record)]
    questions = [shuffled(record, context.seed) for record in found]
    if not questions:
        return
    asked = [parts_of(record) for record in questions]

    def score(model: Model) -> list[list[float]]:
        return model.choice_logprobs([p for p, _ in asked], [choices for _, choices in asked])

    before, after = (answers(questions, side) for side in context.both(score))
    tags = [tag_of(record.lang, context.locale) for record in questions]
    for tag in sorted(set(tags), key=lambda tag: (tag != context.locale.tag, tag)):
        chosen = [index for index, own in enumerate(tags) if own == tag]
        part = [questions[index] for index in chosen]
        yield from _of_language(context, tag, part, before.part(chosen), after.part(chosen))


def _questions(context: Context) -> list[Record]:
    return context.items("questions", context.settings.max_questions)


def is_usable(record: Record) -> bool:
    """Whether a record is a question with at least two options, none empty, one of them right."""
    filled = all(choice.strip() for choice in record.choices)
    in_range = record.answer is not None and 0 <= record.answer < len(record.choices)
    return bool(record.question.strip()) and len(record.choices) > 1 and filled and in_range


def shuffled(record: Record, seed: int) -> Record:
    """Reorder the options by the seed and the question's id, so that ties favour no position."""
    order = sorted(
        range(len(record.choices)), key=lambda index: seed_of(seed, "options", record.id, index)
    )
    return record.model_copy(
        update={
            "choices": tuple(record.choices[index] for index in order),
            "answer": order.index(record.answer or 0),
        }
    )


def parts_of(record: Record) -> tuple[str, list[str]]:
    """Return the prompt and the texts that may follow it: the one question format of `assess`.

    A plain question is its text and a line break; each option follows as it is, with no letters and
    no words such as "Answer:", which would be English. With meta["format"] == "cloze" the question
    is running text that each option continues, after a space (none in scripts without spaces);
    meta["joiner"] overrides what stands between.
    """
    choices = [choice.strip() for choice in record.choices]
    if record.meta.get("format") != "cloze":
        return record.question.strip() + "\n", choices
    question = record.question.strip()
    joiner = record.meta.get("joiner", "" if is_unspaced(question[-1]) else " ")
    return question, [joiner + choice for choice in choices]


def answers(questions: Sequence[Record], logprobs: Sequence[Sequence[float]]) -> Answers:
    """Turn log-likelihoods into scores that longer options do not lose by.

    score = log-likelihood / characters * mean characters of the options. The most likely option is
    that of lm-eval's `acc_norm`; the factor, the same for all options of a question, keeps the
    evidence of a whole option, so equally long options get their exact conditional probability.
    Characters (NFC code points) do not depend on the tokenizer, as tokens would.
    """
    widest = max(len(record.choices) for record in questions)
    scores = np.full((len(questions), widest), -np.inf)
    for row, (record, values) in enumerate(zip(questions, logprobs, strict=True)):
        lengths = np.array(
            [len(unicodedata.normalize("NFC", choice.strip())) for choice in record.choices]
        )
        scores[row, : len(values)] = np.array(values) / lengths * lengths.mean()
    right = np.array([record.answer or 0 for record in questions], dtype=np.int64)
    return Answers(scores, right)


def _of_language(
    context: Context, tag: str, questions: list[Record], before: Answers, after: Answers
) -> Iterator[Finding]:
    context.save_items("multiple_choice", tag, _rows(questions, before, after))
    dev = [i for i, record in enumerate(questions) if record.meta.get("split") == "dev"]
    test = [i for i, record in enumerate(questions) if record.meta.get("split") != "dev"]
    if not test:
        return
    groups = [questions[i].meta.get("group") or questions[i].id for i in test]
    tested = (before.part(test), after.part(test))
    bins = context.settings.bins
    metrics: list[tuple[str, str, str, bool, list[Array], Statistic]] = [
        ("accuracy", "accuracy", "%", False, [rows_of(100 * a.correct) for a in tested], ratio),
        ("ece", f"calibration error (ECE, {bins} bins)", "", True, *_ece(tested, bins)),
        ("brier", "Brier score", "", True, [_brier(a) for a in tested], ratio),
    ]
    results: dict[str, Paired] = {}
    for check, words, unit, lower, (old, new), statistic in metrics:
        seed = seed_of(context.seed, "questions", tag)
        results[check] = paired(old, new, groups, statistic, context.settings.resamples, seed)
        yield context.finding(
            check,
            tag,
            f"{name_of(tag, context.locale)} questions, {words}",
            results[check],
            n=len(test),
            unit=unit,
            lower_is_better=lower,
            note=f"{NOTE}; {_smooth(tested)}" if check == "ece" else NOTE,
        )
    _show(context, tag, tested, (before.part(dev), after.part(dev)), results["ece"])


def _brier(answers: Answers) -> Array:
    return rows_of(cal.brier_items(answers.probabilities, answers.right))


def _smooth(tested: tuple[Answers, Answers]) -> str:
    values = [smooth_error(side.probabilities.max(axis=1), side.correct)[0] for side in tested]
    return "smooth ECE {:.3f} before, {:.3f} after".format(*values)


def _ece(tested: tuple[Answers, Answers], bins: int) -> tuple[list[Array], Statistic]:
    rows = [cal.ece_addends(side.probabilities.max(axis=1), side.correct, bins) for side in tested]
    return rows, cal.ece_of_sums


def _show(
    context: Context,
    tag: str,
    tested: tuple[Answers, Answers],
    dev: tuple[Answers, Answers],
    ece: Paired,
) -> None:
    """Add one reliability diagram per side to what the report shows."""
    intervals = (ece.interval_before, ece.interval_after)
    for side, test, fitted, interval in zip(
        ("before", "after"), tested, dev, intervals, strict=True
    ):
        row = reliability_row(test, fitted, context.settings.bins)
        row |= {
            "on": f"{name_of(tag, context.locale)} questions",
            "lang": tag,
            "side": side,
            "ece_interval": interval,
        }
        context.shown.setdefault("reliability", []).append(row)


def reliability_row(test: Answers, dev: Answers, bins: int) -> dict[str, object]:
    """Return the numbers of one reliability diagram; the temperature comes from dev items only."""
    confidence, correct = test.probabilities.max(axis=1), test.correct
    temperature = scaled = None
    if len(dev.right) >= FEWEST_FOR_TEMPERATURE:
        temperature = cal.fit_temperature(dev.scores, dev.right)
        cooled = cal.softmax(test.scores, temperature).max(axis=1)
        scaled = cal.expected_error(cooled, correct, bins)
    table = cal.reliability(confidence, correct, bins)
    low, high = cal.wilson(table.accuracy * table.count, table.count)
    columns = (table.count.astype(int), table.confidence, table.accuracy, low, high)
    return {
        "n": len(correct),
        "accuracy": float(correct.mean()),
        "ece": cal.expected_error(confidence, correct, bins),
        "brier": cal.brier(test.probabilities, test.right),
        "temperature": temperature,
        "ece_scaled": scaled,
        "bins": [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)],
    }


def _rows(questions: list[Record], before: Answers, after: Answers) -> Iterator[dict[str, object]]:
    chances = (before.probabilities, after.probabilities)
    for row, record in enumerate(questions):
        size = len(record.choices)
        yield {
            "id": record.id,
            "source": record.source,
            "group": record.meta.get("group") or record.id,
            "split": record.meta.get("split", ""),
            "choices": list(record.choices),
            "answer": int(before.right[row]),
            "before": chances[0][row, :size].tolist(),
            "after": chances[1][row, :size].tolist(),
        }
