"""`locale-tune select`: choose the best and most different lines of JSONL files, without a pack."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from locale_tune.api import Message, PackError, Record, Selector, did_you_mean, disk_errors
from locale_tune_curation.settings import SelectSettings

FILES = click.Path(exists=False, dir_okay=False, path_type=Path)
SHOWN = 5
# What the columns of other collections are called: (question, more of it, answer).
COLUMNS = (
    ("instruction", "input", "output"),
    ("prompt", "", "response"),
    ("prompt", "", "completion"),
    ("question", "", "answer"),
)
SPEAKERS = {"human": "user", "gpt": "assistant", "user": "user", "assistant": "assistant"}
SPEAKERS |= {"system": "system"}


class NoLesson(ValueError):
    """A line is no lesson; the message says why."""


@click.command("select")
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option("--out", required=True, type=FILES, help="The file to write; must not exist.")
@click.option("--selector", default="mdaq", show_default=True, help="How to choose.")
@click.option("--budget", type=click.IntRange(min=1), help="Choose so many lines.")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), help="Choose such a share.")
@click.option("--kilobytes", type=float, help="Choose so much text.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SETTING=VALUE",
    help="Change one setting of the stage select; may be given more than once.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of all choices.")
def command(
    files: tuple[Path, ...],
    out: Path,
    selector: str,
    budget: int | None,
    share: float | None,
    kilobytes: float | None,
    changes: tuple[str, ...],
    seed: int,
) -> None:
    """Choose the best and most different lines of JSONL FILES, best first; lines stay as they are.

    A line is an object with messages or conversations, or a question and an answer such as
    instruction and output, or text.
    """
    values: dict[str, Any] = {"selector": selector, "budget": budget}
    values |= {"budget_share": share, "budget_kilobytes": kilobytes}
    settings = settings_of(values, changes)
    if out.exists():
        raise PackError(f"{out} is there already", "give another file with --out")
    from locale_tune_curation import SELECTORS
    from locale_tune_curation.pool import pool_of
    from locale_tune_curation.report import report
    from locale_tune_curation.select import choose

    lines: list[bytes] = []
    records: list[Record] = []
    problems: Counter[str] = Counter()
    for line, record in _read(files, problems):
        lines.append(line)
        records.append(record)
    if not records:
        raise PackError(f"there is no lesson in these files: {dict(problems)}", "see --help")
    pool = pool_of(records, settings, seed)
    known = {name: Selector(name, select=function) for name, (function, _) in SELECTORS.items()}
    picked = choose(pool, known, settings, seed)
    _write(out, [lines[index] for index in picked])
    click.echo(f"{len(picked):,} of {len(records):,} lines by '{selector}' -> {out}")
    for shown in told(report(pool, picked, settings)):
        click.echo(shown)


def settings_of(values: Mapping[str, Any], changes: tuple[str, ...]) -> SelectSettings:
    """Return the settings of a command line. Raises PackError for one that does not fit."""
    given = {name: value for name, value in values.items() if value is not None}
    for change in changes:
        name, equals, value = change.partition("=")
        name = name.removeprefix("select.")
        if not equals or name not in SelectSettings.model_fields:
            raise PackError(
                f"no setting of select in '{change}'",
                did_you_mean(name, SelectSettings.model_fields) or "write SETTING=VALUE",
            )
        try:
            given[name] = json.loads(value)
        except ValueError:
            given[name] = value
    try:
        return SelectSettings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise PackError(
            f"{'.'.join(map(str, first['loc']))}: {first['msg']}", "see docs/pack-format.md"
        ) from error


def told(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the facts of a choice, line by line."""
    figures = facts.get("diversity", {})
    if figures:
        yield f"\n{'':16}{'before':>12}{'after':>12}"
        for name in figures["before"]:
            before, after = (figures[when].get(name, 0) for when in ("before", "after"))
            yield f"{name:16}{before:>12,.4g}{after:>12,.4g}"
    for key, values in facts["kept"].items():
        if len(values) > 1:
            counts = ", ".join(f"{name} {n:,} of {all_:,}" for name, (all_, n) in values.items())
            yield f"{key}: {counts}"


def lesson(value: Any, identity: str) -> Record:
    """Return the lesson that a line holds. Raise NoLesson with the reason."""
    if not isinstance(value, dict):
        raise NoLesson("not an object")
    turns = value.get("messages") or value.get("conversations")
    if isinstance(turns, list):
        messages = tuple(_turn(turn) for turn in turns)
    elif isinstance(value.get("text"), str):
        messages = (Message(role="assistant", content=value["text"]),)
    else:
        messages = _pair(value)
    if not any(message.content.strip() for message in messages):
        raise NoLesson("no text")
    tags = {key: str(tag) for key, tag in value.items() if isinstance(tag, str | int | float)}
    return Record(
        id=identity,
        source=identity.partition(":")[0],
        lang=tags.get("lang", ""),
        variety=tags.get("variety", ""),
        messages=messages,
        meta=tags,
    )


def _turn(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise NoLesson("a turn is not an object")
    role = SPEAKERS.get(str(turn.get("role") or turn.get("from")))
    content = turn.get("content", turn.get("value"))
    if role is None or not isinstance(content, str):
        raise NoLesson("a turn without a known role and text")
    return Message.model_validate({"role": role, "content": content})


def _pair(value: Mapping[str, Any]) -> tuple[Message, ...]:
    for asked, more, answer in COLUMNS:
        if isinstance(value.get(asked), str) and isinstance(value.get(answer), str):
            question = "\n".join(filter(None, (value[asked], value.get(more) if more else "")))
            return (
                Message(role="user", content=question),
                Message(role="assistant", content=value[answer]),
            )
    raise NoLesson("neither messages nor a question and an answer nor text")


def _read(files: tuple[Path, ...], problems: Counter[str]) -> Iterator[tuple[bytes, Record]]:
    """Yield each line with its lesson; lines that hold none are told and counted."""
    for path in files:
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    where = f"{path.name}:{number}"
                    try:
                        if line.strip():
                            yield line, lesson(json.loads(line.decode("utf-8")), where)
                    except (ValueError, RecursionError) as error:
                        reason = str(error) if isinstance(error, NoLesson) else "not JSON in UTF-8"
                        problems[reason] += 1
                        if problems[reason] <= SHOWN:
                            click.echo(f"  left out {where}: {reason}", err=True)
        except OSError as error:
            raise PackError(
                f"{path} cannot be read: {error.strerror}", "name JSONL files"
            ) from error


def _write(out: Path, lines: list[bytes]) -> None:
    """Write the lines aside and rename, so that half a choice is never taken for a whole one."""
    aside = out.with_name(f".{out.name}.{os.getpid()}")
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.writelines(line.rstrip(b"\r\n") + b"\n" for line in lines)
        aside.replace(out)
