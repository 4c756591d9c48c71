"""`locale-tune extend`: extend a tokenizer for a language, without a pack."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from locale_tune.api import PackError, did_you_mean
from locale_tune_tokenizer.settings import ExtendSettings

FILES = click.Path(exists=False, path_type=Path)
# Somebody who gives a file has decided that it is enough; the frequency rule still stands. And a
# text given to protect is protected whole.
ALONE = {"min_bytes": 0, "tokens": 0, "protected_share": 1.0, "protected_lines": 100_000}


@click.command("extend")
@click.option("--tokenizer", required=True, type=FILES, help="A tokenizer.json, or a model folder.")
@click.option(
    "--corpus",
    required=True,
    multiple=True,
    type=FILES,
    help="Text of the language, one passage a line, or .jsonl with 'text'.",
)
@click.option(
    "--protect",
    multiple=True,
    type=FILES,
    help="Text, in other languages or code, whose token ids must not change.",
)
@click.option("--out", type=FILES, help="The folder to write; must not exist.")
@click.option(
    "--verify",
    type=FILES,
    help="Write nothing: check this extension of the tokenizer, whoever made it.",
)
@click.option(
    "--new-tokens",
    type=click.IntRange(min=1),
    help="So many new tokens, if the text has them (default: the knee of the curve).",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SETTING=VALUE",
    help="Change one setting of the stage extend; may be given more than once.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of all choices.")
def command(
    tokenizer: Path,
    corpus: tuple[Path, ...],
    protect: tuple[Path, ...],
    out: Path | None,
    verify: Path | None,
    new_tokens: int | None,
    changes: tuple[str, ...],
    seed: int,
) -> None:
    """Teach a BPE tokenizer a language by continued BPE, and prove that nothing broke.

    Works on a tokenizer.json alone, and on a model folder: then the embeddings grow with it.
    """
    settings = settings_of(changes, new_tokens)
    if verify and not out:
        sys.exit(_verify(tokenizer, verify, corpus, protect, seed))
    if verify or not out:
        raise PackError("give either --out or --verify", "--out writes, --verify only checks")
    from locale_tune_tokenizer.alone import extend_alone
    from locale_tune_tokenizer.screen import shown

    def progress(done: float, total: float, note: str = "") -> None:
        click.echo(f"  {note}", err=True)

    facts, bad = extend_alone(tokenizer, corpus, protect, out, settings, seed, progress)
    for line in shown(facts, bad, out):
        click.echo(line)


def _verify(
    tokenizer: Path, extended: Path, corpus: tuple[Path, ...], protect: tuple[Path, ...], seed: int
) -> int:
    """Print the audit of somebody's extension; return 1 when a check failed."""
    from locale_tune_tokenizer.alone import verify_alone
    from locale_tune_tokenizer.screen import checked

    entries = verify_alone(tokenizer, extended, corpus, protect, seed)
    for line in checked(entries):
        click.echo(line)
    return int(any(entry["passed"] is False for entry in entries.values()))


def settings_of(changes: tuple[str, ...], new_tokens: int | None) -> ExtendSettings:
    """Return the settings of a command line. Raises PackError for one that does not fit."""
    values: dict[str, Any] = dict(ALONE)
    if new_tokens is not None:
        values |= {"max_new_tokens": new_tokens, "size": "frequency", "min_frequency": 2}
    for change in changes:
        name, equals, value = change.partition("=")
        name = name.removeprefix("extend.")
        if not equals or name not in ExtendSettings.model_fields:
            raise PackError(
                f"no setting of extend in '{change}'",
                did_you_mean(name, ExtendSettings.model_fields) or "write SETTING=VALUE",
            )
        values[name] = _value(value)
    try:
        return ExtendSettings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise PackError(
            f"{'.'.join(map(str, first['loc']))}: {first['msg']}", "see docs/pack-format.md"
        ) from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
