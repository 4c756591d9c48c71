"""Continued BPE on real Romansh: shorter, never cut anew, and frequent words become tokens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tokenizer_support import no_samples, toy_spec

from locale_tune_tokenizer.checks.case import Case
from locale_tune_tokenizer.checks.certificate import certify
from locale_tune_tokenizer.checks.converter import CHECK_TEXT
from locale_tune_tokenizer.formats.bytelevel import merges_of, to_bytes, to_text
from locale_tune_tokenizer.formats.model_folder import extended
from locale_tune_tokenizer.learning.bpe import learn
from locale_tune_tokenizer.learning.segments import count_segments, measure, open_tokenizer, pairs
from locale_tune_tokenizer.learning.words import refusal

pytestmark = pytest.mark.mirror
NAME = "rm-vallader.txt"


@pytest.fixture(scope="module")
def lines() -> list[str]:
    mirror = os.environ.get("LOCALE_TUNE_MIRROR")
    if not mirror:
        pytest.skip("LOCALE_TUNE_MIRROR is not set: no real text here")
    found = sorted(Path(mirror).rglob(NAME))
    if not found:
        pytest.skip(f"LOCALE_TUNE_MIRROR holds no {NAME}")
    return found[0].read_text(encoding="utf-8").splitlines()


def test_real_text_is_cut_less_and_keeps_every_promise(lines: list[str]):
    held_out, text = lines[::20], [line for n, line in enumerate(lines) if n % 20]
    spec = toy_spec()
    old = open_tokenizer(spec)
    learned = learn(
        count_segments(old, text),
        merges_of(spec),
        spec["model"]["vocab"],
        protected=pairs(old, [CHECK_TEXT]),
        refuse=lambda joined: refusal(to_bytes(joined), 24),
        max_new=1000,
        min_count=30,
    )
    extension = extended(spec, learned)
    new = open_tokenizer(extension.spec)
    before, after = measure(old, held_out), measure(new, held_out)
    assert after.fertility < 0.6 * before.fertility
    assert after.floor == before.floor
    tokens = {to_text(token) for token in learned.tokens}
    assert {" eir", " quai", " dals"} <= tokens
    samples = no_samples(target=held_out)
    case = Case(old, new, spec, extension.spec, samples, [], 0.005)
    assert all(check["passed"] for check in certify(case).values())
