"""Tables that grow and rows that train, from a model folder to a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from extending import make_job
from growing_support import EMBED, HEAD, extension_of, grow_tiny

from locale_tune.api import Record, StageFailed, Stopped, read_json, write_records
from locale_tune_tokenizer import measure_speed
from locale_tune_tokenizer.embeddings import row_stage
from locale_tune_tokenizer.embeddings.initializers import INITIALIZERS

LOSSES = ("auto", "next-token", "distillation")


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_old_rows_stay_bit_for_bit_with_weight_decay(
    tmp_path: Path, tied: bool, padded: bool, loss: str
):
    """Inside old padding too: there, the rows of new ids are new and all the others old."""
    size = {"vocab_size": 512} if padded else {}
    settings = {"rows_loss": loss, "row_weight_decay": 0.1}
    grew = grow_tiny(tmp_path, settings, tie_word_embeddings=tied, **size)
    ids = list(grew.extension.ids.values())
    assert (len(grew.after[EMBED]) == len(grew.before[EMBED])) is padded
    assert (HEAD in grew.after) is not tied
    for name, was in grew.before.items():
        kept = torch.ones(len(was), dtype=torch.bool)
        if name in (EMBED, HEAD):
            kept[[n for n in ids if n < len(was)]] = False
            assert int((~kept).sum()) == (len(ids) if padded else 0)
        assert torch.equal(grew.after[name][: len(was)][kept], was[kept]), name
    assert grew.grown.checks["rows"]["passed"]
    assert grew.grown.checks["learning"]["rows_tried"] == len(ids)
    assert grew.grown.facts["tied"] is tied


@pytest.mark.parametrize("loss", LOSSES)
def test_the_facts_say_what_was_fed_and_what_it_brought(tmp_path: Path, loss: str):
    facts = grow_tiny(tmp_path, {"rows_loss": loss, "row_lr": 1e-2}).grown.facts
    assert (facts["trained_tokens"], facts["steps"]) == (640, 10)
    assert (facts["rows_probe"] is not None) is (loss == "auto")
    assert (facts["teacher_tokens"] > 0) is (loss != "next-token")
    assert facts["rows_loss"] == (facts["rows_loss"] if loss == "auto" else loss)
    if loss != "distillation":  # its teacher knows nothing here: the model is random
        assert facts["bits_per_byte_after"] < facts["bits_per_byte_before"]
        assert facts["probe_loss_after"] < facts["probe_loss_before"]
    assert 0 < facts["bits_per_byte_unextended"] < 10
    assert facts["rows_from"] == {"edge": 40}


@pytest.mark.parametrize("wish", ["auto", "distillation"])
def test_cuts_that_are_not_exact_are_not_distilled(tmp_path: Path, wish: str):
    job = make_job(tmp_path, {"rows_loss": wish})
    pieces = [[5, 6]] * len(extension_of(job).ids)
    grew = grow_tiny(tmp_path, job=job, exact=False, pieces=pieces)
    facts = grew.grown.facts
    assert facts["rows_loss"] == "next-token"
    assert "pre-tokenizer changed" in facts["rows_loss_reason"]
    assert (facts["teacher_tokens"], facts["bits_per_byte_unextended"]) == (0, None)
    assert grew.grown.checks["learning"]["losses"] == ["next-token"]


def test_pieces_that_are_given_are_used(tmp_path: Path):
    job = make_job(tmp_path, {"tokens": 0, "initializer": "mean"}, tie_word_embeddings=False)
    pieces = [[n, n + 1] for n in range(len(extension_of(job).ids))]
    grew = grow_tiny(tmp_path, job=job, exact=False, pieces=pieces)
    first = min(grew.extension.ids.values())
    for name in (EMBED, HEAD):
        torch.testing.assert_close(grew.after[name][first + 3], grew.before[name][3:5].mean(dim=0))


def test_a_text_longer_than_the_model_in_old_tokens_is_not_distilled(tmp_path: Path):
    job = make_job(tmp_path, max_position_embeddings=20)
    facts = grow_tiny(tmp_path, job=job).grown.facts
    assert facts["rows_loss"] == "next-token"
    assert "too few positions" in facts["rows_loss_reason"]


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("tied", [True, False])
def test_every_initializer_gives_finite_rows_and_counts_them(tmp_path: Path, name: str, tied: bool):
    job = make_job(tmp_path, {"tokens": 0, "initializer": name}, tie_word_embeddings=tied)
    letters = [token for token in extension_of(job).ids if token.isascii()]
    word = Record(id="w", source="s", text=letters[-1].upper(), translation="people; language")
    write_records(job.inputs["corpus"].path / "lexicon", [word])
    grew = grow_tiny(tmp_path, job=job)
    facts = grew.grown.facts
    assert facts["initializer"] == name
    assert sum(facts["rows_from"].values()) == len(grew.extension.ids) == 40
    assert grew.after[EMBED].isfinite().all()
    if name in ("focus", "lexicon"):
        assert facts["rows_from"][name] > 0
    assert not (job.work / "focus.txt").exists()


def test_a_lexicon_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(StageFailed, match="words with translations"):
        grow_tiny(tmp_path, {"initializer": "lexicon"})


class Killed(Exception):
    """Stands for a kill: nothing after it runs."""


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kill_at", [1, 3, 5, 9])
def test_a_killed_warm_up_goes_on_to_the_same_model(
    tmp_path: Path, monkeypatch, tied: bool, kill_at: int
):
    monkeypatch.setattr(row_stage, "CHECKPOINT_SECONDS", 0.0)
    settings = {"row_lr": 1e-2, "row_weight_decay": 0.01}
    straight = grow_tiny(tmp_path, settings, tie_word_embeddings=tied)
    job = make_job(tmp_path, settings)
    calls: list[int] = []

    def progress(*_, **__) -> None:
        calls.append(1)
        if len(calls) == kill_at:
            raise Killed

    with pytest.raises(Killed):
        grow_tiny(tmp_path, job=replace(job, progress=progress))
    calls.clear()
    fed = replace(job, progress=lambda *_, **__: calls.append(1))
    again = grow_tiny(tmp_path, job=fed)
    assert 10 - kill_at <= len(calls) <= 11 - kill_at, "the checkpoint was used"
    assert again.grown == straight.grown
    assert all(torch.equal(again.after[name], straight.after[name]) for name in straight.after)
    written = [(g.job.out / "model.safetensors").read_bytes() for g in (again, straight)]
    assert written[0] == written[1]


def test_another_recipe_starts_anew(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(row_stage, "CHECKPOINT_SECONDS", 0.0)
    job = make_job(tmp_path)
    grow_tiny(tmp_path, job=job)
    changed = job.settings.model_copy(update={"row_lr": 5e-3})
    calls: list[int] = []
    other = replace(job, settings=changed, progress=lambda *_, **__: calls.append(1))
    grow_tiny(tmp_path, job=other)
    assert len(calls) == 10


def test_a_warm_up_that_is_asked_to_end_says_so(tmp_path: Path):
    import os
    import signal

    job = make_job(tmp_path)
    ask = replace(job, progress=lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Stopped, match="new rows"):
        grow_tiny(tmp_path, job=ask)
    assert list((job.work / "rows").glob("checkpoint-*"))
    assert grow_tiny(tmp_path, job=job).grown.facts["trained_tokens"] == 640


def test_a_bfloat16_model_keeps_its_old_rows_and_its_dtype(tmp_path: Path):
    from transformers import AutoModelForCausalLM

    base = make_job(tmp_path).inputs["model"].path
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(base)
    grew = grow_tiny(tmp_path, {"row_weight_decay": 0.1})
    for name, was in grew.before.items():
        assert grew.after[name].dtype == was.dtype == torch.bfloat16
        assert torch.equal(grew.after[name][: len(was)], was)


def test_the_speed_is_that_of_the_slowest_loss_allowed(tmp_path: Path, monkeypatch):
    from locale_tune_tokenizer.embeddings import row_training, speed

    seen: list[str] = []
    step = row_training.RowTrainer.step

    def watched(self, loss, batch, number):
        seen.append(loss)
        fed = step(self, loss, batch, number)
        assert (fed.teacher_tokens > 2 * fed.tokens) is (loss == "distillation")
        return fed

    monkeypatch.setattr(speed.RowTrainer, "step", watched)
    for loss, timed in (("auto", "distillation"), ("next-token", "next-token")):
        assert measure_speed(make_job(tmp_path, {"rows_loss": loss})) > 0
        assert set(seen) == {timed}
        seen.clear()


def test_a_model_without_held_out_lines_trains_and_measures_nothing(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("growing_support.HELD_OUT", [])
    facts = grow_tiny(tmp_path).grown.facts
    assert facts["trained_tokens"] == 640
    assert facts["rows_loss"] == "next-token"
    assert "held-out text" in facts["rows_loss_reason"]
    assert facts["bits_per_byte_before"] is facts["bits_per_byte_unextended"] is None


def test_the_config_and_generation_config_are_the_bases(tmp_path: Path):
    grew = grow_tiny(tmp_path)
    base = grew.job.inputs["model"].path
    assert read_json(grew.job.out / "config.json")["vocab_size"] == len(grew.after[EMBED])
    theirs, ours = (path / "generation_config.json" for path in (base, grew.job.out))
    assert theirs.read_bytes() == ours.read_bytes()
