"""A tag of pack.toml reaches the stage that asks for it: text of the anneal, lessons of a step."""

from __future__ import annotations

import pytest
from feeding import a_job
from tests_support import PACK
from tiny import tiny_tokenizer

import locale_tune_corpus
from locale_tune.api import Artifact, Job, Machine, Parts, read_pack
from locale_tune_corpus.settings import CollectSettings
from locale_tune_training import lessons, texts
from locale_tune_training.encoding import Encoder
from locale_tune_training.settings import InjectSettings, TuneSettings

TAGGED = """
[[sources]]
id = "feasts"
kind = "text"
uri = "data/feasts.txt"
licence = "CC0-1.0"
role = "text"
tags = { culture = "feasts" }

[[sources]]
id = "chats"
kind = "jsonl"
uri = "data/chats.jsonl"
licence = "CC0-1.0"
role = "lessons"
tags = { quality = "best" }
options = { turns = [["user", "ask"], ["assistant", "say"]] }

[[sources]]
id = "more-chats"
kind = "jsonl"
uri = "data/more.jsonl"
licence = "CC0-1.0"
role = "lessons"
options = { turns = [["user", "ask"], ["assistant", "say"]] }
"""


@pytest.fixture
def corpus(write_pack, tmp_path):
    """Write a pack with tags, run `collect` on it, and return the corpus."""
    plain = tuple(f"La val {n} ha in flum e biars guauds." for n in range(40))
    root = write_pack(PACK + TAGGED, plain)
    feasts = [f"Il prim di da mars {n} chantan ils uffants." for n in range(40)]
    (root / "data" / "feasts.txt").write_text("\n".join(feasts))
    for name, word in (("chats", "bun"), ("more", "mal")):
        rows = [f'{{"ask": "Co {n}?", "say": "Fitg {word} {n}."}}' for n in range(9)]
        (root / "data" / f"{name}.jsonl").write_text("\n".join(rows))
    pack = read_pack(root)
    (tmp_path / "out").mkdir()
    job = Job(
        pack=pack,
        parts=Parts(source_kinds={k.name: k for k in locale_tune_corpus.locale_tune_sources()}),
        settings=CollectSettings(near_duplicates=0.0),
        inputs={},
        seed=0,
        fingerprint="",
        out=tmp_path / "out",
        work=tmp_path / "collecting",
        machine=Machine(),
        progress=lambda *a: None,
        files={source.id: root / source.uri for source in pack.sources},
    )
    next(locale_tune_corpus.locale_tune_stages()).run(job)
    return Artifact("corpus", job.out, "c")


def test_the_anneal_takes_the_text_of_tagged_sources(corpus, tmp_path):
    encoder = Encoder(tiny_tokenizer())
    small = {"sequence": 32, "anneal": 0.5, "tokens": 32 * 2 * 10, "max_epochs": 99}
    for tags in (("culture",), ("culture=feasts",)):
        job = a_job(tmp_path, InjectSettings(anneal_tags=tags, **small), corpus=corpus)
        native, replay = (texts.encode(job, encoder, split) for split in ("text", "replay"))
        scheme = texts.plan(job, encoder, native, replay)
        assert {row["source"] for row in native.tally.proxies()} == {"lines", "feasts"}
        assert {row["source"] for row in scheme.facts["anneal_text"]} == {"feasts"}
    other = InjectSettings(anneal_tags=("music",), **small)
    with pytest.raises(texts.StageFailed, match="sources and tags") as caught:
        texts.plan(a_job(tmp_path, other, corpus=corpus), encoder, native, replay)
    assert "give a source tags" in caught.value.remedy


def test_a_step_takes_the_lessons_of_tagged_sources(corpus, tmp_path):
    for tags, expected in (((), {"chats", "more-chats"}), (("quality=best",), {"chats"})):
        job = a_job(tmp_path, TuneSettings(only_tags=tags), lessons=corpus)
        assert {record.source for record in lessons.lessons_of(job)} == expected
