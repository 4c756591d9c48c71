"""What the model card says of the results: as data for the Hub, and what they leave open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult

from locale_tune.api import labels

from .charts import diagrams
from .facts import is_number
from .figures import percent, size
from .view import SECTIONS

FEW = 200
# What each part of the report measures, in the words of somebody who misses it.
PARTS = {
    "language": "how well it predicts and writes the language",
    "knowledge": "what it knows",
    "calibration": "whether its confidence is honest",
    "culture": "what it knows of the culture",
    "retention": "what it forgot of other languages",
    "generation": "its free answers: variety, copying, instructions",
}
CALIBRATION = ("accuracy", "ece", "smooth_ece", "brier", "temperature", "ece_scaled")


def eval_results(said: Mapping[str, Any]) -> list[EvalResult]:
    """Return one result per finding with a value, for the `model-index` that the Hub reads.

    The items are the pack's own, so the data set has no id on the Hub: its type is a phrase that
    cannot be taken for one. Base, interval and verdict stand in the arguments of the metric.
    Results of one language stand together, as the Hub keeps them.
    """
    pack = said["pack"]
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=f"items of the locale-tune pack {pack['id']}",
            dataset_name=one_line(f"{pack['name']} pack, {finding['on']}"),
            dataset_config=one_line(finding["on"]),
            metric_type=one_line(finding["check"]),
            metric_name=one_line(finding["label"]),
            metric_value=round(finding["after"], 6),
            metric_args=_arguments(finding),
        )
        for finding in said["findings"]
        if is_number(finding["after"]) and finding["check"] and finding["on"]
    ]
    order = list(dict.fromkeys(result.dataset_config for result in results))
    return sorted(results, key=lambda result: order.index(result.dataset_config))


def _arguments(finding: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        "items": finding["n"],
        "base": finding["before"],
        "change": finding["change"],
        "interval": finding["interval"],
        "p": finding.get("p_holm", finding.get("p")),
        "verdict": finding["verdict"],
        "unit": one_line(finding["unit"]) or None,
        "lower_is_better": finding["lower_is_better"],
    }
    return {key: _rounded(value) for key, value in told.items() if value is not None}


def one_line(text: str) -> str:
    """Return a text that cannot end the front matter: a line of `---` would."""
    return " ".join(text.split())


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


def few(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the findings of so few items that their intervals are wide."""
    return [row for row in rows if row["n"] < FEW]


def unmeasured(groups: Sequence[tuple[str, Any]]) -> list[str]:
    """Return what no finding tells, part by part of the report."""
    there = {section for section, _ in groups}
    return [PARTS[section] for section in SECTIONS if section in PARTS and section not in there]


def calibration(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one table per set of questions: its name, columns, and a row per score."""
    tables = []
    for diagram in diagrams(said["reliability"]):
        rows = [
            (labels.ENGLISH[row["label"]], [_cell(cell) for cell in row["cells"]])
            for row in diagram["rows"]
            if row["label"].removeprefix("score-") in CALIBRATION
        ]
        columns = [labels.ENGLISH[curve["who"]] for curve in diagram["curves"]]
        tables.append({"on": diagram["on"], "columns": columns, "rows": rows})
    return tables


def _cell(cell: Mapping[str, Any]) -> str:
    ends = f" ({cell['ends'][0]} to {cell['ends'][1]})" if cell["ends"] else ""
    return f"{cell['text']}{ends}"


def data_summary(said: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences on what was trained on: how much, in which languages, from what origin."""
    trained = [source for source in said["sources"] if source["trained"] and not source["missing"]]
    if not trained:
        yield "Nothing was trained on."
        return
    whole = sum(source["bytes"] or 0 for source in trained)
    count = "1 source" if len(trained) == 1 else f"{len(trained)} sources"
    yield f"There were {size(whole)} of text to train on, from {count}."
    for key, words in (("origin", "By origin"), ("lang", "By language")):
        shares: dict[str, float] = {}
        for source in trained:
            name = source[key] or said["pack"]["tag"]
            shares[name] = shares.get(name, 0) + (source["bytes"] or 0)
        told = ", ".join(f"{name} {percent(part, whole)}" for name, part in shares.items())
        yield f"{words}: {told}."
