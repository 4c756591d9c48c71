"""`collect` against datatrove: documents a second and peak memory on the same file and filters.

    python -m venv peer && peer/bin/pip install -c constraints.txt -e '.[corpus]' \\
        datatrove==0.10.1 orjson 'xxhash<4' nltk
    LOCALE_TUNE_MIRROR=FOLDER python tests/benchmarks/collect.py --peer-python peer/bin/python \\
        [--megabytes 50 200 400] [--repeats 3] [--json]

The text is made: sentences of the real Romansh Wikipedia in the mirror folder, shuffled into
documents, with a share of words exchanged and every tenth document repeated. Both sides run the
same four filter functions of this project on 2 cores, and find near copies by MinHash: ours on
character 5-grams with 120 minima, datatrove's on word 5-grams with its default of 112, words split
at white space (its fastest tokenizer). Ours also drops exact copies, holds text out and takes
leaks out; its search for personal data is off, since the other side does not do that here. Each
side is a process of its own; its peak is the sum over its processes, sampled.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SIDE = Path(__file__).with_name("collect_side.py")
ROOT = Path(__file__).parents[2]
EXCHANGED, REPEATED = 0.15, 0.1


def sentences() -> list[str]:
    """Return the sentences of the Romansh Wikipedia in the mirror folder."""
    folder = Path(os.environ["LOCALE_TUNE_MIRROR"]) / "rm-wikipedia"
    lines = [line for f in sorted(folder.glob("wiki_*")) for line in f.read_text().splitlines()]
    found = [line for line in lines if len(line) > 40 and not line.startswith("<")]
    if not found:
        raise SystemExit(f"no Romansh Wikipedia in {folder}; set LOCALE_TUNE_MIRROR")
    return found


def write_text(path: Path, megabytes: int) -> int:
    """Write a JSONL file of about that size; return the number of documents."""
    pick, known = random.Random(megabytes), sentences()
    words = " ".join(known).split()
    size = count = 0
    text = ""
    with path.open("w", encoding="utf-8") as file:
        while size < megabytes * 1_000_000:
            if not count or pick.random() >= REPEATED:
                drawn = "\n".join(pick.choices(known, k=pick.randint(2, 12))).split(" ")
                text = " ".join(
                    pick.choice(words) if pick.random() < EXCHANGED else w for w in drawn
                )
            size += file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            count += 1
    return count


def measure(python: str, side: str, path: Path, scratch: Path) -> dict[str, float]:
    """Run one side; return its seconds, peak megabytes and the documents it kept."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "plugins", ROOT / "tests")))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        process = subprocess.Popen(
            [python, str(SIDE), side, str(path), folder],
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, _memory(psutil.Process(process.pid)))
            time.sleep(0.1)
        seconds = time.monotonic() - began
        said = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{side} ended with {process.returncode}")
    return {"seconds": seconds, "peak_mb": peak / 1e6, "kept": json.loads(said.splitlines()[-1])}


def _memory(process: psutil.Process) -> int:
    """Return the proportional memory of a process and its children, in bytes."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_full_info().pss
    except psutil.Error:
        pass
    return total


def compare(megabytes: int, chosen: argparse.Namespace, scratch: Path) -> dict[str, float]:
    """Return one row: both sides in turn, medians."""
    path = scratch / f"{megabytes}.jsonl"
    documents = write_text(path, megabytes)
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "datatrove": []}
    for _ in range(chosen.repeats):
        runs["ours"].append(measure(sys.executable, "ours", path, scratch))
        if chosen.peer_python:
            runs["datatrove"].append(measure(chosen.peer_python, "datatrove", path, scratch))
    path.unlink()
    row: dict[str, float] = {"megabytes": megabytes, "documents": documents}
    for side, made in runs.items():
        if made:
            row[f"{side}_docs_per_s"] = documents / statistics.median(r["seconds"] for r in made)
            row[f"{side}_peak_mb"] = statistics.median(r["peak_mb"] for r in made)
            row[f"{side}_kept"] = made[-1]["kept"]
    if runs["datatrove"]:
        row["ratio"] = row["ours_docs_per_s"] / row["datatrove_docs_per_s"]
    return row


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", default="")
    parser.add_argument("--megabytes", type=int, nargs="+", default=[50, 200, 400])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [compare(megabytes, chosen, Path(folder)) for megabytes in chosen.megabytes]
    if chosen.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print("  ".join(f"{name} {value:,.2f}" for name, value in row.items()))


if __name__ == "__main__":
    main()
