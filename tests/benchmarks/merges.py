"""How fast 1,000 merges are learned, at four sizes of text, beside the trainer of `tokenizers`.

    python tests/benchmarks/merges.py [--tokenizer MODEL_FOLDER_OR_FILE] [--repeats N] [--json]

Ours continues the merges of a tokenizer: SmolLM2's, say, or without --tokenizer a small one
trained here. The peer trains a byte-level BPE of 256 + 1,000 tokens from nothing, which is less:
there are no old merges to run the text through. Both read the same file of lines as a stream, each
run in a process of its own, so that its peak memory is its own. With LOCALE_TUNE_MIRROR the text is
real, in many languages mixed line by line; without, it is made.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

for folder in ("plugins", "."):
    sys.path.insert(0, str(Path(__file__).parents[2] / folder))
from corpora import has_mirror, languages, made_lines, mirror_lines

from locale_tune_tokenizer.formats.bytelevel import merges_of, pieces_of
from locale_tune_tokenizer.formats.model_folder import extended
from locale_tune_tokenizer.formats.styles import style_of
from locale_tune_tokenizer.learning.bpe import learn
from locale_tune_tokenizer.learning.new_tokens import refuse_by
from locale_tune_tokenizer.learning.segments import count_segments, open_tokenizer
from locale_tune_tokenizer.texts import hash_rank

NEW, ALPHABET = 1_000, 256
SIZES = (1, 2, 5, 10)  # megabytes
MB = 1_000_000
RSS_UNIT = 1_024  # Linux counts the peak in kilobytes


def stream(path: Path, size: int) -> Iterator[str]:
    """Yield the lines of a file up to `size` bytes."""
    read = 0
    with path.open(encoding="utf-8") as file:
        for line in file:
            read += len(line.encode())
            if read > size:
                return
            yield line.rstrip("\n")


def ours(path: Path, size: int, tokenizer: Path) -> dict[str, float]:
    """Learn merges on top of a tokenizer; return seconds by part."""
    spec = json.loads(tokenizer.read_text(encoding="utf-8"))
    old = open_tokenizer(spec)
    began = time.perf_counter()
    counted = count_segments(old, stream(path, size))
    middle = time.perf_counter()
    learned = learn(
        counted,
        merges_of(spec),
        pieces_of(spec),
        refuse=refuse_by(spec, 24),
        max_new=NEW,
        min_count=2,
        every_split=style_of(spec).every_split,
    )
    extended(spec, learned)
    ended = time.perf_counter()
    if len(learned.tokens) != NEW:
        raise SystemExit(f"the text holds only {len(learned.tokens)} new tokens")
    return {"counting_s": middle - began, "learning_s": ended - middle, "total_s": ended - began}


def peer(path: Path, size: int, _: Path) -> dict[str, float]:
    """Train a byte-level BPE from nothing with the library's own trainer."""
    began = time.perf_counter()
    trained(stream(path, size), ALPHABET + NEW)
    return {"total_s": time.perf_counter() - began}


def trained(lines: Iterator[str], vocabulary: int) -> Tokenizer:
    """Return a byte-level BPE trained on lines."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


SIDES = {"ours": ours, "peer": peer}


def child(side: str, path: Path, size: int, tokenizer: Path) -> None:
    """Run one side and print its figures; the parent reads them."""
    figures = SIDES[side](path, size, tokenizer)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / MB
    print(json.dumps({**figures, "peak_mb": peak}))


def measured(side: str, path: Path, size: int, tokenizer: Path, repeats: int) -> dict[str, float]:
    """Return the median of each figure over runs in processes of their own."""
    command = [sys.executable, __file__, "--child", side, str(path), str(size), str(tokenizer)]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        for _ in range(repeats)
    ]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def write_text(path: Path, size: int) -> str:
    """Write a corpus of at least `size` bytes; return what it is."""
    if has_mirror():
        lines = sorted(mirror_lines(*languages()), key=lambda line: hash_rank(0, line))
        said = f"real text in {len(languages())} languages, mixed line by line"
    else:
        lines = list(made_lines(size + MB))
        said = "made text (LOCALE_TUNE_MIRROR is not set)"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if path.stat().st_size < size:
        raise SystemExit(f"the texts hold only {path.stat().st_size / MB:.1f} MB")
    return said


def base(chosen: Path | None, folder: Path) -> tuple[Path, str]:
    """Return the tokenizer to extend and its name; a small one is trained when none was given."""
    if chosen:
        path = chosen / "tokenizer.json" if chosen.is_dir() else chosen
        vocabulary = Tokenizer.from_file(str(path)).get_vocab_size()
        return path, f"the tokenizer given, {vocabulary:,} tokens"
    path = folder / "tokenizer.json"
    trained(made_lines(MB, seed=1), 8_192).save(str(path))
    return path, "a tokenizer of 8,192 tokens trained here"


def table(repeats: int, chosen: Path | None) -> dict[str, Any]:
    """Measure both sides at every size."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        text = write_text(folder / "text.txt", max(SIZES) * MB)
        tokenizer, name = base(chosen, folder)
        rows = []
        for size in SIZES:
            mine, its = (
                measured(side, folder / "text.txt", size * MB, tokenizer, repeats) for side in SIDES
            )
            rows.append({"mb": size, "ours": mine, "peer": its})
    return {"text": text, "tokenizer": name, "repeats": repeats, "rows": rows}


def main() -> None:
    """Print a table, or JSON."""
    if sys.argv[1:2] == ["--child"]:
        side, path, size, tokenizer = sys.argv[2:]
        return child(side, Path(path), int(size), Path(tokenizer))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = table(chosen.repeats, chosen.tokenizer)
    found |= {"cores": len(os.sched_getaffinity(0)), "tokenizers": tokenizers.__version__}
    if chosen.json:
        print(json.dumps(found))
        return None
    print(f"{found['cores']} cores, tokenizers {found['tokenizers']}; {found['tokenizer']};")
    print(f"{found['text']}; {NEW:,} new tokens, medians of {found['repeats']} runs")
    print("   MB  counting  learning     total  s per MB  peak MB |  trainer  peak MB | ratio")
    for row in found["rows"]:
        mine, its = row["ours"], row["peer"]
        print(
            f"{row['mb']:5}{mine['counting_s']:9.2f}s{mine['learning_s']:9.2f}s"
            f"{mine['total_s']:9.2f}s{mine['total_s'] / row['mb']:10.2f}{mine['peak_mb']:9,.0f} |"
            f"{its['total_s']:8.2f}s{its['peak_mb']:9,.0f} |{mine['total_s'] / its['total_s']:6.2f}"
        )
    return None


if __name__ == "__main__":
    main()
