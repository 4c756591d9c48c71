"""Real text for the benchmarks, from the folder LOCALE_TUNE_MIRROR; a made corpus without one.

`texts.toml` names the files by SHA-256, with where they come from and under which licence.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from itertools import accumulate
from pathlib import Path

from locale_tune_tokenizer.texts import hash_rank

VERSE = re.compile(r'<seg id="[^"]*" type="verse">\s*(.*?)\s*</seg>', re.DOTALL)
HELD_OUT = 20  # one line of so many is measured on and not learned from
VOCABULARY = 200_000


def mirror_lines(*langs: str) -> list[str]:
    """Return the lines of the texts in these languages, as the mirror holds them.

    Raises SystemExit with a remedy when a file is missing.
    """
    named = tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))
    wanted = [file for lang in langs for file in named["files"] if file["lang"] == lang]
    return [line for file in wanted for line in _read(_found(file), file["as"])]


def languages() -> list[str]:
    """Return all languages that `texts.toml` names, in its order."""
    named = tomllib.loads(Path(__file__).with_name("texts.toml").read_text(encoding="utf-8"))
    return list(dict.fromkeys(file["lang"] for file in named["files"]))


def has_mirror() -> bool:
    """Tell whether there is a mirror to read from."""
    return bool(os.environ.get("LOCALE_TUNE_MIRROR"))


def _found(file: dict[str, str]) -> Path:
    mirror = os.environ.get("LOCALE_TUNE_MIRROR")
    if not mirror:
        raise SystemExit("set LOCALE_TUNE_MIRROR to a folder with the files of texts.toml")
    for path in sorted(Path(mirror).rglob(file["name"])):
        if hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]:
            return path
    raise SystemExit(f"LOCALE_TUNE_MIRROR lacks {file['name']} ({file['sha256'][:12]}...)")


def _read(path: Path, kind: str) -> Iterator[str]:
    kind, _, column = kind.partition(":")
    text = path.read_text(encoding="utf-8-sig")
    for line in READERS[kind](text, int(column or 0)):
        if line.strip():
            yield " ".join(line.split())


def _lines(text: str, _: int) -> Iterable[str]:
    return text.splitlines()


def _wiki(text: str, _: int) -> Iterable[str]:
    return (line for line in text.splitlines() if not line.startswith(("<doc", "</doc")))


def _verses(text: str, _: int) -> Iterable[str]:
    return VERSE.findall(text)


def _pages(text: str, _: int) -> Iterable[str]:
    return (page for line in text.splitlines() for page in json.loads(line)["pages"])


def _csv(text: str, column: int) -> Iterable[str]:
    rows = csv.reader(StringIO(text, newline=""))
    return [row[column] for row in rows if len(row) > column][1:]


def _tsv(text: str, column: int) -> Iterable[str]:
    rows = (line.split("\t") for line in text.splitlines())
    return [row[column] for row in rows if len(row) > column][1:]


READERS: dict[str, Callable[[str, int], Iterable[str]]] = {
    "lines": _lines,
    "wiki": _wiki,
    "verses": _verses,
    "pages": _pages,
    "csv": _csv,
    "tsv": _tsv,
}


def divided(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return (text, held out): distinct lines, one of twenty held out by its hash."""
    text: list[str] = []
    held_out: list[str] = []
    for line in dict.fromkeys(lines):
        (held_out if hash_rank(0, line) % HELD_OUT == 0 else text).append(line)
    return text, held_out


def made_lines(size: int, seed: int = 0) -> Iterator[str]:
    """Yield about `size` bytes of made text: words of syllables, frequent as Zipf's law has it."""
    chance = random.Random(seed)
    syllables = [a + b + c for a in "bdfgklmnprstvz" for b in "aeiouüö" for c in ("", "n", "s")]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(VOCABULARY)]
    weights = list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    written = 0
    while written < size:
        line = " ".join(chance.choices(words, cum_weights=weights, k=12)).capitalize() + "."
        written += len(line.encode()) + 1
        yield line
