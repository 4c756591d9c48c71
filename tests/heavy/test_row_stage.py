"""The warm-up from start to end: the probe, its count of tokens, and going on after a kill."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch
from rowing import everything, make, random_rows

from locale_tune.api import Stopped
from locale_tune_tokenizer.embeddings import row_stage
from locale_tune_tokenizer.embeddings.held_out import HeldOut
from locale_tune_tokenizer.embeddings.row_checkpoints import RowCheckpoints
from locale_tune_tokenizer.embeddings.row_facts import facts_of
from locale_tune_tokenizer.embeddings.row_losses import mean_loss
from locale_tune_tokenizer.embeddings.row_stage import RowPlan, RowStage, better, plan_rows
from locale_tune_tokenizer.embeddings.row_training import RowTrainer

BATCHES = [random_rows(2, seed=n) for n in range(16)]
HELD = HeldOut([random_rows(3, seed=99)], tokens=33, size=120)


class Killed(Exception):
    """Stands for a kill: nothing after it runs."""


def stage(
    work: Path, wish: str = "auto", tied: bool = False, batches=BATCHES, progress=None
) -> RowStage:
    setup = make(tied)
    trainer = RowTrainer(setup, lr=1e-2, warmup_steps=3, weight_decay=0.01)
    plan = plan_rows(wish, batches, HELD, "")
    saves = RowCheckpoints(work, f"recipe {wish} {tied}")
    return RowStage(trainer, plan, HELD, saves, progress or (lambda *_, **__: None))


def go(made: RowStage) -> RowStage:
    if saved := made.saves.resume():
        made.go_on(saved)
    else:
        made.begin({"edge": 3})
    made.run()
    return made


def test_a_probe_takes_a_quarter_of_the_steps_at_most_and_both_count(tmp_path: Path):
    plan = plan_rows("auto", BATCHES, HELD, "")
    assert (plan.loss, plan.probe) == ("auto", 4)
    one, two, rest = plan.phases()
    assert one[1] == two[1] == BATCHES[:4], "both are probed on the same batches"
    assert (rest[1], rest[2]) == (BATCHES[4:12], 4)
    made = go(stage(tmp_path))
    assert made.state.updates == 16
    assert made.state.tokens == 16 * 24 == sum(len(r.ids) for step in BATCHES for r in step)
    assert len(made.state.losses[made.state.winner]) == 12
    assert set(made.state.bits) == {"next-token", "distillation"}


def test_with_auto_no_more_is_fed_than_was_asked_for():
    """The last batches are the smallest, so as many full ones must go as the probes took."""
    uneven = [random_rows(4)] * 9 + [random_rows(1)] * 2
    plan = plan_rows("auto", uneven, HELD, "")
    assert plan.probe == 2
    fed = [sum(len(row.ids) for step in batches for row in step) for _, batches, _ in plan.phases()]
    asked = sum(len(row.ids) for step in uneven for row in step)
    assert asked - 48 < sum(fed) <= asked


def test_a_long_warm_up_is_probed_for_a_hundred_steps():
    assert plan_rows("auto", [BATCHES[0]] * 1000, HELD, "").probe == 100


@pytest.mark.parametrize(
    ("wish", "batches", "held", "reason", "loss", "why"),
    [
        ("next-token", BATCHES, HELD, "changed", "next-token", "as set"),
        ("distillation", BATCHES, HELD, "", "distillation", "as set"),
        ("distillation", BATCHES, HELD, "changed", "next-token", "changed"),
        ("auto", BATCHES, HELD, "changed", "next-token", "changed"),
        ("auto", BATCHES[:3], HELD, "", "next-token", "too few steps"),
        ("auto", BATCHES, HeldOut(), "", "next-token", "too few held-out text"),
        ("auto", [], HELD, "", "next-token", "too few steps"),
    ],
)
def test_what_is_trained_when_and_why(wish, batches, held, reason, loss, why):
    plan = plan_rows(wish, batches, held, reason)
    assert (plan.loss, plan.probe) == (loss, 0)
    assert plan.why.startswith(why)
    assert plan.phases() == [(loss, batches, 0)]


def test_the_loss_with_fewer_bits_wins_but_not_by_a_hair():
    assert better({"next-token": 2.0, "distillation": 1.99}) == "distillation"
    assert better({"next-token": 2.0, "distillation": 1.996}) == "next-token"
    assert better({"next-token": 2.0, "distillation": 2.1}) == "next-token"


@pytest.mark.parametrize("winner", ["next-token", "distillation"])
def test_the_winner_goes_on_from_its_probe_as_if_it_had_run_alone(
    tmp_path: Path, monkeypatch, winner: str
):
    monkeypatch.setattr(row_stage, "better", lambda bits: winner)
    probed = go(stage(tmp_path / "auto"))
    alone = go(stage(tmp_path / "alone", winner, batches=BATCHES[:12]))
    assert probed.state.winner == alone.state.winner == winner
    assert alone.state.losses[winner] == probed.state.losses[winner]
    for one, other in zip(probed.trainer.rows, alone.trainer.rows, strict=True):
        assert torch.equal(one, other)
    assert not probed.kept


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("wish", ["auto", "next-token", "distillation"])
@pytest.mark.parametrize("winner", ["next-token", "distillation"])
def test_a_killed_warm_up_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch, tied: bool, wish: str, winner: str
):
    monkeypatch.setattr(row_stage, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(row_stage, "better", lambda bits: winner)
    straight = go(stage(tmp_path / "straight", wish, tied))
    for kill_at in (1, 4, 5, 8, 9, 15):
        work = tmp_path / f"killed-{kill_at}"
        calls = 0

        def progress(*_, **__) -> None:
            nonlocal calls
            calls += 1
            if calls == kill_at:  # noqa: B023 - called in this turn of the loop only
                raise Killed

        with pytest.raises(Killed):
            go(stage(work, wish, tied, progress=progress))
        again = go(stage(work, wish, tied))
        assert again.state == straight.state, kill_at
        found, expected = everything(again.trainer.setup), everything(straight.trainer.setup)
        assert all(torch.equal(found[name], expected[name]) for name in expected), kill_at


def test_an_end_asked_for_saves_first_and_goes_on_to_the_same_bits(tmp_path: Path):
    straight = go(stage(tmp_path / "straight"))
    before = signal.getsignal(signal.SIGTERM)
    work, calls = tmp_path / "work", []

    def ask(*_, **__) -> None:
        calls.append(1)
        if len(calls) == 6:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped):
        go(stage(work, progress=ask))
    assert len(calls) == 6, "the step in hand is the last"
    assert signal.getsignal(signal.SIGTERM) == before
    assert sorted(path.name for path in work.iterdir())[-1] == "checkpoint-00000006"
    again = go(stage(work))
    for one, other in zip(again.trainer.rows, straight.trainer.rows, strict=True):
        assert torch.equal(one, other)


def test_a_start_is_saved_before_the_first_step(tmp_path: Path):
    made = stage(tmp_path)
    made.begin({"focus": 3})
    again = stage(tmp_path)
    again.go_on(again.saves.resume())
    assert again.state.rows_from == {"focus": 3}
    assert again.state.before == pytest.approx(mean_loss(made.trainer.setup, HELD.steps))


def test_facts_count_what_was_fed_and_name_the_reason(tmp_path: Path):
    made = go(stage(tmp_path, tied=True))
    facts = facts_of(made.plan, made.state, HELD, 3.0, 2.5)
    assert facts["trained_tokens"] == 16 * 24
    assert facts["teacher_tokens"] > 4 * 24
    assert facts["rows_probe"]["steps"] == 4
    assert set(facts["rows_probe"]["bits_per_byte"]) == {"next-token", "distillation"}
    assert "bits per byte" in facts["rows_loss_reason"]
    assert facts["bits_per_byte_after"] == pytest.approx(HELD.bits(3.0))
    assert (facts["bits_per_byte_unextended"], facts["rows_from"]) == (2.5, {"edge": 3})
    assert facts["loss_last"] < facts["loss_first"]


def test_facts_of_no_step_hold_no_made_up_figures(tmp_path: Path):
    made = stage(tmp_path, batches=[])
    made.begin({"edge": 3})
    facts = facts_of(made.plan, made.run(), HeldOut(), 0.0, None)
    assert (facts["trained_tokens"], facts["steps"], facts["rows_loss"]) == (0, 0, "next-token")
    names = ("loss_first", "probe_loss_after", "bits_per_byte_before", "rows_probe")
    assert [facts[name] for name in names] == [None] * 4
    assert not any(tmp_path.iterdir())


def test_a_plan_of_one_loss_has_one_phase():
    assert RowPlan("next-token", "", BATCHES).phases() == [("next-token", BATCHES, 0)]
