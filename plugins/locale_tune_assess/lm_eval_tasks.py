"""A pack's own tasks for lm-evaluation-harness, and the run's own items as data for them.

lm-eval runs Python that a task file names (`!function`), and its templates are not in a sandbox. A
pack without code must not get code run through them, so of a pack's `tasks/*.yaml` only plain
keys and templates of the form `{{ column }}` are taken. Whoever trusts other files names their
folder with `--include-path`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from locale_tune.api import PackError, Record, did_you_mean

from .context import Context
from .formats import is_usable, shuffled
from .held_out import document_sets, group_of
from .languages import tag_of

TEMPLATE = re.compile(r"(?:[^{}]|\{\{ *[A-Za-z_]\w* *\}\})*")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
DATASET = re.compile(r"json|[\w-]+/[\w.-]+")
TEMPLATES = ("doc_to_text", "doc_to_target", "doc_to_choice", "description")
KEYS = (
    *TEMPLATES,
    "task",
    "task_alias",
    "dataset_path",
    "dataset_name",
    "dataset_kwargs",
    "training_split",
    "validation_split",
    "test_split",
    "fewshot_split",
    "num_fewshot",
    "output_type",
    "target_delimiter",
    "fewshot_delimiter",
    "metric_list",
    "metadata",
)
METRIC_KEYS = ("metric", "aggregation", "higher_is_better")
# Those that lm-eval has itself. It takes any other name for a metric of `evaluate`, which imports
# NAME/NAME.py from the folder where the command runs.
METRICS = (
    "acc",
    "acc_all",
    "acc_bytes",
    "acc_mutual_info",
    "acc_norm",
    "bits_per_byte",
    "bleu",
    "brier_score",
    "byte_perplexity",
    "bypass",
    "chrf",
    "chrf++",
    "exact_match",
    "f1",
    "likelihood",
    "mcc",
    "perplexity",
    "ter",
    "word_perplexity",
)
MOST_BYTES = 100_000


def pack_tasks(folder: Path) -> dict[str, Path]:
    """Return the task files of a pack by the name of their task: that of the file."""
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_task(path: Path, data: Path) -> dict[str, Any]:
    """Return a task of a pack as lm-eval takes it; its data stands beside it or in `data`.

    Raises PackError, with the file, for anything that could run code or lead outside these folders.
    """
    config = _checked(path)
    if files := (config.get("dataset_kwargs") or {}).get("data_files"):
        if not isinstance(files, dict):
            raise _bad(path, "data_files is no table", "write  test: FILE.jsonl")
        places = {str(split): _data_file(path, name, data) for split, name in files.items()}
        config["dataset_kwargs"] = {"data_files": places}
    return config


def _checked(path: Path) -> dict[str, Any]:
    import yaml  # comes with lm-eval

    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes")
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        problem = str(error).partition("\n")[0]
        raise _bad(path, f"it is no plain YAML: {problem}", "no !function in a pack") from error
    if not isinstance(config, dict) or config.get("task") != path.stem or not _is_name(path.stem):
        raise _bad(path, "its task has another name than the file", f"write  task: {path.stem}")
    for key in config:
        if key not in KEYS:
            near = did_you_mean(str(key), KEYS) or f"a pack's task may have {', '.join(KEYS)}"
            raise _bad(path, f"the key '{key}' is not taken from a pack", near)
    for key in TEMPLATES:
        if not _is_plain(config.get(key, "")):
            raise _bad(path, f"{key} is more than text and columns", "write {{ column }} only")
    if not DATASET.fullmatch(str(config.get("dataset_path", "json"))):
        raise _bad(path, "dataset_path is no data set", "write json, or the ORG/NAME of a Hub id")
    kwargs = config.get("dataset_kwargs") or {}
    if not isinstance(kwargs, dict) or set(kwargs) - {"data_files"}:
        raise _bad(path, "dataset_kwargs may hold data_files only", "leave the others out")
    told = config.get("metadata") or {}
    if not isinstance(told, dict) or set(told) - {"version"} or not _is_scalar(told.get("version")):
        raise _bad(path, "metadata may hold a version only", "leave the others out")
    for key in set(config) - {*TEMPLATES, "dataset_kwargs", "metadata", "metric_list"}:
        if not _is_scalar(config[key]):
            raise _bad(path, f"{key} is more than one value", "write one word or number")
    _check_metrics(path, config.get("metric_list") or [])
    return config


def _check_metrics(path: Path, metrics: Any) -> None:
    for metric in metrics if isinstance(metrics, list) else [metrics]:
        plain = isinstance(metric, dict) and all(map(_is_scalar, metric.values()))
        if not plain or set(metric) - {*METRIC_KEYS}:
            raise _bad(path, "metric_list holds more than names", f"write {', '.join(METRIC_KEYS)}")
        if metric.get("metric") not in METRICS:
            known = f"lm-eval has {', '.join(METRICS)}"
            near = did_you_mean(str(metric.get("metric")), METRICS) or known
            raise _bad(path, "metric_list names a metric that lm-eval does not have", near)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and NAME.fullmatch(value) is not None


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) and _is_plain(item) for item in value)
    return isinstance(value, int) or bool(isinstance(value, str) and TEMPLATE.fullmatch(value))


def _data_file(path: Path, name: Any, data: Path) -> str:
    for folder in (path.parent, data):
        try:
            place = (folder / str(name)).resolve()
            if place.is_relative_to(folder.resolve()) and place.is_file():
                return str(place)
        except (OSError, ValueError):  # too long for a name, or with a NUL
            continue
    here = ", ".join(sorted(file.name for file in data.glob("*.jsonl"))) or "none"
    raise _bad(
        path,
        f"there is no data file {str(name)[:80]!r}",
        f"put it beside; of the run there are {here}",
    )


def _bad(path: Path, problem: str, remedy: str) -> PackError:
    return PackError(problem, remedy, f"{path.parent.name}/{path.name}")


def write_items(context: Context, folder: Path) -> None:
    """Write what `assess` measured with as JSONL: questions-, cloze-, heldout- and control-TAG.

    Questions: id, question, choices, answer (an index). Texts: id, text, group. The same items, in
    the same order of options, as the checks of the build had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, Any]]] = {}
    for record in context.items("questions", context.settings.max_questions):
        if is_usable(record) and record.meta.get("split") != "dev" and "joiner" not in record.meta:
            kind = "cloze" if record.meta.get("format") == "cloze" else "questions"
            tag = tag_of(record.lang, context.locale)
            row = _question(shuffled(record, context.seed))
            rows.setdefault(f"{kind}-{tag}", []).append(row)
    for (split, tag), records in document_sets(context).items():
        rows[f"{split}-{tag}"] = [*_texts(records)]
    for name, lines in rows.items():
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


def _question(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "group": group_of(record),
        "question": record.question.strip(),
        "choices": [choice.strip() for choice in record.choices],
        "answer": record.answer,
    }


def _texts(records: list[Record]) -> Iterator[dict[str, Any]]:
    for record in records:
        yield {"id": record.id, "group": group_of(record), "text": record.text}
