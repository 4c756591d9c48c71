"""A toy identifier, and models that answer in one language or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from locale_tune.api import Filter, Record, write_records
from locale_tune_assess.context import Context, Score
from locale_tune_assess.identifying import Languages

ROMANSH = "la chasa gronda e la flur cotschna en il vitg da la val"
SURSILVAN = "la casa gronda e la flur cotschna el vitg dalla val"
GERMAN = "das haus steht neben der kirche und die blume blüht im garten"
ENGLISH = "the house stands beside the church and flowers grow in the garden"
MARKS = {"rm-rumgr": {"chasa", "da"}, "rm-sursilv": {"casa", "dalla"}}
MARKS |= {"de": {"haus", "der", "und", "die"}, "en": {"the", "and", "church"}}


def toy(locale: Any, settings: Mapping[str, Any]) -> Any:
    """Return chances by counting words that give a language away."""
    settings["facts"]["accuracy"] = {"rm-rumgr": 1.0}
    assert list(settings["texts"]()), "it learns from the corpus"

    def chances(text: str) -> dict[str, float]:
        if len(text) < 20:
            return {}
        words = text.lower().split()
        hits = {label: sum(word in marks for word in words) for label, marks in MARKS.items()}
        total = sum(hits.values())
        return {label: (n + 0.01) / (total + 0.04) for label, n in hits.items()}

    return chances


FILTER = Filter("variety-id", make=lambda locale, settings: lambda record: "", chances=toy)


def texts(name: str, text: str, count: int, lang: str, variety: str = "") -> list[Record]:
    """Return records that differ by one word each."""
    return [
        Record(
            id=f"{name}{i}",
            source=name,
            lang=lang,
            variety=variety,
            text=f"{'abcdefghijklmnopqrstuvwxyz'[i % 26] * 3}{i // 26 * 'x'} {text}",
        )
        for i in range(count)
    ]


def write_corpus(folder: Path) -> Path:
    """Write a corpus of two varieties, of German as a contrast and of English as a control."""
    own = texts("g", ROMANSH, 30, "roh", "rm-rumgr") + texts(
        "s", SURSILVAN, 30, "roh", "rm-sursilv"
    )
    write_records(folder / "text", own)
    write_records(folder / "heldout", texts("h", ROMANSH, 26, "roh", "rm-rumgr"))
    write_records(folder / "contrast", texts("d", GERMAN, 30, "de"))
    write_records(folder / "control", texts("e", ENGLISH, 30, "en"))
    asked = [
        Record(id=f"p{i}", source="p", lang="roh", variety="rm-rumgr", text=f"Tge è {i}?")
        for i in range(10)
    ]
    write_records(folder / "prompts", asked)
    return folder


def languages_for(context: Context, **more: Any) -> Languages:
    """Return what tells languages apart in a context's corpus."""
    given = {"filters": {"variety-id": FILTER}, "name": "variety-id", **more}
    work = context.out / "identifier"
    return Languages(context.locale, context.corpus, work=work, seed=0, **given)


class Speaker:
    """A model that gives fixed answers, and finds texts as surprising as `bits` says by word."""

    def __init__(
        self, side: str, says: Sequence[str] | str, bits: Mapping[str, float] | None = None
    ) -> None:
        self.side, self.says, self.bits = side, says, bits or {}
        self.loaded = False
        self.asked: list[str] = []

    def generate(self, prompts: Sequence[str], *args: Any, **more: Any) -> list[str]:
        self.asked = list(prompts)
        if isinstance(self.says, str):
            return [self.says for _ in prompts]
        return [self.says[i % len(self.says)] for i in range(len(prompts))]

    def nll(self, texts: Sequence[str]) -> list[Score]:
        return [
            Score(0.6931471805599453 * self._bits(text) * len(text.encode()), len(text.encode()))
            for text in texts
        ]

    def _bits(self, text: str) -> float:
        named = next((bits for word, bits in self.bits.items() if word in text), 2.0)
        return named + (sum(map(ord, text)) % 7) / 100
