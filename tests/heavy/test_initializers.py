"""First rows in closed form, for tables of one and of two kinds, padded and of any dtype."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from rowing import TOKENIZER, sight

from locale_tune.api import Record, StageFailed, write_records
from locale_tune_tokenizer.embeddings.first_rows import (
    edge,
    edge_weights,
    mean,
    mean_weights,
    summed,
)
from locale_tune_tokenizer.embeddings.initializers import (
    INITIALIZERS,
    hewitt,
    random,
    require,
    zero,
)
from locale_tune_tokenizer.settings import ExtendSettings

TABLE = torch.tensor([[1.0, 0.0], [0.0, 1.0], [4.0, 4.0]])


def test_edge_leans_on_the_last_piece_to_read_and_on_the_first_to_write():
    share = 1 / (1 + math.exp(-2))
    torch.testing.assert_close(edge_weights(2, "input"), torch.tensor([1 - share, share]))
    torch.testing.assert_close(edge_weights(2, "output"), torch.tensor([share, 1 - share]))
    torch.testing.assert_close(edge_weights(3, "input"), edge_weights(3, "output").flip(0))
    assert edge_weights(1, "input").tolist() == [1.0]


def test_long_tokens_do_not_overflow():
    weights = edge_weights(500, "input")
    assert weights.isfinite().all()
    assert weights.sum().item() == pytest.approx(1.0)


def test_rows_are_weighted_sums_in_float32():
    share = 1 / (1 + math.exp(-2))
    rows = summed(TABLE.bfloat16(), [[0, 1]], edge_weights, "input")
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, torch.tensor([[1 - share, share]]))
    rows = summed(TABLE, [[0, 1, 2], [2]], mean_weights, "output")
    torch.testing.assert_close(rows, torch.tensor([[5 / 3, 5 / 3], [4.0, 4.0]]))


def test_each_side_takes_its_own_table(tmp_path: Path):
    other = torch.randn(len(TOKENIZER), 8, generator=torch.Generator().manual_seed(9))
    here = sight(tmp_path, output=other)
    for first, weights in ((edge(here), edge_weights), (mean(here), mean_weights)):
        torch.testing.assert_close(first.input[1], weights(3, "input") @ here.input[7:10])
        torch.testing.assert_close(first.output[1], weights(3, "output") @ other[7:10])
    assert edge(here).rows_from == {"edge": 2}


@pytest.mark.parametrize("name", ["edge", "mean", "hewitt", "random", "zero"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_are_float32_finite_and_the_same_every_time(tmp_path: Path, name: str, dtype):
    table = sight(tmp_path).input.to(dtype)
    here = sight(tmp_path, input=table, output=table)
    first, again = (INITIALIZERS[name](here) for _ in range(2))
    for rows, same in ((first.input, again.input), (first.output, again.output)):
        assert rows.dtype == torch.float32
        assert rows.shape == (2, 8)
        assert rows.isfinite().all()
        assert torch.equal(rows, same)
    assert sum(first.rows_from.values()) == 2


def covered(tmp_path: Path, rows: int):
    """Return a sight with a skewed table, padding rows far off, and many new tokens."""
    chance = torch.Generator().manual_seed(5)
    mixed = torch.randn(8, 8, generator=chance)
    table = torch.randn(len(TOKENIZER), 8, generator=chance) @ mixed + 3.0
    table = torch.cat([table, torch.full((64, 8), 1e6)])
    return sight(tmp_path, input=table, output=table, pieces=[[1]] * rows, tokens=["a"] * rows)


def test_hewitt_draws_from_the_rows_in_use_and_not_from_padding(tmp_path: Path):
    here = covered(tmp_path, 20_000)
    used = here.input[: len(TOKENIZER)]
    assert here.used() == list(range(len(TOKENIZER)))
    drawn = hewitt(here).input
    mu = used.mean(dim=0)
    noise = ((drawn - mu).double() / math.sqrt(1e-9)).float()
    sigma = (used - mu).T @ (used - mu) / len(used)
    size = sigma.diagonal().sqrt()
    # 20,000 draws: means within 4 standard errors, covariances to a few per cent.
    assert ((noise.mean(dim=0) / size).abs() < 4 / math.sqrt(20_000)).all()
    correlation = (noise.T @ noise / 20_000 - sigma) / torch.outer(size, size)
    assert correlation.abs().max() < 0.05


def test_hewitt_rows_differ_by_seed_and_tied_sides_agree(tmp_path: Path):
    one, other = hewitt(sight(tmp_path)), hewitt(sight(tmp_path, seed=1))
    assert torch.equal(one.input, one.output)
    assert not torch.equal(one.input, other.input)
    assert not torch.equal(one.input[0], one.input[1])
    assert (one.input - sight(tmp_path).input.mean(dim=0)).abs().max() < 1e-3


def test_random_rows_spread_like_old_ones_and_zero_rows_are_zero(tmp_path: Path):
    here = covered(tmp_path, 4_000)
    drawn = random(here)
    expected = here.input[: len(TOKENIZER)].std().item()
    assert drawn.input.std().item() == pytest.approx(expected, rel=0.02)
    assert abs(drawn.input.mean().item()) < 4 * expected / math.sqrt(32_000)
    assert not zero(here).input.any()
    assert not zero(here).output.any()


def test_the_setting_lists_every_initializer():
    field = ExtendSettings.model_fields["initializer"]
    assert set(field.annotation.__args__) == set(INITIALIZERS)


def test_what_an_initializer_needs_is_told_before_anything_is_learned(tmp_path: Path, monkeypatch):
    with pytest.raises(StageFailed, match="words with translations") as told:
        require("lexicon", tmp_path)
    assert 'role = "lexicon"' in str(told.value.remedy)
    write_records(tmp_path / "lexicon", [Record(id="w", source="s", text="a", translation="b")])
    require("lexicon", tmp_path)
    require("edge", tmp_path / "nowhere")
    monkeypatch.setattr(
        "locale_tune_tokenizer.embeddings.initializers.find_spec", lambda name: None
    )
    with pytest.raises(StageFailed, match="fastText") as told:
        require("focus", tmp_path)
    assert "pip install" in str(told.value.remedy)
