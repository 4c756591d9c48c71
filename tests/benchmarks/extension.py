"""Real tokenizers, real text: what continued BPE does to tokens per word, and what it breaks.

    python tests/benchmarks/extension.py --tokenizer SmolLM2=MODEL_FOLDER \\
        --tokenizer Gemma-3=TOKENIZER.JSON [--language rm ...] [--markdown | --json]

Needs LOCALE_TUNE_MIRROR with the files of texts.toml. One line of twenty is held out by its hash;
everything printed is measured on those lines. Half of the English lines are protected, the other
half shows what happens to English that was not. The certificate is that of the largest extension.
`docs/tokenizer.md` says where the tokenizers come from.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tokenizers

for folder in ("plugins", "."):
    sys.path.insert(0, str(Path(__file__).parents[2] / folder))
from corpora import divided, mirror_lines

from locale_tune_tokenizer.checks.audit import Text, audit
from locale_tune_tokenizer.checks.converter import CHECK_TEXT
from locale_tune_tokenizer.checks.probes import rendered_chats
from locale_tune_tokenizer.formats.model_folder import Extension, extended, write_tokenizer
from locale_tune_tokenizer.formats.pretokenizer import upgrade
from locale_tune_tokenizer.learning.bpe import Learned
from locale_tune_tokenizer.learning.new_tokens import Sized, new_tokens
from locale_tune_tokenizer.learning.segments import encodings, measure, open_tokenizer
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.texts import draw

LANGUAGES = {
    "rm": "Romansh",
    "ar": "Arabic (Common Voice)",
    "afb": "Arabic (Saudi tweets)",
    "hi": "Hindi",
    "sw": "Swahili",
    "zu": "Zulu",
}
SIZES = (100, 500, 1_000, 2_000)
USED_OF = 1_000
BESIDE = ("tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json")
MOST_CHANGED = 0.005
WORTHWHILE = 0.9  # the pre-tokenizer upgrade is shown where the floor falls below this share of it


@dataclass(frozen=True)
class Base:
    """A tokenizer to extend: its name, its folder with what lies beside it, its tokenizer.json."""

    name: str
    folder: Path
    spec: dict[str, Any]
    chats: list[str]


@dataclass(frozen=True)
class Lines:
    """Text of one language, and English: protected and not."""

    name: str
    text: list[str]
    held_out: list[str]
    protected: list[str]
    replay: list[str]


@dataclass(frozen=True)
class Row:
    """One line of the table; a size that the text has not enough merges for is left out."""

    tokenizer: str
    language: str
    text_bytes: int
    words: int
    floor: float
    tokens_per_word: dict[int, float]
    used: float | None
    taken: int
    at_taken: float
    changed: int
    replay: int
    checks: dict[str, bool | None]
    failed: dict[str, str] = field(default_factory=dict)


def open_base(name: str, path: Path, scratch: Path) -> Base:
    """Return a tokenizer in a folder of its own, with the files that belong to it."""
    source = path if path.is_dir() else path.parent
    file = path / "tokenizer.json" if path.is_dir() else path
    folder = scratch / name
    folder.mkdir()
    shutil.copyfile(file, folder / "tokenizer.json")
    for beside in BESIDE:
        if (source / beside).is_file():
            shutil.copyfile(source / beside, folder / beside)
    has_config = (folder / "tokenizer_config.json").exists()
    spec = json.loads(file.read_text(encoding="utf-8"))
    return Base(name, folder, spec, rendered_chats(folder) if has_config else [])


def lines_of(language: str) -> Lines:
    """Return the text of a language, divided by hash."""
    text, held_out = divided(mirror_lines(language))
    english = draw(mirror_lines("en"), 10**6, seed=0)
    half = len(english) // 2
    return Lines(LANGUAGES[language], text, held_out, english[:half], english[half:])


def learned(base: Base, spec: Mapping[str, Any], lines: Lines, **settings: Any) -> Sized:
    """Learn as `extend` does, with the settings given."""
    guarded = [*lines.protected, *base.chats, CHECK_TEXT]
    wish = ExtendSettings(**settings)
    return new_tokens(spec, lambda: lines.text, lines.held_out, guarded, wish)


def row(base: Base, spec: Mapping[str, Any], lines: Lines, name: str, scratch: Path) -> Row:
    """Measure one tokenizer on one language; `spec` is the one that cuts the text."""
    old = open_tokenizer(spec)
    before = measure(old, lines.held_out)
    most = learned(
        base, spec, lines, size="frequency", min_frequency=2, max_new_tokens=max(SIZES)
    ).learned
    per_word = {0: before.fertility}
    used = None
    for size in (size for size in SIZES if size <= len(most.added)):
        made = extended(spec, first(most, size))
        per_word[size] = measure(open_tokenizer(made.spec), lines.held_out).fertility
        used = share_used(made, lines.held_out) if size == USED_OF else used
    taken = learned(base, spec, lines).learned
    at_taken = measure(open_tokenizer(extended(spec, taken).spec), lines.held_out).fertility
    entries = certificate(base, spec, lines, extended(spec, most), scratch)
    replay = entries["blast radius"]["replay"]
    return Row(
        tokenizer=base.name,
        language=name,
        text_bytes=sum(len(line.encode()) for line in lines.text),
        words=before.words,
        floor=before.floor,
        tokens_per_word=per_word,
        used=used,
        taken=len(taken.added),
        at_taken=at_taken,
        changed=replay["changed"],
        replay=replay["lines"],
        checks={check: entry["passed"] for check, entry in entries.items()},
        failed={c: str(e.get("example")) for c, e in entries.items() if e["passed"] is False},
    )


def first(most: Learned, size: int) -> Learned:
    """Return the first new tokens; letters without a piece of their own come first."""
    return most.first(max(0, size - len(most.letters)))


def share_used(made: Extension, lines: list[str]) -> float:
    """Return the share of new tokens that stand at least once in the lines."""
    seen = {n for found in encodings(open_tokenizer(made.spec), lines) for n in found.ids}
    return len(seen & set(made.ids.values())) / len(made.ids)


def certificate(
    base: Base, spec: Mapping[str, Any], lines: Lines, made: Extension, scratch: Path
) -> dict[str, dict[str, Any]]:
    """Write the extended tokenizer and audit it as a stranger would."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        out = Path(folder)
        shutil.copytree(base.folder, out, dirs_exist_ok=True)
        write_tokenizer(out, made)
        upgraded = None if spec == base.spec else open_tokenizer(spec)
        text = Text(lines.held_out, lines.protected, lines.replay)
        found = audit(base.folder, out, text, max_changed_share=MOST_CHANGED, cut_by=upgraded)
    return {name: dict(entry) for name, entry in found.items()}


def rows(bases: list[Base], languages: list[str], scratch: Path) -> Iterator[Row]:
    """Yield the table line by line; a second line where marks kept with their letters pay."""
    for language in languages:
        lines = lines_of(language)
        english = [*lines.protected, *lines.replay]
        for base in bases:
            yield row(base, base.spec, lines, lines.name, scratch)
            better = upgrade(base.spec, lines.held_out, english, MOST_CHANGED)
            if better.spec and better.floor_after < WORTHWHILE * better.floor_before:
                yield row(base, better.spec, lines, f"{lines.name}, marks", scratch)


def shown(found: Row) -> list[str]:
    """Return the cells of one line."""
    sizes = (found.tokens_per_word.get(size) for size in (0, *SIZES))
    passed = sum(state is True for state in found.checks.values())
    ran = sum(state is not None for state in found.checks.values())
    idle = len(found.checks) - ran
    return [
        found.tokenizer,
        found.language,
        f"{found.floor:.2f}",
        *(f"{value:.2f}" if value else "-" for value in sizes),
        f"{100 * found.used:.0f} %" if found.used is not None else "-",
        f"{found.taken:,} ({found.at_taken:.2f})",
        f"{found.changed} of {found.replay}",
        f"{passed} of {ran}" + (f", {idle} not run" if idle else ""),
    ]


HEAD = [
    "tokenizer",
    "language",
    "floor",
    "base",
    *(f"+{size:,}" for size in SIZES),
    f"used, of {USED_OF:,}",
    "chosen",
    "English changed",
    "checks",
]


def main() -> None:
    """Print a table as it grows: plain, Markdown, or JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--language", action="append", choices=LANGUAGES)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        named = (entry.partition("=") for entry in chosen.tokenizer)
        bases = [open_base(name, Path(path), scratch) for name, _, path in named]
        join = " | ".join if chosen.markdown else "  ".join
        if not chosen.json:
            print(f"tokenizers {tokenizers.__version__}; tokens per word on held-out lines")
            print(f"| {join(HEAD)} |" if chosen.markdown else join(HEAD))
        if chosen.markdown:
            print("|" + "---|" * len(HEAD))
        texts = {}
        for found in rows(bases, chosen.language or [*LANGUAGES], scratch):
            texts[found.language] = (
                f"{found.language}: learned from {found.text_bytes / 1e6:.2f} MB, "
                f"measured on {found.words:,} words"
            )
            cells = shown(found)
            if chosen.json:
                print(json.dumps(asdict(found), ensure_ascii=False), flush=True)
            else:
                print(f"| {join(cells)} |" if chosen.markdown else join(cells), flush=True)
            for check, example in found.failed.items():
                print(f"FAILED {found.tokenizer}, {found.language}: {check}: {example}")
        if not chosen.json:
            print(*texts.values(), sep="\n")


if __name__ == "__main__":
    main()
