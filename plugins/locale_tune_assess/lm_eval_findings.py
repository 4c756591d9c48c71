"""Turn lm-eval's samples of two models into findings: paired by document, with calibration."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locale_tune.api import Finding, PluginError

from .answers import Answers
from .bootstrap import Array, Paired, Statistic, paired, ratio, rows_of, seed_of
from .context import Context
from .held_out import NATS_PER_BIT
from .questions import judgements
from .reliability import diagram, metrics

CALIBRATED = (
    "the softmax over lm-eval's log-likelihoods of the options, per character, times their mean "
    "length"
)
SECTIONS = {"bits_per_byte": "language", "byte_perplexity": "language"}
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
Sample = Mapping[str, Any]


@dataclass(frozen=True)
class Pairs:
    """The samples of one task and one filter, before and after, document by document."""

    task: str
    filter: str
    before: Sequence[Sample]
    after: Sequence[Sample]

    @property
    def on(self) -> str:
        """Return the name of the task, with its filter where it has one, fit for a file name."""
        name = self.task if self.filter == "none" else f"{self.task}-{self.filter}"
        return UNSAFE.sub("_", name)  # lm-eval has filters such as maj@8

    @property
    def groups(self) -> list[str]:
        """Return what each document is resampled with: its own `group`, or itself."""
        return [
            str((sample["doc"] if isinstance(sample["doc"], dict) else {}).get("group", number))
            for number, sample in enumerate(self.before)
        ]


def pairs_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Pairs]:
    """Yield the samples of each task and filter. Raise PluginError for different documents."""
    for task, samples in before["samples"].items():
        for name in dict.fromkeys(sample["filter"] for sample in samples):
            sides = [
                sorted(
                    (sample for sample in side if sample["filter"] == name),
                    key=lambda sample: int(sample["doc_id"]),
                )
                for side in (samples, after["samples"].get(task, []))
            ]
            hashes = [[sample["doc_hash"] for sample in side] for side in sides]
            if hashes[0] != hashes[1]:
                raise PluginError(
                    f"lm-eval gave the two models different documents of '{task}'",
                    "a task must not depend on the model: report it to its author",
                )
            yield Pairs(task, name, *sides)


def findings_of(
    context: Context, pairs: Pairs, higher: Mapping[str, Any], note: str
) -> Iterator[Finding]:
    """Yield a finding for each metric whose value per document lm-eval gives, then calibration."""
    for metric in pairs.before[0]["metrics"]:
        sides = [_addends([s[metric] for s in side]) for side in (pairs.before, pairs.after)]
        if sides[0] is None or sides[1] is None:
            continue
        yield context.finding(
            metric,
            pairs.on,
            f"{pairs.on}, {metric}",
            _paired(context, pairs, sides[0], sides[1], ratio),
            n=len(pairs.before),
            lower_is_better=higher.get(metric) is False,
            section=SECTIONS.get(metric, "knowledge"),
            note=note,
        )
    yield from _calibration(context, pairs, note)


def items(pairs: Pairs) -> Iterator[dict[str, Any]]:
    """Yield one row per document: every metric and the log-likelihoods, before and after."""
    for old, new in zip(pairs.before, pairs.after, strict=True):
        row = {"doc_id": int(old["doc_id"]), "doc_hash": old["doc_hash"]}
        row["target"] = json.dumps(old["target"], ensure_ascii=False, default=str)
        for metric in old["metrics"]:
            row[f"{metric}_before"], row[f"{metric}_after"] = (
                _number(sample[metric]) for sample in (old, new)
            )
        for side, sample in (("before", old), ("after", new)):
            row[f"loglikelihood_{side}"] = [
                answer[0] if isinstance(answer, (list, tuple)) else answer
                for answer in sample["filtered_resps"]
                if isinstance(answer, (list, tuple, float))
            ]
        yield row


def _number(value: Any) -> float | None:
    """Return the value of one document; None for what is no number of its own."""
    if isinstance(value, (list, tuple)):
        pair = _pair(value)
        return pair[0] / pair[1] if pair else None
    return float(value) if isinstance(value, (bool, int, float)) else None


def _pair(value: Any) -> tuple[float, float] | None:
    """Read (log-likelihood, bytes) as (bits, bytes)."""
    if len(value) == 2 and all(isinstance(part, (int, float)) for part in value) and value[1] > 0:
        return -value[0] / NATS_PER_BIT, float(value[1])
    return None


def _addends(values: Sequence[Any]) -> Array | None:
    """Return addends [N, 2] whose `ratio` is the metric; None where that is no such sum.

    A document without a finite value leaves the metric without one.
    """
    if all(isinstance(value, (bool, int, float)) for value in values):
        found = rows_of([float(value) for value in values])
    else:
        pairs = [_pair(value) if isinstance(value, (list, tuple)) else None for value in values]
        if None in pairs:
            return None
        found = np.array(pairs, dtype=np.float64)
    return found if np.isfinite(found).all() else None


def _paired(context: Context, pairs: Pairs, old: Array, new: Array, statistic: Statistic) -> Paired:
    seed = seed_of(context.seed, "lm-eval", pairs.on)
    return paired(old, new, pairs.groups, statistic, context.settings.resamples, seed)


def answers(samples: Sequence[Sample]) -> Answers | None:
    """Return the options' scores as `questions.answers` makes them; None for other tasks."""
    rows = [_options(sample) for sample in samples]
    found = [row for row in rows if row is not None]
    if not found or len(found) < len(rows):
        return None
    scores = np.full((len(found), max(len(row) for row, _ in found)), -np.inf)
    for index, (row, _) in enumerate(found):
        scores[index, : len(row)] = row
    return Answers(scores, np.array([right for _, right in found], dtype=np.int64))


def _options(sample: Sample) -> tuple[Array, int] | None:
    replies, right = sample["filtered_resps"], sample["target"]
    asked = [argument[1] for argument in sample["arguments"] if len(argument) == 2]
    texts = [text.strip() for text in asked if isinstance(text, str)]  # not of a generation
    plain = len(texts) == len(replies) > 1 and "acc_mutual_info" not in sample["metrics"]
    if not plain or isinstance(right, bool) or not isinstance(right, int):
        return None
    values = [reply[0] for reply in replies if isinstance(reply, (list, tuple))]
    if len(values) < len(texts) or not 0 <= right < len(texts) or not all(texts):
        return None
    if not all(math.isfinite(value) for value in values):
        return None
    lengths = np.array([len(text) for text in texts], dtype=np.float64)
    return np.array(values, dtype=np.float64) / lengths * lengths.mean(), right


def _calibration(context: Context, pairs: Pairs, note: str) -> Iterator[Finding]:
    old, new = answers(pairs.before), answers(pairs.after)
    if old is None or new is None:
        return
    settings, note = context.settings, f"{note}; {CALIBRATED}"
    for check, words, more, rows, statistic in judgements((old, new), settings.bins):
        if check != "accuracy":  # lm-eval gave its own
            yield context.finding(
                check,
                pairs.on,
                f"{pairs.on}, {words}",
                _paired(context, pairs, *rows, statistic),
                n=len(pairs.before),
                note=note,
                **more,
            )
    seed = seed_of(context.seed, "lm-eval", pairs.on)
    for name, side in (("before", old), ("after", new)):
        found = metrics(side, pairs.groups, settings.bins, settings.resamples, seed)
        row = diagram(side, side.part([]), found, settings.bins)
        told = {"on": pairs.on, "lang": "", "side": name}
        context.shown.setdefault("reliability", []).append(row | told)
