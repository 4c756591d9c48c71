"""`focus`: sparsemax is the projection it is defined as, and rows follow tokens used alike."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rowing import sight
from tokenizer_support import toy_spec

from locale_tune.api import Record, StageFailed, write_records
from locale_tune_tokenizer.embeddings import focus as module
from locale_tune_tokenizer.embeddings.first_rows import edge
from locale_tune_tokenizer.embeddings.focus import focus, sparsemax, token_vectors
from locale_tune_tokenizer.learning.segments import open_tokenizer

ROWS = st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=12)


def projection(z: list[float]) -> list[float]:
    """Return the nearest point of the simplex, by trying every size of support."""
    best: tuple[float, list[float]] | None = None
    ordered = sorted(z, reverse=True)
    for size in range(1, len(z) + 1):
        tau = (sum(ordered[:size]) - 1) / size
        p = [max(value - tau, 0.0) for value in z]
        if abs(sum(p) - 1) < 1e-9:
            far = sum((a - b) ** 2 for a, b in zip(p, z, strict=True))
            best = min(best, (far, p)) if best else (far, p)
    assert best is not None
    return best[1]


@settings(deadline=None)
@given(ROWS)
def test_sparsemax_is_the_euclidean_projection_onto_the_simplex(row: list[float]):
    found = sparsemax(torch.tensor([row], dtype=torch.float64))[0]
    torch.testing.assert_close(
        found, torch.tensor(projection(row), dtype=torch.float64), atol=1e-6, rtol=0
    )
    assert found.sum().item() == pytest.approx(1.0)
    assert (found >= 0).all()


def test_sparsemax_in_closed_form():
    """Martins and Astudillo 2016: two scores t and 0 give (t + 1) / 2, cut to [0, 1]."""
    found = sparsemax(torch.tensor([[0.4, 0.0], [1.5, 0.0], [0.0, 0.0], [-3.0, -3.0]]))
    expected = torch.tensor([[0.7, 0.3], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]])
    torch.testing.assert_close(found, expected)
    assert sparsemax(torch.tensor([[7.0]])).tolist() == [[1.0]]


def test_no_other_point_of_the_simplex_is_nearer():
    chance = torch.Generator().manual_seed(0)
    z = torch.randn(20, 9, generator=chance)
    own = ((sparsemax(z) - z) ** 2).sum(dim=1)
    for _ in range(200):
        p = torch.distributions.Dirichlet(torch.full((9,), 0.3)).sample((20,))
        assert (own <= ((p - z) ** 2).sum(dim=1) + 1e-6).all()


NOUNS = ("people", "children", "stories")
SPEC = toy_spec()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Write sentences in which "q" stands where "children" may; "z" is too rare for a vector."""
    chance = random.Random(0)
    texts = []
    for number in range(900):
        noun = chance.choice([*NOUNS, "q"])
        texts.append(f"the old {noun} sing by the fire in the evening {'z' * (number < 3)}")
    records = (Record(id=str(n), source="s", text=text) for n, text in enumerate(texts))
    write_records(tmp_path / "corpus" / "text", records)
    return tmp_path


def on(corpus: Path, **more):
    tokenizer = open_tokenizer(SPEC)
    vocab = tokenizer.get_vocab()
    tokens = ["Ġq", "z"]
    extended = open_tokenizer(with_tokens(["Ġq"]))
    table = torch.randn(len(vocab), 6, generator=torch.Generator().manual_seed(2))
    given = {"old": tokenizer, "new": extended, "tokens": tokens, "pieces": [[5, 6], [7, 8]]}
    return sight(corpus, input=table, output=table, **{**given, **more})


def with_tokens(tokens: list[str]) -> dict:
    spec = toy_spec()
    for token in tokens:
        spec["model"]["vocab"][token] = max(spec["model"]["vocab"].values()) + 1
        spec["model"]["merges"].append([token[0], token[1:]])
    return spec


def test_a_token_with_a_vector_mixes_old_rows_and_a_rare_one_starts_as_edge(corpus: Path):
    here = on(corpus)
    first = focus(here)
    assert first.rows_from == {"focus": 1, "edge": 1}
    start = edge(here)
    assert torch.equal(first.input[1], start.input[1])
    assert not torch.allclose(first.input[0], start.input[0])
    ids, vectors = token_vectors(here)
    at = here.new.get_vocab()["Ġq"]
    old = [n for n in ids if n < len(here.input)]
    cosine = vectors[ids.index(at)] @ vectors[[ids.index(n) for n in old]].T
    weights = sparsemax(cosine[None])[0]
    torch.testing.assert_close(first.input[0], weights @ here.input[old])
    torch.testing.assert_close(first.output[0], weights @ here.output[old])


def test_the_vectors_repeat_and_are_of_length_one(corpus: Path):
    here = on(corpus)
    ids, vectors = token_vectors(here)
    again, same = token_vectors(here)
    assert ids == again
    assert torch.equal(vectors, same)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(ids)))
    assert here.new.get_vocab()["z"] not in ids
    assert not (corpus / "focus.txt").exists()


def test_text_too_small_for_vectors_leaves_every_row_to_edge(tmp_path: Path):
    write_records(tmp_path / "corpus" / "text", [Record(id="1", source="s", text="the old q")])
    here = on(tmp_path)
    first = focus(here)
    assert first.rows_from == {"focus": 0, "edge": 2}
    assert torch.equal(first.input, edge(here).input)


def test_tokens_that_fasttext_would_cut_are_written_by_number(corpus: Path):
    for name in ("a b", "\n\n", "</s>", "__label__x", "\u000b"):
        assert module.UNSAFE.search(name), name
    for name in ("Ġq", "\u2581word", "</s>x", "ب", "\u3000"):
        assert not module.UNSAFE.search(name), name


def test_without_fasttext_the_remedy_is_told(corpus: Path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fasttext", None)
    with pytest.raises(StageFailed, match="fastText") as told:
        focus(on(corpus))
    assert "pip install" in str(told.value.remedy)
    assert not (corpus / "focus.txt").exists()
