"""Instruction tuning against TRL's SFTTrainer: tokens a second and peak memory, update by update.

    python -m venv trl && trl/bin/pip install torch==2.13.0 && trl/bin/pip install trl==1.16.0
    python tests/benchmarks/sft.py --base MODEL_FOLDER --peer-python trl/bin/python [--json]

Both sides are processes that stay alive; the driver lets them make one update in turn, A B A B, on
the same eight chats, weights, rate and number of threads. The first update of each is not timed,
but its loss is compared: in float32 both must have done the same work. TRL knows no prompt weight;
there the peer is a plain loop with full logits. Peak memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SIDE = Path(__file__).with_name("sft_side.py")
LENGTHS = {"equal": [119] * 8, "mixed": [41, 55, 73, 90, 110, 132, 181, 270]}
CASES = {
    "plain": ("trl", {}),
    "smoothing 0.1": ("trl", {"smoothing": 0.1}),
    "smoothing 0.1, prompt weight 0.1": ("reference", {"smoothing": 0.1, "prompt-weight": 0.1}),
}


class Side:
    """One process that makes updates on request."""

    def __init__(self, python: str, side: str, dtype: str, chosen, scratch: str, **more) -> None:
        words = [python, str(SIDE), "--side", side, "--dtype", dtype, "--base", chosen.base]
        words += ["--lengths", json.dumps(LENGTHS[chosen.lengths]), "--scratch", scratch]
        words += ["--rows", str(chosen.rows)]
        for name, value in more.items():
            words += [f"--{name}", str(value)]
        threads = {"OMP_NUM_THREADS": str(chosen.threads), "OMP_WAIT_POLICY": "PASSIVE"}
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr if chosen.verbose else subprocess.DEVNULL,
            text=True,
            env={**os.environ, **threads},
        )
        self._read()
        self.first_loss = self.step()["loss"]
        self.seconds: list[float] = []
        self.peak = 0.0

    def step(self) -> dict[str, float]:
        """Let it make one update; return what it said."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self._read()

    def timed(self) -> None:
        """Let it make one update that counts."""
        said = self.step()
        self.seconds.append(said["seconds"])
        self.peak = max(self.peak, said["peak_mb"])

    def end(self) -> None:
        """Stop the process."""
        self.process.kill()
        self.process.communicate()

    def _read(self) -> dict[str, float]:
        for line in self.process.stdout:
            if line.startswith("BENCH "):
                return json.loads(line.removeprefix("BENCH "))
        raise SystemExit(f"{self.process.args[3]} ended with {self.process.wait()}; try --verbose")


def compare(name: str, dtype: str, chosen, scratch: str) -> dict[str, object]:
    """Return one row: both sides in turn on one case."""
    peer, more = CASES[name]
    python = chosen.peer_python if peer == "trl" else sys.executable
    sides = [
        Side(sys.executable, "ours", dtype, chosen, scratch, **more),
        Side(python, peer, dtype, chosen, scratch, **more),
    ]
    apart = abs(sides[0].first_loss / sides[1].first_loss - 1)
    if dtype == "float32" and apart > 1e-3:
        raise SystemExit(f"{name}: the losses differ: {[side.first_loss for side in sides]}")
    for _ in range(chosen.repeats):
        for side in sides:
            side.timed()
    for side in sides:
        side.end()
    tokens = sum(LENGTHS[chosen.lengths])
    mine, its = (tokens / statistics.median(side.seconds) for side in sides)
    return {
        "case": name,
        "dtype": dtype,
        "peer": peer,
        "ours_tokens_per_second": mine,
        "peer_tokens_per_second": its,
        "speed_ratio": statistics.median(
            b / a for a, b in zip(sides[0].seconds, sides[1].seconds, strict=True)
        ),
        "ours_peak_mb": sides[0].peak,
        "peer_peak_mb": sides[1].peak,
        "memory_ratio": sides[0].peak / sides[1].peak,
        "first_losses_apart": apart,
        "seconds": [side.seconds for side in sides],
    }


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, help="a model folder")
    parser.add_argument("--peer-python", required=True, help="the Python of TRL's environment")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--lengths", choices=sorted(LENGTHS), default="equal")
    parser.add_argument("--rows", type=int, default=1, help="rows that our side packs them into")
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--verbose", action="store_true", help="show what the sides print")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for dtype in chosen.dtypes.split(","):
            for name in CASES:
                row = compare(name, dtype, chosen, scratch)
                rows.append(row)
                if not chosen.json:
                    print(
                        f"{name:34} {dtype:9} ours {row['ours_tokens_per_second']:5.0f} tokens/s, "
                        f"{row['peer']} {row['peer_tokens_per_second']:5.0f}: "
                        f"{row['speed_ratio']:.2f} x; peak {row['ours_peak_mb']:,.0f} MB against "
                        f"{row['peer_peak_mb']:,.0f}: {row['memory_ratio']:.2f}",
                        flush=True,
                    )
    if chosen.json:
        print(json.dumps({"threads": chosen.threads, "lengths": chosen.lengths, "rows": rows}))


if __name__ == "__main__":
    main()
