"""First embeddings of new tokens on a real base: does the start matter, and does extending pay?

    python tests/benchmarks/initializers.py --base MODEL_FOLDER [--seeds N] [--steps N] [--json]

The base learns Romansh by full fine-tuning: without new tokens, and with the tokens that `extend`
takes by itself, started in several ways. Every arm of a seed reads the same rows of text in the
same order. It is measured twice: when it has been trained on as many *tokens* as the arm without
new tokens at its end, and when it has been trained on as many *bytes* of text (sooner, since its
tokens are longer). `edge + rows` trains the new rows alone on the first quarter of its tokens and
the whole model on the rest: tokens of both count, in both readings.

Bits per byte of held-out lines: every byte is scored once, each line after an end-of-text token.
No English is replayed in training, so the English column shows what is forgotten.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

for folder in ("plugins", "."):
    sys.path.insert(0, str(Path(__file__).parents[2] / folder))
from corpora import divided, mirror_lines

from locale_tune.api import Machine, this_machine
from locale_tune_tokenizer.checks.converter import CHECK_TEXT
from locale_tune_tokenizer.embeddings.first_rows import Sight
from locale_tune_tokenizer.embeddings.initializers import INITIALIZERS
from locale_tune_tokenizer.embeddings.row_batches import Packed, pack
from locale_tune_tokenizer.embeddings.row_losses import Setup
from locale_tune_tokenizer.embeddings.row_training import RowTrainer
from locale_tune_tokenizer.embeddings.rows import Tables, grow, row_count
from locale_tune_tokenizer.formats.model_folder import Extension, extended
from locale_tune_tokenizer.formats.styles import style_of
from locale_tune_tokenizer.learning.bpe import Learned
from locale_tune_tokenizer.learning.new_tokens import new_tokens
from locale_tune_tokenizer.learning.segments import encodings, measure, open_tokenizer
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.texts import draw
from locale_tune_training.batches import Row
from locale_tune_training.loop import Trainer
from locale_tune_training.model import DTYPES, LossModule, load_model
from locale_tune_training.settings import TrainSettings

ARMS = ("none", "random", "hewitt", "mean", "edge", "edge + rows")
SEQUENCE, ROWS = 256, 2  # tokens in a row, rows in an update
LR, ROW_LR, WARMUP = 3e-4, 1e-3, 4  # constant after WARMUP updates
ROW_SHARE = 4  # one part of so many of the updates of `edge + rows` trains new rows alone
LINE_CHARS = 300
TOGETHER = 512  # tokens of lines that are read together
END = "<|endoftext|>"
READ = [
    (at, side) for at in ("start", "equal tokens", "equal bytes") for side in ("native", "english")
]


@dataclass(frozen=True)
class Cutter:
    """A tokenizer with what is needed to count bytes: UTF-8 bytes by id, special tokens none."""

    raw: Any
    end: int
    sizes: Mapping[int, int]

    def rows(self, lines: Iterable[str]) -> list[Packed]:
        """Return rows of SEQUENCE tokens; each line begins with the end-of-text token."""
        return pack(([self.end, *found.ids] for found in encodings(self.raw, lines)), SEQUENCE)

    def size(self, row: Packed) -> int:
        """Return the bytes of text in a row."""
        return sum(self.sizes.get(number, 0) for number in row.ids)


@dataclass(frozen=True)
class Text:
    """What all arms share: lines to learn from and to measure on, and the new tokens."""

    train: list[str]
    native: list[str]
    english: list[str]
    base: dict[str, Any]
    made: Extension


@dataclass(frozen=True)
class Reading:
    """Bits per byte at one moment of one run."""

    arm: str
    seed: int
    at: str
    updates: int
    tokens: int
    bytes: int
    native: float
    english: float


def cutter(spec: Mapping[str, Any]) -> Cutter:
    """Return the cutter of a `tokenizer.json`."""
    raw, style = open_tokenizer(spec), style_of(spec)
    added = {token["content"] for token in spec["added_tokens"]}
    plain = {t: n for t, n in spec["model"]["vocab"].items() if t not in added}
    sizes = {number: len(style.to_bytes(token)) for token, number in plain.items()}
    return Cutter(raw, raw.token_to_id(END), sizes)


def text_of(base: Path, lines: int) -> Text:
    """Read the text, and learn the new tokens as `extend` does by default."""
    spec = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    train, native = divided(mirror_lines("rm"))
    english = draw(mirror_lines("en"), 10**6, seed=0)
    half = len(english) // 2
    guarded = [*english[half:], CHECK_TEXT]
    learned: Learned = new_tokens(spec, lambda: train, native, guarded, ExtendSettings()).learned
    short = [[line[:LINE_CHARS] for line in some[:lines]] for some in (native, english[:half])]
    return Text(train, *short, spec, extended(spec, learned))


def shuffled(lines: list[str], seed: int) -> list[str]:
    """Return the lines in an order of the seed's."""
    order = list(lines)
    random.Random(seed).shuffle(order)
    return order


def start(arm: str, base: Path, text: Text, seed: int, machine: Machine) -> tuple[Any, Any]:
    """Return the model of one arm before training, and its tables (None without new tokens)."""
    model = load_model(base, machine)
    if arm == "none":
        return model, None
    old, new = (open_tokenizer(spec) for spec in (text.base, text.made.spec))
    before = [
        get().weight.detach() for get in (model.get_input_embeddings, model.get_output_embeddings)
    ]
    ids = list(text.made.ids.values())
    pieces = [[part.id for part in old.model.tokenize(token)] for token in text.made.ids]
    grow(model, row_count(len(before[0]), max(ids)))
    tables = Tables(model, ids)
    sight = Sight(
        input=before[0],
        output=before[1],
        pieces=pieces,
        tokens=list(text.made.ids),
        old=old,
        new=new,
        style=style_of(text.made.spec),
        corpus=base,
        work=base,
        seed=seed,
    )
    tables.start(INITIALIZERS[arm.partition(" ")[0]](sight))
    return model, tables


@torch.no_grad()
def bits_per_byte(model: Any, lines: list[str], cut: Cutter, dtype: torch.dtype) -> float:
    """Return bits per byte of lines, each scored whole after an end-of-text token.

    Lines share rows of about TOGETHER tokens; positions that restart keep them apart.
    """
    nats = sum(_nats(model, row, dtype) for row in _together(lines, cut))
    return nats / math.log(2) / sum(len(line.encode()) for line in lines)


def _together(lines: list[str], cut: Cutter) -> Iterator[list[list[int]]]:
    row: list[list[int]] = []
    for found in encodings(cut.raw, lines):
        row.append([cut.end, *found.ids])
        if sum(map(len, row)) >= TOGETHER:
            yield row
            row = []
    if row:
        yield row


def _nats(model: Any, row: list[list[int]], dtype: torch.dtype) -> float:
    device = next(model.parameters()).device
    ids = torch.tensor([number for line in row for number in line], device=device)
    positions = torch.tensor([place for line in row for place in range(len(line))], device=device)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        hidden = model.base_model(
            input_ids=ids[None], position_ids=positions[None], use_cache=False
        ).last_hidden_state[0, :-1]
        here = positions[1:] != 0
        logits = (hidden[here] @ model.get_output_embeddings().weight.T).float()
    chosen = logits.gather(1, ids[1:][here][:, None])[:, 0]
    return float((logits.logsumexp(dim=1) - chosen).sum(dtype=torch.float64))


class Run:
    """One arm with one seed: its model, what it was fed, and where it is read."""

    def __init__(self, arm: str, seed: int, base: Path, text: Text, machine: Machine) -> None:
        self.arm, self.seed, self.text, self.dtype = arm, seed, text, DTYPES[machine.dtype]
        self.model, self.tables = start(arm, base, text, seed, machine)
        self.cut = cutter(text.base if arm == "none" else text.made.spec)
        self.rows = self.cut.rows(shuffled(text.train, seed))
        self.updates = self.tokens = self.bytes = 0
        self.readings: list[Reading] = []

    def train(self, steps: int, stop_bytes: int) -> list[Reading]:
        """Make `steps` updates; read at `stop_bytes` bytes, at the end, and once at the start."""
        first = steps // ROW_SHARE if self.arm == "edge + rows" else 0
        if not self.seed:
            self.read("start")
        if first:
            self._train_rows(first)
        self.model.requires_grad_(True).train()
        module = LossModule(self.model)
        trainer = Trainer(module, TrainSettings(lr=LR), self.dtype)
        for step in range(steps - first):
            batch = self._next()
            trainer.step([as_row(row) for row in batch], LR * min(1.0, (step + 1) / (WARMUP + 1)))
            if stop_bytes and self.bytes >= stop_bytes:
                self.read("equal bytes")
                stop_bytes = 0
        self.read("equal tokens")
        return self.readings

    def _train_rows(self, steps: int) -> None:
        setup = Setup(self.model, self.tables, self.dtype, {})
        trainer = RowTrainer(setup, lr=ROW_LR, warmup_steps=WARMUP)
        for step in range(steps):
            trainer.step("next-token", self._next(), step)

    def _next(self) -> Sequence[Packed]:
        batch = self.rows[self.updates * ROWS : (self.updates + 1) * ROWS]
        self.updates += 1
        self.tokens += sum(len(row.ids) for row in batch)
        self.bytes += sum(self.cut.size(row) for row in batch)
        return batch

    def read(self, at: str) -> None:
        """Measure, and say so on the error stream."""
        native, english = (
            bits_per_byte(self.model, lines, self.cut, self.dtype)
            for lines in (self.text.native, self.text.english)
        )
        counts = (self.updates, self.tokens, self.bytes)
        self.readings.append(Reading(self.arm, self.seed, at, *counts, native, english))
        said = f"{self.arm}, seed {self.seed}, {at}: rm {native:.4f} en {english:.4f}"
        print(f"{time.strftime('%H:%M:%S')} {said}", file=sys.stderr, flush=True)


def as_row(row: Packed) -> Row:
    """Return a row for the training loop; nothing before the first token of a text predicts it."""
    positions = torch.tensor(row.positions)
    return Row(torch.tensor(row.ids), positions, (positions != 0).float())


def measured(
    base: Path, text: Text, seeds: Iterable[int], steps: int, machine: Machine
) -> list[Reading]:
    """Run every arm with every seed; the arm without new tokens says how many bytes are equal."""
    readings: list[Reading] = []
    for seed in seeds:
        seen = 0
        for arm in ARMS:
            torch.manual_seed(seed)
            found = Run(arm, seed, base, text, machine).train(steps, seen)
            readings += found
            seen = seen or found[-1].bytes
    return readings


def table(readings: list[Reading]) -> list[dict[str, Any]]:
    """Return one line per arm: mean and spread over seeds of each reading."""
    groups: dict[tuple[str, str], list[Reading]] = defaultdict(list)
    for one in readings:
        groups[one.arm, one.at].append(one)
    lines = []
    for arm in ARMS:
        line: dict[str, Any] = {"arm": arm}
        for at, side in READ:
            # The arm without new tokens has one end, which the others are read against.
            alone = arm == "none" and at == "equal bytes"
            found = groups[arm, "equal tokens" if alone else at]
            line[f"{at}, {side}"] = [getattr(one, side) for one in found]
        lines.append(line)
    return lines


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, help="folder of the base model")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0, help="runs may be shared out by seed")
    parser.add_argument("--steps", type=int, default=48, help="updates of each run")
    parser.add_argument("--lines", type=int, default=100, help="held-out lines of each language")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--table", type=Path, nargs="+", help="train nothing: print what --json wrote, in one table"
    )
    chosen = parser.parse_args()
    if chosen.table:
        parts = [json.loads(path.read_text(encoding="utf-8")) for path in chosen.table]
        found = {**parts[0], "readings": [one for part in parts for one in part["readings"]]}
    elif chosen.base:
        found = ran(chosen)
    else:
        parser.error("give --base or --table")
    if chosen.json:
        print(json.dumps(found))
        return
    print("; ".join(f"{name} {value}" for name, value in found.items() if name != "readings"))
    show(table([Reading(**one) for one in found["readings"]]))


def ran(chosen: argparse.Namespace) -> dict[str, Any]:
    """Train and measure everything; return the readings with what they depend on."""
    transformers.utils.logging.disable_progress_bar()
    machine = this_machine(chosen.device)
    began = time.monotonic()
    text = text_of(chosen.base, chosen.lines)
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    readings = measured(chosen.base, text, seeds, chosen.steps, machine)
    before, after = (
        measure(open_tokenizer(spec), text.native).fertility for spec in (text.base, text.made.spec)
    )
    return {
        **machine.model_dump(),
        "torch": torch.__version__,
        "new tokens": len(text.made.ids),
        "tokens per word": f"{before:.2f} -> {after:.2f}",
        "updates": f"{chosen.steps} of {ROWS * SEQUENCE} tokens",
        "seeds": [*seeds],
        "seconds": round(time.monotonic() - began),
        "readings": [asdict(one) for one in readings],
    }


def show(lines: list[dict[str, Any]]) -> None:
    """Print bits per byte, mean over seeds and standard deviation."""
    names = [name for name in lines[0] if name != "arm"]
    print("| new rows | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for line in lines:
        cells = [_mean(line[name]) for name in names]
        print(f"| {line['arm']} | " + " | ".join(cells) + " |")


def _mean(values: list[float]) -> str:
    if not values:
        return "-"
    mean = f"{statistics.mean(values):.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean


if __name__ == "__main__":
    main()
