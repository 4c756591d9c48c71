"""The forgetting budget: measured as by hand, acted on as told, the same after a kill."""

from __future__ import annotations

import math
import os
import signal
from itertools import repeat
from types import SimpleNamespace

import pytest
import torch
from feeding import ENGLISH, a_job, corpus_of, numbered, text
from tiny import tiny_model, tiny_tokenizer
from torch.nn.functional import cross_entropy

from locale_tune.api import StageFailed, Stopped
from locale_tune_training import forgetting, inject
from locale_tune_training.encoding import Encoder
from locale_tune_training.forgetting import Watch, bits_per_byte, control_lines
from locale_tune_training.mixing import Mixture
from locale_tune_training.model import LossModule
from locale_tune_training.settings import InjectSettings

torch.set_num_threads(1)
TOKENIZER = tiny_tokenizer()
ENCODER = Encoder(TOKENIZER)


def test_bits_per_byte_by_hand():
    model = tiny_model(TOKENIZER, attention_dropout=0.5)
    module = LossModule(model, 0.1).train()
    lines = control_lines(numbered("en", ENGLISH, 3), ENCODER, 8, 256, 0)
    got = bits_per_byte(module, lines)
    assert module.training, "the mode comes back"
    model.eval().requires_grad_(False)
    nll = size = 0.0
    for record in numbered("en", ENGLISH, 3):
        ids = torch.tensor(ENCODER.content_ids(record.text[:256]))
        nll += float(cross_entropy(model(ids[None]).logits[0, :-1], ids[1:], reduction="sum"))
        size += len(record.text[:256].encode())
    assert got == pytest.approx(nll / math.log(2) / size, rel=1e-5)


def test_control_lines_are_english_where_there_is_any_and_drawn_by_the_seed():
    mixed = [*numbered("de", "Das Tal. ", 9), *numbered("en-GB", ENGLISH, 9)]
    lines = control_lines(mixed, ENCODER, 4, 64, 0)
    assert len(lines) == 4
    assert all(TOKENIZER.decode(line.row.ids).startswith("The people") for line in lines)
    again = control_lines(mixed[::-1], ENCODER, 4, 64, 0)
    assert [line.row.ids.tolist() for line in lines] == [x.row.ids.tolist() for x in again]
    assert len(control_lines([text("de", "Das Tal im Winter")], ENCODER, 4, 64, 0)) == 1
    assert all(len(line.row.ids) <= 64 for line in lines)


class Fake:
    """A trainer whose control text gets worse by 0.01 bits per byte each step."""

    def __init__(self, monkeypatch, by=0.01):
        self.module, self.at = None, 1.0
        self.by = by

        def measured(_module, _lines):
            self.at += self.by
            return self.at - self.by

        monkeypatch.setattr(forgetting, "bits_per_byte", measured)


def watched(monkeypatch, steps=6, kept=None, **more):
    settings = InjectSettings(forgetting_every=1, forgetting_budget=0.025, rows_per_step=2, **more)
    mixture = Mixture(repeat("n"), repeat("r"), 0.2)
    watch = Watch([], settings, mixture)
    trainer, state = Fake(monkeypatch), SimpleNamespace(step=0, kept=kept or {})
    hooks = watch.hooks()
    hooks.begin(trainer, state)
    said = []
    for state.step in range(1, steps + 1):
        for _ in range(2):
            next(mixture)
        said.append(hooks.after_step(trainer, state))
    return said, watch.facts(), mixture, state


def test_it_only_measures_unless_told_otherwise(monkeypatch):
    said, facts, mixture, _ = watched(monkeypatch, forgetting="measure")
    assert said == ["go on"] * 6
    assert facts["forgetting"] == pytest.approx(0.06)
    assert [step for step, _ in facts["control_bits_per_byte"]] == [1, 2, 3, 4, 5, 6]
    assert mixture.share == 0.2


def test_it_stops_at_the_first_measurement_above_the_budget(monkeypatch):
    said, facts, _, state = watched(monkeypatch, steps=3, forgetting="stop")
    assert said == ["go on", "go on", "stop"]
    assert facts["stopped_by_budget"]
    assert state.kept["forgetting"]["stopped"]


def test_it_raises_replay_step_by_step_up_to_the_most(monkeypatch):
    _, facts, mixture, state = watched(
        monkeypatch, forgetting="replay", replay_raise=0.2, replay_most=0.5
    )
    assert facts["replay_raised"] == [[6, 0.4], [8, 0.5]]
    assert mixture.since == [(0, 0.2), (6, 0.4), (8, 0.5)]
    assert state.kept["forgetting"]["since"] == [[6, 0.4], [8, 0.5]]


def test_a_resumed_watch_keeps_start_and_shares(monkeypatch):
    kept = {"start": 1.0, "measured": [[3, 1.5]], "since": [[6, 0.3]], "stopped": False}
    watch = Watch([], InjectSettings(forgetting="replay"), Mixture(repeat("n"), repeat("r"), 0.2))
    state = SimpleNamespace(step=3, kept={"forgetting": kept})
    watch.hooks().begin(Fake(monkeypatch), state)
    assert watch.mixture.since == [(0, 0.2), (6, 0.3)]
    assert watch.facts()["control_bits_per_byte_start"] == 1.0


# Text that shares no letter with what is trained on: a fresh model gets worse at it.
FAR = numbered("en", "Q#X@Z%J&K*", 4)
SMALL = {"sequence": 32, "rows_per_step": 2, "lr": 3e-2, "tokens": 32 * 2 * 12}


def weights(home, name):
    from safetensors.torch import load_file

    return load_file(home / name / "out" / "model.safetensors")


def test_a_killed_run_with_raised_replay_ends_in_the_same_bits(tmp_path):
    settings = InjectSettings(
        forgetting="replay", forgetting_every=2, forgetting_budget=0.0, **SMALL
    )
    corpus = corpus_of(tmp_path, control=FAR)

    def stop(done, total, _note=""):
        if (done, total) == (7, 12):
            os.kill(os.getpid(), signal.SIGTERM)

    facts = inject.run(a_job(tmp_path, settings, name="a", corpus=corpus))
    assert facts["replay_raised"]
    assert facts["replay_raised"][0][0] < 14 < facts["steps"] * 2, "raised before the stop"
    assert facts["replay_share"] > 0.2
    with pytest.raises(Stopped):
        inject.run(a_job(tmp_path, settings, stop, "b", corpus=corpus))
    again = inject.run(a_job(tmp_path, settings, name="b", corpus=corpus))
    assert again["resumed_at"] == [7]
    for key in ("replay_raised", "control_bits_per_byte", "replay_share"):
        assert again[key] == facts[key], key
    first, second = weights(tmp_path, "a"), weights(tmp_path, "b")
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_run_over_the_budget_stops_and_keeps_its_model(tmp_path):
    settings = InjectSettings(forgetting="stop", forgetting_every=2, forgetting_budget=0.0, **SMALL)
    facts = inject.run(a_job(tmp_path, settings, corpus=corpus_of(tmp_path, control=FAR)))
    assert facts["stopped_by_budget"]
    assert facts["steps"] < 12
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_measuring_changes_no_bit_of_the_model(tmp_path):
    corpus = corpus_of(tmp_path)
    for name, mode in (("a", "off"), ("b", "measure")):
        settings = InjectSettings(forgetting=mode, forgetting_every=3, **SMALL)
        inject.run(a_job(tmp_path, settings, name=name, corpus=corpus))
    first, second = weights(tmp_path, "a"), weights(tmp_path, "b")
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(
    ("mode", "missing", "told"),
    [("stop", "control", "control text"), ("replay", "replay", "replay text")],
)
def test_without_the_text_it_needs_it_says_so(tmp_path, mode, missing, told):
    corpus = corpus_of(tmp_path, **{missing: ()})
    with pytest.raises(StageFailed, match=told):
        inject.run(a_job(tmp_path, InjectSettings(forgetting=mode, **SMALL), corpus=corpus))
