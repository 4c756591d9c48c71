"""Which choice of lessons teaches most? `select` with each selector, then `tune`, same budget.

    locale-tune collect rm --out RUN
    python tests/benchmarks/selected.py --base MODEL_FOLDER --corpus RUN/store/collect-... [--json]

Some of the pack's lessons are set apart by a hash of their group. From the rest every selector
chooses as many; the base is tuned on them for as many tokens, with several seeds. What is measured
is the loss of the answers in the chats set apart, in nats per token: lower is better. `none` is the
base.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

for folder in ("plugins", "."):
    sys.path.insert(0, str(Path(__file__).parents[2] / folder))

from locale_tune.api import (
    Artifact,
    Job,
    LanguagePack,
    Locale,
    Parts,
    Record,
    Selector,
    read_records,
    this_machine,
    write_records,
)
from locale_tune_curation import SELECTORS
from locale_tune_curation.pool import pool_of
from locale_tune_curation.select import choose
from locale_tune_curation.settings import SelectSettings
from locale_tune_training import tune
from locale_tune_training.encoding import Encoder
from locale_tune_training.model import load_model, load_tokenizer
from locale_tune_training.settings import TuneSettings

LOCALE = Locale(id="x", tag="und", script="Latn", name="x", endonym="x", direction="ltr")
NAMES = ("random", "mdaq", "mig", "novelselect", "kcenter")


def apart(records: list[Record], share: float, most: int) -> tuple[list[Record], list[Record]]:
    """Return the lessons to choose from, and those set apart, by a hash of their group."""
    kept, held = [], []
    for record in records:
        group = record.meta.get("group", record.id)
        place = hashlib.sha256(f"apart {group}".encode()).digest()[0] / 256
        (held if place < share else kept).append(record)
    held.sort(key=lambda record: hashlib.sha256(record.id.encode()).digest())
    return kept, held[:most]


@torch.inference_mode()
def loss_of(folder: Path, held: list[Record], machine: Any) -> float:
    """Return the mean loss of the answers' tokens over all chats set apart, in nats per token."""
    model, encoder = load_model(folder, machine), Encoder(load_tokenizer(folder))
    model.eval()
    total = tokens = 0.0
    for record in held:
        made = encoder.chat(record.messages)
        logits = model(torch.tensor([made.ids]), use_cache=False).logits[0, :-1].float()
        losses = torch.nn.functional.cross_entropy(
            logits, torch.tensor(made.ids[1:]), reduction="none"
        )
        weights = torch.tensor(made.weights[1:])
        total, tokens = total + float(losses @ weights), tokens + float(weights.sum())
    return total / tokens


def tuned(base: Path, lessons: list[Record], seed: int, tokens: int, folder: Path) -> Path:
    """Tune the base on lessons; return the folder of the model."""
    chosen, out, work = folder / "chosen", folder / "out", folder / "work"
    write_records(chosen / "lessons", lessons)
    for path in (out, work):
        path.mkdir()
    job = Job(
        pack=LanguagePack(locale=LOCALE, base_model="", stages=(), root=folder),
        parts=Parts(),
        settings=TuneSettings(tokens=tokens, max_epochs=50),
        inputs={
            "model": Artifact("model", base, ""),
            "lessons": Artifact("lessons", chosen, ""),
        },
        seed=seed,
        fingerprint="",
        out=out,
        work=work,
        machine=this_machine("cpu"),
        progress=lambda done, total, note="": None,
    )
    tune.run(job)
    return out


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=8000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--held", type=int, default=120)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    machine = this_machine("cpu")
    everything, held = apart(list(read_records(chosen.corpus / "lessons")), 0.1, chosen.held)
    parts = {name: Selector(name, select=SELECTORS[name][0]) for name in NAMES}
    rows: list[dict[str, Any]] = [
        {"selector": "none", "loss": [round(loss_of(chosen.base, held, machine), 4)]}
    ]
    for name in NAMES:
        losses, settings = [], SelectSettings(selector=name, budget=chosen.budget)
        for seed in range(chosen.seeds):
            pool = pool_of(everything, settings, seed)
            picked = [everything[i] for i in choose(pool, parts, settings, seed)]
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                model = tuned(chosen.base, picked, seed, chosen.tokens, Path(folder))
                losses.append(round(loss_of(model, held, machine), 4))
            print(
                f"{name} {seed}: {losses[-1]} ({time.monotonic() - began:.0f} s)", file=sys.stderr
            )
        sources = sorted({record.source for record in picked})
        size = sum(len(m.content) for r in picked for m in r.messages) / len(picked)
        rows.append({"selector": name, "loss": losses, "sources": len(sources), "letters": size})
    if chosen.json:
        print(json.dumps({"pool": len(everything), "held": len(held), "rows": rows}))
        return
    for row in rows:
        mean = statistics.mean(row["loss"])
        spread = statistics.stdev(row["loss"]) if len(row["loss"]) > 1 else 0.0
        more = f"{row.get('letters', 0):8.0f} letters a lesson" if "letters" in row else ""
        print(f"{row['selector']:12} {mean:.4f} ± {spread:.4f} {more}")


if __name__ == "__main__":
    main()
