"""One side of `dpo.py`: a process that makes one update of DPO for each line it reads.

`ours` is the loop of `align`; `trl` TRL's DPOTrainer, run by the Python of an environment that has
it.
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

RATE, BETA, SHARE = 1e-6, 0.1, 0.46  # SHARE of a chat's tokens is answer


def pairs(count: int, length: int) -> list[tuple[list[int], list[int], list[int]]]:
    """Return (prompt, chosen, rejected) as ids: the same in every process."""
    draw = random.Random(0)
    answer = round(SHARE * length)

    def ids(number: int) -> list[int]:
        return [draw.randrange(100, 40_000) for _ in range(number)]

    return [(ids(length - answer), ids(answer), ids(answer)) for _ in range(count)]


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


def ours(chosen) -> None:
    """Train with the loop of this project."""
    for folder in ("plugins", "."):
        sys.path.insert(0, str(Path(__file__).parents[2] / folder))
    from locale_tune_training.batches import PairRow
    from locale_tune_training.pairs import PairModule
    from locale_tune_training.preferences import Loss
    from locale_tune_training.settings import AlignSettings
    from locale_tune_training.trainer import Trainer

    ids, positions, weights = [], [], []
    for prompt, *answers in pairs(chosen.pairs, chosen.length):
        for said in answers:
            ids += [*prompt, *said]
            positions += range(len(prompt) + len(said))
            weights += [0.0] * len(prompt) + [1.0] * len(said)
    zero = torch.zeros(2 * chosen.pairs, dtype=torch.float64)
    parts = (torch.tensor(part) for part in (ids, positions, weights))
    row = PairRow(*parts, reference=zero, gaps=zero[::2])
    module = PairModule(load(chosen.base), Loss("dpo", BETA))
    dtype = torch.bfloat16 if chosen.dtype == "bfloat16" else torch.float32
    trainer = Trainer(module, AlignSettings(), dtype)
    row = row._replace(reference=module.logps(row).cpu())
    answer(ready=True)
    while True:
        wait()
        began = time.perf_counter()
        loss = trainer.step([row], RATE).loss
        answer(seconds=time.perf_counter() - began, loss=loss, peak_mb=peak_mb())


def trl(chosen) -> None:
    """Train with TRL; the driver's words are waited for at the start of each update."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import DPOConfig, DPOTrainer

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

    class Given(DPOTrainer):
        """Takes the ids as they are: its own preparation would tokenize text."""

        def _prepare_dataset(self, dataset, *args, **more):
            return dataset

    rows = [
        {"prompt_ids": prompt, "chosen_ids": good, "rejected_ids": bad}
        for prompt, good, bad in pairs(chosen.pairs, chosen.length)
    ]
    settings = DPOConfig(
        output_dir=chosen.scratch,
        bf16=chosen.dtype == "bfloat16",
        gradient_checkpointing=False,
        max_length=None,
        per_device_train_batch_size=len(rows),
        max_steps=1_000,
        lr_scheduler_type="constant",
        learning_rate=RATE,
        beta=BETA,
        precompute_ref_log_probs=True,
        report_to=[],
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        use_cpu=True,
        adam_beta2=0.95,
        optim="adamw_torch_fused",
    )
    Given(
        model=load(chosen.base),
        args=settings,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(chosen.base),
        callbacks=[Driven()],
    ).train()


def main() -> None:
    """Run one side until the driver closes its end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", choices=("ours", "trl"), required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), required=True)
    parser.add_argument("--pairs", type=int, required=True)
    parser.add_argument("--length", type=int, required=True)
    chosen = parser.parse_args()
    {"ours": ours, "trl": trl}[chosen.side](chosen)


if __name__ == "__main__":
    main()
