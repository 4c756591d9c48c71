"""The fused loss against full logits, in one run: time and peak memory, forward and backward.

    python tests/benchmarks/fused_ce.py [--device cuda] [--json]

Both sides compute the same weighted, smoothed loss from the same bfloat16 (GPU) or float32 (CPU)
hidden states; the peer materialises the logits and calls torch's cross_entropy. On a CPU each side
runs in a process of its own, and its peak memory is what it held more than before its first call,
the gradients of both inputs included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

sys.path.insert(0, str(Path(__file__).parents[2] / "plugins"))
from locale_tune_training.loss import fused_ce

CPU = [(1024, 576, 49_152), (1024, 576, 131_072), (1024, 576, 262_144)]
SHAPES = {"cpu": CPU, "cuda": [(8192, 2048, 151_936), (8192, 576, 49_152)]}


def ours(h, head, labels, weights):
    """Run the fused loss."""
    fused_ce(h, head, labels, weights, 0.1).loss.backward()


def peer(h, head, labels, weights):
    """Run torch on full logits."""
    loss = cross_entropy((h @ head.T).float(), labels, reduction="none", label_smoothing=0.1)
    (loss * weights).sum().backward()


def measure(function, shape, device, repeats):
    """Return (median seconds, peak bytes above the inputs or None on CPU)."""
    n, width, vocabulary = shape
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    generator = torch.Generator(device).manual_seed(0)
    h = torch.randn(n, width, device=device, dtype=dtype, generator=generator, requires_grad=True)
    head = torch.randn(vocabulary, width, device=device, generator=generator) * 0.02
    head = head.to(dtype).requires_grad_()
    labels = torch.randint(0, vocabulary, (n,), device=device, generator=generator)
    weights = torch.rand(n, device=device, generator=generator)
    taken, peak = [], None
    before = held()[1]
    for _ in range(repeats + 1):
        h.grad = head.grad = None
        if device == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        began = time.perf_counter()
        function(h, head, labels, weights)
        if device == "cuda":
            torch.cuda.synchronize()
            peak = torch.cuda.max_memory_allocated() - before
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:]), held()[0] - before if device == "cpu" else peak


def apart(function, shape, device, repeats):
    """Measure in a process of its own, so that peak memory can be read; threads start in it."""
    if device != "cpu":
        return measure(function, shape, device, repeats)
    receiver, sender = multiprocessing.get_context("spawn").Pipe(duplex=False)
    child = multiprocessing.get_context("spawn").Process(
        target=_child, args=(sender, function.__name__, shape, repeats)
    )
    child.start()
    found = receiver.recv()
    child.join()
    return found


def _child(sender, name, shape, repeats):
    sender.send(measure({"ours": ours, "peer": peer}[name], shape, "cpu", repeats))


def held():
    """Return the most bytes this process has held, and those it holds now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kept = {line.split(":")[0]: line.split() for line in lines}
    return int(kept["VmHWM"][1]) * 1024, int(kept["VmRSS"][1]) * 1024


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = []
    for shape in SHAPES[chosen.device]:
        (mine, my_peak), (its, its_peak) = (
            apart(f, shape, chosen.device, chosen.repeats) for f in (ours, peer)
        )
        rows.append(
            {
                "tokens": shape[0],
                "width": shape[1],
                "vocabulary": shape[2],
                "fused_s": mine,
                "full_logits_s": its,
                "time_ratio": mine / its,
                "fused_peak_mb": my_peak and my_peak / 1e6,
                "full_peak_mb": its_peak and its_peak / 1e6,
            }
        )
    name = torch.cuda.get_device_name() if chosen.device == "cuda" else "cpu"
    if chosen.json:
        print(json.dumps({"device": name, "torch": torch.__version__, "rows": rows}))
        return
    print(f"{name}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    for row in rows:
        memory = ""
        if row["fused_peak_mb"]:
            memory = f"  peak {row['fused_peak_mb']:,.0f} MB against {row['full_peak_mb']:,.0f} MB"
        shape = f"{row['tokens']} x {row['width']} x {row['vocabulary']}"
        seconds = f"{row['fused_s']:.3f} s against {row['full_logits_s']:.3f} s"
        print(f"  {shape:24} fused {seconds} = {row['time_ratio']:.2f}{memory}")


if __name__ == "__main__":
    main()
