"""A real model that learned its training text by heart is found out; its base is not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from tiny import save_tiny
from transformers import AutoModelForCausalLM, AutoTokenizer

from locale_tune.api import Locale, Record, write_records
from locale_tune_assess.context import Context
from locale_tune_assess.memorised import memorised
from locale_tune_assess.models import LocalModel, Shelf
from locale_tune_assess.settings import AssessSettings

LOCALE = Locale(id="rm", tag="rm", script="Latn", name="Romansh", endonym="r", direction="ltr")
WORDS = ["people", "valley", "speak", "their", "own", "language", "they", "sing", "every", "winter"]


def documents(split: str) -> list[Record]:
    """Make three texts in which no word follows from the one before."""
    draw = random.Random(split)
    texts = [" ".join(draw.choices(WORDS, k=45)) for _ in range(3)]
    return [Record(id=f"{split}{i}", source="own", text=text) for i, text in enumerate(texts)]


def learned(base: Path, texts: list[str], out: Path) -> Path:
    """Train a copy of a model on texts until it knows them by heart."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    # As `assess` reads a text: after the end-of-text token.
    batch = tokenizer(
        [tokenizer.eos_token + text for text in texts], padding=True, return_tensors="pt"
    )
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3)
    torch.manual_seed(0)
    for _ in range(200):
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


@pytest.mark.slow
def test_text_that_was_learned_by_heart_comes_back(tmp_path: Path) -> None:
    text, heldout = documents("text"), documents("heldout")
    write_records(tmp_path / "corpus" / "text", text)
    write_records(tmp_path / "corpus" / "heldout", heldout)
    base = save_tiny(tmp_path / "base", hidden_size=64)
    after = learned(base, [record.text for record in text], tmp_path / "after")
    settings, shelf = AssessSettings(), Shelf(1 << 40)
    context = Context(
        locale=LOCALE,
        settings=settings,
        seed=0,
        corpus=tmp_path / "corpus",
        out=tmp_path / "out",
        before=LocalModel("before", base, settings, shelf),
        after=LocalModel("after", after, settings, shelf),
    )
    context.out.mkdir()
    (finding,) = memorised(context)
    assert (finding.before, finding.after) == (0.0, 100.0)
    control = next(row for row in context.shown["memorised"] if row["set"] == "heldout")
    assert control["share_after"] == 0.0
