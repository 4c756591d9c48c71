"""What trimming costs each language."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizer_support import ENGLISH, ROMANSH, sentences, toy_spec

from locale_tune.api import Record, write_records
from locale_tune_tokenizer.learning.segments import open_tokenizer
from locale_tune_tokenizer.pruning.trim import count_use, prune
from locale_tune_tokenizer.pruning.trim_report import fertility_cost, lines_by_language


def put(corpus: Path, split: str, texts: dict[str, list[str]]) -> None:
    write_records(
        corpus / split,
        (
            Record(id=f"{lang}{n}", source="s", lang=lang, text=text)
            for lang, lines in texts.items()
            for n, text in enumerate(lines)
        ),
    )


def test_a_language_that_was_counted_pays_nothing_and_another_does():
    spec = toy_spec()
    trimmed = prune(spec, count_use(spec, sentences(ROMANSH, 200)), min_count=1)
    both = open_tokenizer(spec), open_tokenizer(trimmed.spec)
    cost = fertility_cost(*both, {"rm": sentences(ROMANSH, 20, seed=1), "en": list(ENGLISH)})
    assert list(cost) == ["en", "rm"]
    assert cost["rm"]["cost"] == pytest.approx(0, abs=0.01)
    assert cost["en"]["cost"] > 0.2
    assert cost["en"]["fertility_after"] == pytest.approx(
        cost["en"]["fertility_before"] * (1 + cost["en"]["cost"])
    )
    assert cost["en"]["bytes_per_token_after"] < cost["en"]["bytes_per_token_before"]


def test_no_words_cost_nothing():
    same = open_tokenizer(toy_spec())
    assert fertility_cost(same, same, {"en": ["12 34"]})["en"]["cost"] == 0.0


def test_each_language_is_measured_on_text_that_was_not_counted(tmp_path: Path):
    put(tmp_path, "text", {"rm": ["quai", "chasa"]})
    put(tmp_path, "heldout", {"rm": ["lingua"]})
    put(tmp_path, "replay", {"en": ["the people"], "de": ["das Haus"]})
    put(tmp_path, "control", {"en": ["speak"], "": ["?! a"]})
    lines, counted = lines_by_language(tmp_path, 0)
    assert lines == {"rm": ["lingua"], "en": ["speak"], "und": ["?! a"], "de": ["das Haus"]}
    assert counted == ["de"]


def test_no_corpus_has_no_languages(tmp_path: Path):
    assert lines_by_language(tmp_path, 0) == ({}, [])
