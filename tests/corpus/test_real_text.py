"""The packs' real texts, where LOCALE_TUNE_MIRROR has them."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus_support import parts

from locale_tune import assets
from locale_tune.api import (
    Bad,
    Job,
    LanguagePack,
    Machine,
    Record,
    Source,
    read_json,
    read_pack,
    read_records,
)
from locale_tune_corpus.collect import run
from locale_tune_corpus.fold import fold
from locale_tune_corpus.leaks import Leaks
from locale_tune_corpus.settings import CollectSettings

pytestmark = [
    pytest.mark.mirror,
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("LOCALE_TUNE_MIRROR"),
        reason="LOCALE_TUNE_MIRROR is not set: the packs' real texts are not read",
    ),
]
LANGUAGES = Path(__file__).parents[2] / "languages"
PACKS = {"rm": "rm/locale_tune_rm", "ar-gulf": "ar-gulf/locale_tune_ar_gulf"}


def located(name: str) -> tuple[LanguagePack, dict[str, Path]]:
    pack = read_pack(LANGUAGES / PACKS[name])
    return pack, {item.source: item.path for item in assets.locate_all(pack) if item.path}


def items(name: str) -> Iterator[tuple[Source, list[Record | Bad]]]:
    pack, files = located(name)
    for source in pack.sources:
        if path := files.get(source.id):
            yield source, list(parts().source_kinds[source.kind].read(source, path, pack.locale))


@pytest.mark.parametrize("name", PACKS)
def test_every_text_reads_clean(name: str) -> None:
    read = dict.fromkeys(["https"], 0)
    for source, found in items(name):
        good = [item for item in found if isinstance(item, Record)]
        assert len(good) > 0.98 * len(found), source.id
        assert len({record.id for record in good}) == len(good), source.id
        assert all(unicodedata.is_normalized("NFC", record.text) for record in good), source.id
        read["https"] += source.uri.startswith("https")
    assert read["https"] >= 5


@pytest.mark.parametrize("name", PACKS)
def test_the_corpus_of_a_pack(name: str, tmp_path: Path) -> None:
    pack, files = located(name)
    (tmp_path / "out").mkdir()
    job = Job(
        pack=pack,
        parts=parts(),
        settings=CollectSettings.model_validate(pack.settings["collect"]),
        inputs={},
        seed=0,
        fingerprint="",
        out=tmp_path / "out",
        work=tmp_path / "work",
        machine=Machine(),
        progress=lambda done, total, note="": None,
        files=files,
    )
    facts = run(job)
    assert facts["text_bytes"] > 2_000_000
    (told,) = facts["filters"].values()  # by the one filter that tells languages apart
    own = [place for place, label in enumerate(told["confusion"]["labels"]) if name in label]
    counts = [told["confusion"]["counts"][place] for place in own]
    taken = sum(row[place] for row in counts for place in own)  # idioms may be taken for others
    assert taken / sum(map(sum, counts)) > 0.9
    splits = {p.name: list(read_records(p)) for p in job.out.iterdir() if p.is_dir()}
    held = {fold(record.text) for record in splits["heldout"]}
    assert not held & {fold(record.text) for record in splits["text"]}
    leaks = Leaks()
    for record in [*splits["heldout"], *splits["questions"]]:
        leaks.protect(record)
    assert not [r.id for r in [*splits["text"], *splits["lessons"]] if leaks.find(r)]
    for row in read_json(job.out / "sources.json"):
        assert row["seen"] == row["kept"] + sum(row["rejected"].values())
    lines = (job.out / "rejects.jsonl").read_text(encoding="utf-8").split("\n")
    assert all(json.loads(line)["reason"] for line in lines if line)
