"""The checks of the rows: each finds the fault it is for."""

from __future__ import annotations

import pytest
import torch
from rowing import NEW, everything, make
from torch import nn

from locale_tune.api import StageFailed
from locale_tune_tokenizer.embeddings.row_checks import (
    _check_storage,
    check_learning,
    check_old_rows,
    check_rows,
    trial,
)
from locale_tune_tokenizer.embeddings.row_training import LOSSES, RowTrainer


def old_tables(setup):
    """Return copies of both tables as they were: one tensor when they are tied."""
    before = setup.tables.input.detach().clone()
    return (before, before if setup.tables.tied else setup.tables.output.detach().clone())


def learn(setup, before, **more):
    given = {"lr": 1e-3, "weight_decay": 0.0, **more}
    return check_learning(setup, before, list(LOSSES), **given)


@pytest.mark.parametrize("tied", [True, False])
def test_a_sound_model_passes_and_is_left_as_it_was(tied: bool):
    setup = make(tied)
    before, weights = old_tables(setup), everything(setup)
    found = learn(setup, before, weight_decay=0.1)
    assert found == {"passed": True, "losses": list(LOSSES), "rows_tried": 3, "tied": tied}
    after = everything(setup)
    assert all(torch.equal(after[name], weights[name]) for name in weights)
    assert check_rows(setup.tables, before) == {
        "passed": True,
        "old_rows_unchanged": len(before[0]) - 3,
        "new_rows": 3,
        "rows": len(before[0]),
    }


def test_every_tried_token_is_read_and_predicted():
    setup = make()
    rows = trial(setup, NEW * 20)
    assert {len(row.ids) for row in rows} == {34}
    assert all(row.ids[0] == row.ids[-1] == 10 for row in rows)
    assert {n for row in rows for n in row.ids[1:-1]} == set(NEW)


def test_rows_that_do_not_move_are_found(monkeypatch):
    setup = make(tied=False)
    monkeypatch.setattr(RowTrainer, "step", lambda *_: None)
    with pytest.raises(StageFailed, match="3 of 3 new input rows did not move"):
        learn(setup, old_tables(setup))


def test_an_output_row_left_out_is_found(monkeypatch):
    setup = make(tied=False)
    step = RowTrainer.step

    def forgetful(self, *given):
        was = setup.tables.new_output.detach()[1].clone()
        step(self, *given)
        setup.tables.new_output.data[1] = was

    monkeypatch.setattr(RowTrainer, "step", forgetful)
    with pytest.raises(StageFailed, match="1 of 3 new output rows did not move"):
        learn(setup, old_tables(setup))


@pytest.mark.parametrize("side", ["input", "output"])
def test_an_old_row_that_moved_by_one_bit_is_found(side: str):
    setup = make(tied=False)
    before = old_tables(setup)
    table = getattr(setup.tables, side)
    with torch.no_grad():
        table[7, 3] = torch.nextafter(table[7, 3], torch.tensor(1.0))
    with pytest.raises(StageFailed, match=f"old row of the {side} table moved"):
        check_old_rows(setup.tables, before)


def test_tables_that_came_apart_or_together_are_found():
    tied = make(tied=True)
    before = old_tables(tied)
    tied.tables.output = nn.Parameter(tied.tables.input.detach().clone())
    with pytest.raises(StageFailed, match="one table became two"):
        learn(tied, before)
    untied = make(tied=False)
    before = old_tables(untied)
    untied.tables.output = untied.tables.input
    with pytest.raises(StageFailed, match="two tables became one"):
        _check_storage(untied.tables, before)


def test_a_new_row_that_is_lost_or_not_finite_is_found():
    setup = make(tied=False)
    before = old_tables(setup)
    with torch.no_grad():
        setup.tables.output[NEW[0]] += 1
    with pytest.raises(StageFailed, match="new row of the output table does not hold"):
        check_rows(setup.tables, before)
    with torch.no_grad():
        setup.tables.output[NEW[0]] = float("nan")
    with pytest.raises(StageFailed, match="new row of the output table is not finite"):
        check_rows(setup.tables, before)
