"""One side of `sft.py`: a process that makes one update for each line it reads.

`ours` is the loop of `tune`; `reference` the usual full logits with a weighted, smoothed loss in
plain torch; `trl` TRL's SFTTrainer, run by the Python of an environment that has it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import sys
import time
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "CI": "1"}
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

RATE, SHARE = 1e-5, 0.46  # of a chat's tokens that are answer


def chats(lengths: list[int], vocabulary: int = 40_000) -> list[tuple[list[int], int]]:
    """Return (ids, length of the prompt) of each chat: the same in every process."""
    draw = random.Random(0)
    return [
        ([draw.randrange(100, vocabulary) for _ in range(n)], n - round(SHARE * n)) for n in lengths
    ]


def answer(**said: object) -> None:
    """Tell the driver."""
    print("BENCH " + json.dumps(said), flush=True)


def wait() -> None:
    """Wait for the driver's next word; end when it is gone."""
    if not sys.stdin.readline():
        os._exit(0)


def peak_mb() -> float:
    """Return the most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def load(folder: str):
    """Return the model in float32."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).train()


def drive(step) -> None:
    """Make an update for each line read; `step()` returns its loss."""
    answer(ready=True)
    while True:
        wait()
        began = time.perf_counter()
        loss = step()
        answer(seconds=time.perf_counter() - began, loss=loss, peak_mb=peak_mb())


def ours(chosen) -> None:
    """Train with the loop of this project."""
    for folder in ("plugins", "."):
        sys.path.insert(0, str(Path(__file__).parents[2] / folder))
    from locale_tune_training.batches import Row
    from locale_tune_training.model import LossModule
    from locale_tune_training.settings import TuneSettings
    from locale_tune_training.trainer import Trainer

    module = LossModule(load(chosen.base), chosen.smoothing)
    dtype = torch.bfloat16 if chosen.dtype == "bfloat16" else torch.float32
    trainer = Trainer(module, TuneSettings(), dtype)
    found = chats(chosen.lengths)
    rows = []
    for part in (found[n :: chosen.rows] for n in range(chosen.rows)):
        weights = []
        for ids, prompt in part:
            of_one = [chosen.prompt_weight] * prompt + [1.0] * (len(ids) - prompt)
            weights += [0.0, *of_one[1:]]
        rows.append(
            Row(
                torch.tensor([i for ids, _ in part for i in ids]),
                torch.cat([torch.arange(len(ids)) for ids, _ in part]),
                torch.tensor(weights),
            )
        )
    drive(lambda: trainer.step(rows, RATE).loss)


def reference(chosen) -> None:
    """Train on full logits of a padded batch, as scripts with token weights do."""
    model = load(chosen.base)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, fused=True)
    found = chats(chosen.lengths)
    longest = max(chosen.lengths)
    ids = torch.zeros(len(found), longest, dtype=torch.long)
    mask, weights = torch.zeros_like(ids), torch.zeros(len(found), longest)
    for n, (tokens, prompt) in enumerate(found):
        ids[n, : len(tokens)] = torch.tensor(tokens)
        mask[n, : len(tokens)] = 1
        weights[n, :prompt], weights[n, prompt : len(tokens)] = chosen.prompt_weight, 1.0
    labels, weights = ids[:, 1:].flatten(), weights[:, 1:].flatten()

    def step() -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=chosen.dtype == "bfloat16"):
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        logits = logits[:, :-1].float().flatten(0, 1)
        losses = torch.nn.functional.cross_entropy(
            logits, labels, reduction="none", label_smoothing=chosen.smoothing
        )
        loss = (losses * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    drive(step)


def trl(chosen) -> None:
    """Train with TRL; the driver's words are waited for at the start of each update."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Driven(TrainerCallback):
        def on_train_begin(self, *args, **more):
            answer(ready=True)

        def on_step_begin(self, *args, **more):
            wait()
            self.began = time.perf_counter()

        def on_step_end(self, *args, **more):
            self.took = time.perf_counter() - self.began

        def on_log(self, args, state, control, logs=None, **more):
            if "loss" in logs:
                answer(seconds=self.took, loss=float(logs["loss"]), peak_mb=peak_mb())

    rows = [
        {"input_ids": ids, "completion_mask": [0] * prompt + [1] * (len(ids) - prompt)}
        for ids, prompt in chats(chosen.lengths)
    ]
    settings = SFTConfig(
        output_dir=chosen.scratch,
        bf16=chosen.dtype == "bfloat16",
        gradient_checkpointing=False,
        max_length=None,
        per_device_train_batch_size=len(rows),
        max_steps=1_000,
        lr_scheduler_type="constant",
        learning_rate=RATE,
        label_smoothing_factor=chosen.smoothing,
        completion_only_loss=True,
        report_to=[],
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        use_cpu=True,
        padding_free=chosen.padding_free,
        optim="adamw_torch_fused",
    )
    SFTTrainer(
        model=load(chosen.base),
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(chosen.base),
        callbacks=[Driven()],
    ).train()


def main() -> None:
    """Run one side until the driver closes its end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=("ours", "reference", "trl"), required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), required=True)
    parser.add_argument("--lengths", type=json.loads, required=True)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--smoothing", type=float, default=0.0)
    parser.add_argument("--prompt-weight", type=float, default=0.0)
    parser.add_argument("--padding-free", action="store_true")
    chosen = parser.parse_args()
    {"ours": ours, "reference": reference, "trl": trl}[chosen.side](chosen)


if __name__ == "__main__":
    main()
