"""One update of DPO against TRL's DPOTrainer: tokens a second and peak memory, in turn.

    python -m venv trl && trl/bin/pip install torch==2.13.0 && trl/bin/pip install trl==1.16.0
    python tests/benchmarks/dpo.py --base MODEL_FOLDER --peer-python trl/bin/python [--json]

Both sides are processes that stay alive; the driver lets them make one update in turn, A B A B, on
the same eight pairs, rate and number of threads. Reference log-probabilities are computed before,
on both sides (TRL: `precompute_ref_log_probs`). The first update is not timed, but its loss is
compared: at the start both must say log 2, and after it, in float32, both must have done the same
work. Tokens are those of both answers with their prompts. Peak memory is that of the whole process.
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

SIDE = Path(__file__).with_name("dpo_side.py")


class Side:
    """One process that makes updates on request."""

    def __init__(self, python: str, side: str, dtype: str, chosen, scratch: str) -> None:
        words = [python, str(SIDE), "--side", side, "--dtype", dtype, "--base", chosen.base]
        words += [
            "--scratch",
            scratch,
            "--pairs",
            str(chosen.pairs),
            "--length",
            str(chosen.length),
        ]
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
        self.losses = [self.step()["loss"]]
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
        self.losses.append(said["loss"])
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


def compare(dtype: str, chosen, scratch: str) -> dict[str, object]:
    """Return one row: both sides in turn."""
    sides = [
        Side(sys.executable, "ours", dtype, chosen, scratch),
        Side(chosen.peer_python, "trl", dtype, chosen, scratch),
    ]
    for _ in range(chosen.repeats):
        for side in sides:
            side.timed()
    for side in sides:
        side.end()
    apart = max(abs(a - b) for a, b in zip(sides[0].losses, sides[1].losses, strict=True))
    if dtype == "float32" and apart > chosen.apart:
        raise SystemExit(f"the losses differ: {[side.losses for side in sides]}")
    tokens = 2 * chosen.pairs * chosen.length
    mine, its = (tokens / statistics.median(side.seconds) for side in sides)
    ratios = [b / a for a, b in zip(sides[0].seconds, sides[1].seconds, strict=True)]
    return {
        "dtype": dtype,
        "ours_tokens_per_second": mine,
        "trl_tokens_per_second": its,
        "speed_ratio": statistics.median(ratios),
        "ours_peak_mb": sides[0].peak,
        "trl_peak_mb": sides[1].peak,
        "memory_ratio": sides[0].peak / sides[1].peak,
        "losses": [side.losses for side in sides],
        "seconds": [side.seconds for side in sides],
    }


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, help="a model folder")
    parser.add_argument("--peer-python", required=True, help="the Python of TRL's environment")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--length", type=int, default=119, help="tokens of a prompt with an answer")
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--apart", type=float, default=1e-3, help="largest difference of losses")
    parser.add_argument("--verbose", action="store_true", help="show what the sides print")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for dtype in chosen.dtypes.split(","):
            row = compare(dtype, chosen, scratch)
            rows.append(row)
            if not chosen.json:
                print(
                    f"{dtype:9} ours {row['ours_tokens_per_second']:5.0f} tokens/s, "
                    f"TRL {row['trl_tokens_per_second']:5.0f}: {row['speed_ratio']:.2f} x; "
                    f"peak {row['ours_peak_mb']:,.0f} MB against {row['trl_peak_mb']:,.0f}: "
                    f"{row['memory_ratio']:.2f}",
                    flush=True,
                )
    if chosen.json:
        print(json.dumps({"threads": chosen.threads, "pairs": chosen.pairs, "rows": rows}))


if __name__ == "__main__":
    main()
