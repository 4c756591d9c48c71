"""All that feeds the training, in two processes as in one: noise, masks, budget, mix."""

from __future__ import annotations

import json

import pytest
import torch
from feeding import a_job, corpus_of, lesson, lessons_of, numbered
from forking import ended, fork, together
from safetensors.torch import load_file

from locale_tune_training import inject, tune
from locale_tune_training.settings import InjectSettings, TuneSettings

LESSONS = [lesson("rm", f"Tge {n}?", "La val " * (1 + n % 5)) for n in range(12)]
LESSONS += [lesson("en", f"What is {n}?", "b", "short") for n in range(12)]
SHAPE = {"sequence": 48, "rows_per_step": 3, "lr": 3e-3, "checkpoint_seconds": 1e9}


def injected(home, name):
    more = {"goldfish": "on", "protect": "ssu", "forgetting": "replay", "forgetting_every": 2}
    more |= {"forgetting_budget": 0.0, "tokens": 48 * 3 * 8, "weight_decay": 0.1}
    far = numbered("en", "Q#X@Z%J&K*", 4)
    corpus = corpus_of(home / name, control=far)
    return inject.run(a_job(home, InjectSettings(**SHAPE, **more), name=name, corpus=corpus))


def tuned(home, name, **more):
    more |= {"neftune": 20.0, "smooth_over": "language", "prompt_loss_weight": "auto"}
    more |= {"packing": "best-fit", "min_shares": {"rm": 0.6}, "tokens": 48 * 3 * 6}
    lessons = lessons_of(home / name, LESSONS)
    return tune.run(a_job(home, TuneSettings(**SHAPE, **more), name=name, lessons=lessons))


def kept(home, name, facts):
    (home / name / "facts.json").write_text(json.dumps(facts))


def both(home, run):
    """Run once in one process and once in two; return what each came to."""
    a_job(home)  # writes the model that all start from
    assert ended(fork(lambda: kept(home, "one", run(home, "one")))) == 0
    codes = together(lambda rank: kept(home, f"two-{rank}", run(home, f"two-{rank}")))
    assert codes == [0, 0]
    names = ("one", "two-0", "two-1")
    facts = [json.loads((home / name / "facts.json").read_text()) for name in names]
    # transformers writes the model in the first process only.
    return facts, [load_file(home / name / "out" / "model.safetensors") for name in names[:2]]


@pytest.mark.parametrize(
    ("run", "tolerance"),
    [
        (injected, 2e-5),
        (tuned, 2e-5),
        (lambda home, name: tuned(home, name, shard=True), 2e-5),
    ],
    ids=["inject", "tune", "tune sharded"],
)
def test_two_processes_equal_one(tmp_path, run, tolerance):
    facts, weights = both(tmp_path, run)
    for key in ("steps", "tokens", "replay_raised", "goldfish", "frozen_share", "languages"):
        assert facts[0].get(key) == facts[1].get(key) == facts[2].get(key), key
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=0, atol=tolerance)
    start = load_file(tmp_path / "model" / "model.safetensors")
    assert max(float((start[name] - w).abs().max()) for name, w in weights[0].items()) > 1e-3


def test_the_budget_was_used(tmp_path):
    a_job(tmp_path)
    assert injected(tmp_path, "one")["replay_raised"]
