"""Extend a tokenizer or a model without a pack: files of text in, an extended folder out."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from locale_tune.api import (
    Artifact,
    Job,
    LanguagePack,
    Locale,
    PackError,
    Parts,
    Progress,
    Record,
    commit_folder,
    this_machine,
    write_records,
)
from locale_tune_tokenizer.checks.audit import Text, audit
from locale_tune_tokenizer.extend import run
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.texts import SAMPLE_LINES, draw, hash_rank

HELD_OUT = 50  # one line of so many is measured on and not learned from
SHOWN = 5
# What belongs to a tokenizer given as one file.
BESIDE = ("tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json")
# `extend` reads nothing of a pack, and a job has one.
NO_PACK = LanguagePack(
    locale=Locale(id="none", tag="und", script="Zyyy", name="", endonym="", direction="ltr"),
    base_model="",
    stages=("extend",),
    root=Path(),
)


@dataclass
class Bad:
    """Lines that could not be read: how many, and the first few as `file:line: why`."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, where: str, why: str) -> None:
        """Note one."""
        self.count += 1
        if len(self.shown) < SHOWN:
            self.shown.append(f"{where}: {why}")


def extend_alone(
    tokenizer: Path,
    corpus: Sequence[Path],
    protect: Sequence[Path],
    out: Path,
    settings: ExtendSettings,
    seed: int,
    progress: Progress,
) -> tuple[dict[str, Any], Bad]:
    """Write the extended folder `out`; return the facts of `extend` and the unreadable lines.

    `tokenizer` is a tokenizer.json or a model folder; `corpus` are text files of one passage a
    line, or .jsonl with a `text` each; `protect` are such files whose ids must not change.
    Raises PackError for files that cannot be used, StageFailed when a check fails.
    """
    out = out.absolute()
    _require(corpus, protect)
    _require_new(out, tokenizer)
    work = out.with_name(f".work-{out.name}")
    bad = Bad()
    try:
        _make(work, out)
        base = _base(tokenizer, work / "base")
        _write_corpus(work / "corpus", corpus, protect, settings.learn_bytes, seed, bad)
        facts = commit_folder(
            out, lambda folder: dict(_run(base, work, folder, settings, seed, progress))
        )
        return facts, bad
    finally:
        shutil.rmtree(work, ignore_errors=True)


def verify_alone(
    tokenizer: Path, extended: Path, corpus: Sequence[Path], protect: Sequence[Path], seed: int
) -> dict[str, dict[str, Any]]:
    """Audit an extension that somebody made; return the entries of its certificate by name.

    `corpus` and `protect` are files as for `extend_alone`, here only to cut on both sides.
    """
    _require(corpus, protect)
    native, others = (
        draw((record.text for record in _records(paths, Bad())), SAMPLE_LINES, seed)
        for paths in (corpus, protect)
    )
    return audit(tokenizer, extended, Text(native=native, others=others), seed=seed)


def _require(*files: Sequence[Path]) -> None:
    for path in (path for paths in files for path in paths):
        if not path.is_file():
            raise PackError(f"there is no file {path}", "give text files, one passage a line")


def _require_new(out: Path, tokenizer: Path) -> None:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise PackError(f"{out} is there already, and not empty", "name a new folder for --out")
    if tokenizer.is_dir() and out.resolve().is_relative_to(tokenizer.resolve()):
        raise PackError(
            f"{out} lies in the folder that is extended", "name another place for --out"
        )


def _make(work: Path, out: Path) -> None:
    """Make the folder for scratch files anew: a run that was killed may have left its own."""
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise PackError(
            f"{out} cannot be written: {why}", "name another place for --out"
        ) from error


def _run(
    base: Path, work: Path, out: Path, settings: ExtendSettings, seed: int, progress: Progress
) -> Any:
    (work / "scratch").mkdir(parents=True, exist_ok=True)
    inputs = {
        "model": Artifact("model", base, ""),
        "corpus": Artifact("corpus", work / "corpus", ""),
    }
    job = Job(
        pack=NO_PACK,
        parts=Parts(),
        settings=settings,
        inputs=inputs,
        seed=seed,
        fingerprint="",
        out=out,
        work=work / "scratch",
        machine=this_machine(),
        progress=progress,
    )
    return run(job)


def _base(tokenizer: Path, folder: Path) -> Path:
    """Return a folder with the tokenizer to extend."""
    if tokenizer.is_dir():
        return tokenizer
    if not tokenizer.is_file():
        raise PackError(
            f"there is no tokenizer {tokenizer}", "give a tokenizer.json or a model folder"
        )
    folder.mkdir(parents=True)
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    for name in BESIDE:
        if (tokenizer.parent / name).is_file():
            shutil.copyfile(tokenizer.parent / name, folder / name)
    return folder


def _write_corpus(
    folder: Path,
    corpus: Sequence[Path],
    protect: Sequence[Path],
    learn_bytes: int,
    seed: int,
    bad: Bad,
) -> None:
    """Write the splits that `extend` reads: a hashed share of the lines is held out.

    Of a corpus larger than `learn_bytes` a share drawn by hash is kept, so that neither memory nor
    disk depends on its size.
    """
    size = sum(path.stat().st_size for path in corpus)
    limit = int(min(1.0, learn_bytes / max(1, size)) * (1 << 64))

    def drawn(held_out: bool) -> Iterator[Record]:
        for record in _records(corpus, bad if held_out else Bad()):
            rank = hash_rank(seed, record.text)
            if rank < limit and (rank % HELD_OUT == 0) == held_out:
                yield record

    held_out = write_records(folder / "heldout", drawn(held_out=True))
    learned_from = write_records(folder / "text", drawn(held_out=False))
    if held_out and not learned_from:  # the few different lines there are all fell to one side
        (folder / "text").rmdir()
        (folder / "heldout").rename(folder / "text")
    elif not learned_from:
        raise PackError(
            f"no text in {', '.join(map(str, corpus))}",
            "one passage a line in UTF-8, or .jsonl with a 'text' in each object",
            bad.shown[0] if bad.shown else "",
        )
    write_records(folder / "replay", _records(protect, bad, as_is=True))


def _records(paths: Iterable[Path], bad: Bad, *, as_is: bool = False) -> Iterator[Record]:
    """Yield one record per line; `as_is` keeps indentation and whatever normal form it has."""
    for path in paths:
        read = _json_text if path.suffix == ".jsonl" else _plain_text
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                where = f"{path}:{number}"
                try:
                    text = read(line.decode("utf-8-sig")).rstrip("\r\n")
                    text = text if as_is else unicodedata.normalize("NFC", text).strip()
                except (ValueError, RecursionError) as error:
                    bad.add(where, str(error))
                    continue
                if text.strip():
                    yield Record(id=where, source=path.name, lang="und", text=text)


def _plain_text(line: str) -> str:
    return line


def _json_text(line: str) -> str:
    if not line.strip():
        return ""
    found = json.loads(line)
    if not isinstance(found, dict) or not isinstance(found.get("text"), str):
        raise ValueError("no object with a string 'text'")
    found["text"].encode()  # JSON can spell half a surrogate pair, which is no text
    return str(found["text"])
