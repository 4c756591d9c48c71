"""Training tokens a second: bfloat16 compute with float32 masters against plain float32.

    python tests/benchmarks/train_step.py [--device cuda] [--json]

A randomly initialised model of SmolLM2-135M's shape, two rows of 512 random tokens (2,048 on a
GPU), whole updates of our loop (forward, backward, clip, AdamW). The peer side is the same model in
the usual way: full logits from `model(labels=...)`, torch's AdamW, float32 or bfloat16 autocast.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

for folder in ("plugins", "."):
    sys.path.insert(0, str(Path(__file__).parents[2] / folder))
from locale_tune_training.batches import Row
from locale_tune_training.loop import Trainer
from locale_tune_training.model import LossModule
from locale_tune_training.settings import TrainSettings

LENGTH, ROWS = {"cpu": 512, "cuda": 2048}, 2


def model(device):
    """Make the model."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49_152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).to(device).train()


def batches(device):
    """Return the rows of one update."""
    ids = torch.randint(
        0, 49_152, (ROWS, LENGTH[device]), generator=torch.Generator().manual_seed(0)
    )
    return ids.to(device)


def ours(device, dtype):
    """Return a function that makes one update with our loop."""
    trainer = Trainer(LossModule(model(device)), TrainSettings(), dtype)
    rows = [
        Row(ids, torch.arange(LENGTH[device]), torch.ones(LENGTH[device]))
        for ids in batches(device)
    ]
    return lambda: trainer.step(rows, 1e-4)


def peer(device, autocast=False):
    """Return a function that makes one update the usual way."""
    plain = model(device)
    optimizer = torch.optim.AdamW(plain.parameters(), lr=1e-4)
    ids = batches(device)

    def step():
        with torch.autocast(device, torch.bfloat16, enabled=autocast):
            loss = plain(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def speed(step, device, repeats):
    """Return median tokens per second."""
    taken = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        step()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return LENGTH[device] * ROWS / statistics.median(taken[1:])


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    sides = {
        "peer, float32": lambda: peer(chosen.device),
        "peer, bfloat16": lambda: peer(chosen.device, autocast=True),
        "ours, float32": lambda: ours(chosen.device, torch.float32),
        "ours, bfloat16": lambda: ours(chosen.device, torch.bfloat16),
    }
    rows = {name: speed(make(), chosen.device, chosen.repeats) for name, make in sides.items()}
    name = torch.cuda.get_device_name() if chosen.device == "cuda" else "cpu"
    if chosen.json:
        print(json.dumps({"device": name, "torch": torch.__version__, "tokens_per_second": rows}))
        return
    print(f"{name}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    for side, rate in rows.items():
        print(f"  {side:16} {rate:10,.0f} tokens/s   {rate / rows['peer, float32']:.2f} x peer")


if __name__ == "__main__":
    main()
