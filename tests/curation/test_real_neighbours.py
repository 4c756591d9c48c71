"""Neighbours by the letters of words make sense: topics of real sentences in twelve languages."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from locale_tune_curation.ngrams import ngram_vectors

pytestmark = [pytest.mark.mirror, pytest.mark.slow]
MIRROR = os.environ.get("LOCALE_TUNE_MIRROR", "")
FILES = sorted(Path(MIRROR).glob("sib200-flores/*.train.tsv")) if MIRROR else []


@pytest.mark.skipif(not FILES, reason="set LOCALE_TUNE_MIRROR to a folder with SIB-200")
def test_the_nearest_sentence_often_has_the_same_topic():
    shares = {}
    for path in FILES:
        lines = path.read_text(encoding="utf-8").splitlines()[1:]
        rows = [line.split("\t") for line in lines]
        topics, texts = [row[1] for row in rows], [row[2] for row in rows]
        near = (vectors := ngram_vectors(texts)) @ vectors.T
        np.fill_diagonal(near, -1)
        same = [topics[row] == topics[found] for row, found in enumerate(near.argmax(axis=1))]
        chance = sum((count / len(topics)) ** 2 for count in Counter(topics).values())
        shares[path.name.partition(".")[0]] = sum(same) / len(same)
        print(f"{path.name}: {shares[path.name.partition('.')[0]]:.3f}, by chance {chance:.3f}")
        assert chance < 0.2
    assert len(shares) >= 10
    assert min(shares.values()) > 0.35
