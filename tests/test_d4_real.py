"""Promise D4 on real questions and texts: found when they stand in training text, however spelt."""

from __future__ import annotations

import csv
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from leaking import found, protecting, respelt, reworded, verbatim

from locale_tune.api import Record
from locale_tune_corpus.leaks import Leaks

pytestmark = [
    pytest.mark.mirror,
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("LOCALE_TUNE_MIRROR"),
        reason="LOCALE_TUNE_MIRROR is not set: real questions and texts are not read",
    ),
]
SAMPLE = 200
Lines = list[list[str]]


def folder() -> Path:
    return Path(os.environ["LOCALE_TUNE_MIRROR"])


def rows(path: Path, delimiter: str) -> Lines:
    with path.open(encoding="utf-8", newline="") as file:
        quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
        return list(csv.reader(file, delimiter=delimiter, quoting=quoting))


def mmlu(name: str) -> Iterator[Record]:
    for path in sorted((folder() / name).glob("*.csv")):
        for number, row in enumerate(rows(path, ",")):
            question, *choices, answer = row[:6]
            yield Record(
                id=f"{path.stem}-{number}",
                source=name,
                question=question,
                choices=tuple(choices),
                answer="ABCD".index(answer),
            )


def absher(kind: str) -> Iterator[Record]:
    path = folder() / "ar-saudi-absher-mcq" / f"absher.{kind}.dev.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["answer"] in row["choices"]:
            yield Record(
                id=row["id"],
                source="absher",
                question=row["question"],
                choices=tuple(row["choices"].values()),
                answer=list(row["choices"]).index(row["answer"]),
            )


def flores(language: str) -> Iterator[Record]:
    for number, row in enumerate(rows(folder() / "sib200-flores" / f"{language}.dev.tsv", "\t")):
        yield Record(id=f"{language}-{number}", source="flores", text=row[2])


def udhr(name: str) -> Iterator[Record]:
    return plain(f"udhr-parallel/{name}.txt")


def plain(path: str) -> Iterator[Record]:
    lines = (folder() / path).read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines):
        if line.strip():
            yield Record(id=f"{path}-{number}", source=path.split("/")[0], text=line)


REAL: dict[str, Callable[[], list[Record]]] = {
    "ar-mmlu-arabic": lambda: list(mmlu("ar-mmlu-arabic")),
    "en-mmlu": lambda: list(mmlu("en-mmlu")),
    "ar-saudi-absher-mcq": lambda: [
        item for kind in ("words", "phrases", "proverbs") for item in absher(kind)
    ],
    "sib200-flores": lambda: [
        item
        for language in ("arb_Arab", "acq_Arab", "eng_Latn", "deu_Latn", "hau_Latn", "zul_Latn")
        for item in flores(language)
    ],
    "udhr-parallel": lambda: [
        item
        for name in ("arb", "roh_rumgr", "roh_sursilv", "deu_1996", "eng", "swh", "hin", "yor")
        for item in udhr(name)
    ],
}
UNRELATED = (
    "ar-commonvoice-msa/ar.txt",
    "ha-commonvoice/ha.txt",
    "rm-commonvoice/rm-sursilv.txt",
    "rm-commonvoice/rm-vallader.txt",
    "rm-wikipedia/wiki_00",
    "ntrex-parallel/newstest2019-src.eng.txt",
    "ntrex-parallel/newstest2019-ref.arb.txt",
    "ntrex-parallel/newstest2019-ref.deu.txt",
    "ntrex-parallel/newstest2019-ref.swa.txt",
    "ntrex-parallel/newstest2019-ref.zul.txt",
)


@pytest.fixture(scope="module")
def real() -> dict[str, list[Record]]:
    return {name: make() for name, make in REAL.items()}


@pytest.fixture(scope="module")
def guarding(real: dict[str, list[Record]]) -> Leaks:
    return protecting([item for items in real.values() for item in items])


def sample(items: list[Record]) -> list[Record]:
    """Draw items that the rules can find inside other text: four words or more."""
    long = [i for i in items if len(f"{i.question} {i.text} {' '.join(i.choices)}".split()) > 4]
    whole = [item for item in long if item.question or len(item.text.split()) > 4]
    return random.Random(7).sample(whole, SAMPLE)


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize(("write", "least"), [(verbatim, 1), (respelt, 0.99)])
def test_real_items_are_found(
    name: str,
    write: Callable[[str, random.Random], str],
    least: float,
    real: dict[str, list[Record]],
    guarding: Leaks,
) -> None:
    share = found(guarding, sample(real[name]), write)
    print(f"{name}, {write.__name__}: {share:.3f}")
    assert share >= least


def test_real_items_are_found_after_one_change(
    real: dict[str, list[Record]], guarding: Leaks
) -> None:
    words = " ".join(item.text for items in real.values() for item in items).split()
    shares = {
        name: found(guarding, sample(items), lambda text, pick: reworded(text, pick, words))
        for name, items in real.items()
    }
    print({name: round(share, 3) for name, share in shares.items()})
    assert sum(shares.values()) / len(shares) >= 0.9
    assert min(shares.values()) >= 0.8


def test_unrelated_text_is_kept(guarding: Leaks) -> None:
    texts = [record for path in UNRELATED for record in plain(path)]
    hits = [(reason, text.text) for text in texts if (reason := guarding.find(text))]
    print(f"{len(hits)} of {len(texts)} unrelated texts: {hits[:3]}")
    assert len(hits) <= 0.001 * len(texts)
