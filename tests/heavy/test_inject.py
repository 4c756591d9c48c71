"""`inject`: what is mixed, annealed, masked and shielded, and that the defaults do none of it."""

from __future__ import annotations

import json
import os
import signal

import pytest
import torch
from feeding import ENGLISH, NATIVE, a_job, corpus_of, numbered, text
from safetensors.torch import load_file
from tiny import tiny_tokenizer

from locale_tune.api import StageFailed, Stopped
from locale_tune_training import inject, texts
from locale_tune_training.encoding import Encoder
from locale_tune_training.settings import InjectSettings

torch.set_num_threads(1)
ENCODER = Encoder(tiny_tokenizer())
SMALL = {"sequence": 32, "rows_per_step": 2, "lr": 1e-2, "tokens": 32 * 2 * 10}


def settings(**more):
    return InjectSettings(**{**SMALL, **more})


def weights(job):
    return load_file(job.out / "model.safetensors")


def same(one, two):
    return all(torch.equal(one[key], two[key]) for key in one)


def rates(job):
    lines = (job.out / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["lr"] for line in lines]


def weights_of(tokens):
    return [tokens.piece(i, 0, tokens.length(i))[1] for i in range(len(tokens))]


def planned(job):
    native, replay = (texts.encode(job, ENCODER, split) for split in ("text", "replay"))
    return texts.plan(job, ENCODER, native, replay), native, replay


def test_replay_is_told_by_source_and_language(tmp_path):
    replay = [*numbered("en", ENGLISH, 6), *numbered("de", "Das Tal im Winter. ", 6)]
    job = a_job(tmp_path, settings(), corpus=corpus_of(tmp_path, replay=replay))
    facts = inject.run(job)
    told = {row["lang"]: row for row in facts["replay_proxies"]}
    assert set(told) == {"en", "de"}
    assert sum(row["tokens"] for row in told.values()) == facts["replay_tokens"]
    assert sum(row["share"] for row in told.values()) == pytest.approx(1, abs=1e-3)
    assert told["en"]["source"] == "en-text"


def test_replay_by_bytes_gives_its_share_of_the_bytes(tmp_path):
    corpus = corpus_of(tmp_path, native=numbered("rm", "ŝ̈ŧ ẑ ", 30))
    job = a_job(tmp_path, settings(replay_by="bytes", replay=0.3), corpus=corpus)
    scheme, native, replay = planned(job)
    got = scheme.share * replay.bytes_per_token
    whole = got + (1 - scheme.share) * native.bytes_per_token
    assert got / whole == pytest.approx(0.3)
    assert abs(scheme.share - 0.3) > 0.05


def test_replay_has_its_least_share_of_a_language(tmp_path):
    replay = [*numbered("en", ENGLISH, 30), *numbered("de", "Das Tal im Winter. ", 3)]
    corpus = corpus_of(tmp_path, replay=replay)
    job = a_job(tmp_path, settings(replay_min_shares={"de": 0.5}), corpus=corpus)
    _, _, encoded = planned(job)
    drawn = encoded.order(0)
    tokens = {"en": 0, "de": 0}
    for record in drawn:
        tokens[encoded.tally.languages[record]] += encoded.tokens.length(record)
    assert tokens["de"] / sum(tokens.values()) == pytest.approx(0.5, abs=0.05)
    assert planned(a_job(tmp_path, settings(), corpus=corpus))[2].order is None


TAGGED = [
    *numbered("rm", NATIVE, 12),
    *[text("rm", f"Chalandamarz {n}: la val chanta. " * 6, culture="feast") for n in range(6)],
]


def test_the_anneal_is_the_last_share_of_the_steps_with_a_rate_that_falls_to_zero(tmp_path):
    corpus = corpus_of(tmp_path, native=TAGGED)
    job = a_job(tmp_path, settings(anneal=0.3, max_epochs=99), corpus=corpus)
    facts = inject.run(job)
    assert facts["steps"] == 10
    assert facts["anneal_steps"] == 3
    assert [row["lang"] for row in facts["anneal_text"]] == ["rm"]
    got = rates(job)
    assert got[1:7] == [pytest.approx(1e-2)] * 6
    assert got[7] == pytest.approx(1e-2)
    assert got[8] == pytest.approx(1e-2 * (1 - (1 / 3) ** 0.5))
    assert got[9] == pytest.approx(1e-2 * (1 - (2 / 3) ** 0.5))


def test_the_anneal_sees_tagged_text_and_replay_only(tmp_path):
    corpus = corpus_of(tmp_path, native=TAGGED)
    seen = []
    job = a_job(tmp_path, settings(anneal=0.4, max_epochs=99), corpus=corpus)
    scheme, native, _replay = planned(job)
    assert scheme.anneal_from == 6 * 2
    for row, _ in zip(texts.rows_of(scheme.anneal, job), range(6), strict=False):
        seen.append(ENCODER.tokenizer.decode(row.ids))
    assert all("Chalandamarz" in line or "chanta" in line for line in seen)
    assert scheme.anneal.tokens.total < native.tokens.total


def test_a_small_anneal_text_is_not_seen_more_than_max_epochs(tmp_path):
    corpus = corpus_of(tmp_path, native=TAGGED)
    more = {"anneal": 1.0, "max_epochs": 4.0, "epochs": 3.0, "tokens": None}
    scheme, native, _ = planned(a_job(tmp_path, settings(**more), corpus=corpus))
    part = (scheme.steps * 2 - scheme.anneal_from) / (scheme.steps * 2)
    times = native.tokens.total / scheme.anneal.tokens.total
    passes = (1 - part) * 3 + part * 3 * times
    assert 3 < passes < 4.5
    assert part < 1


def test_no_tagged_text_is_an_error_that_says_what_to_do(tmp_path):
    job = a_job(tmp_path, settings(anneal=0.2), corpus=corpus_of(tmp_path))
    with pytest.raises(StageFailed, match="sources and tags") as caught:
        inject.run(job)
    assert "anneal = 0" in caught.value.remedy


def test_goldfish_auto_masks_what_would_be_seen_ten_times(tmp_path):
    corpus = corpus_of(tmp_path)
    often = {"tokens": None, "epochs": 10.0, "goldfish": "auto", "goldfish_k": 4, "goldfish_h": 3}
    job = a_job(tmp_path, settings(**often), corpus=corpus)
    scheme, native, replay = planned(job)
    told = scheme.facts["goldfish"]
    kept = sum(float(w.sum()) for w in weights_of(native.tokens))
    targets = native.tokens.total - len(native.tokens)
    assert told["dropped_share"] == pytest.approx(1 - kept / targets, abs=1e-4)
    assert 0.05 < told["dropped_share"] < 0.5
    assert all((w[1:] == 1).all() for w in weights_of(replay.tokens)), "replay is not masked"
    few = a_job(tmp_path, settings(**{**often, "epochs": 9.0}), corpus=corpus)
    assert "goldfish" not in planned(few)[0].facts


def test_shielded_columns_are_those_of_the_base_at_the_end(tmp_path):
    from locale_tune_training.model import LossModule, load_model
    from locale_tune_training.ssu import Shield, calibration_rows, template_ids

    corpus = corpus_of(tmp_path)
    job = a_job(tmp_path, settings(protect="ssu", weight_decay=0.1), corpus=corpus)
    facts = inject.run(job)
    assert facts["protect"] == "ssu"
    assert facts["calibrated_on"] == "replay"
    assert 0.3 < facts["frozen_share"] < 0.55
    module = LossModule(load_model(tmp_path / "model", job.machine))
    rows = calibration_rows(job, ENCODER).rows
    shield = Shield(module, rows, template_ids(ENCODER.tokenizer))
    after, before = weights(job), load_file(tmp_path / "model" / "model.safetensors")
    for part in shield.frozen:
        key = part.name.removeprefix("model.")
        old, new = (side[key].index_select(part.axis, part.which) for side in (before, after))
        assert torch.equal(old, new), key
        assert not torch.equal(before[key], after[key]), key


@pytest.mark.parametrize("more", [{"adapter": "lora"}, {"shard": True}])
def test_ssu_refuses_what_it_cannot_shield(tmp_path, more):
    job = a_job(tmp_path, settings(protect="ssu", **more), corpus=corpus_of(tmp_path))
    with pytest.raises(StageFailed, match="trains in full"):
        inject.run(job)


def test_everything_off_is_what_the_defaults_say(tmp_path):
    """A share of replay, in the old order, from the old schedule: facts of nothing else."""
    facts = inject.run(a_job(tmp_path, settings(), corpus=corpus_of(tmp_path)))
    assert facts["replay_share"] == 0.2
    assert not {"goldfish", "protect", "anneal_steps", "forgetting"} & set(facts)


def test_everything_together_trains(tmp_path):
    more = {"anneal": 0.3, "goldfish": "on", "protect": "ssu", "forgetting": "replay"}
    more |= {"forgetting_every": 2, "replay_by": "bytes", "max_epochs": 99}
    job = a_job(tmp_path, settings(**more), corpus=corpus_of(tmp_path, native=TAGGED))
    facts = inject.run(job)
    assert facts["steps"] == 10
    assert {"goldfish", "protect", "anneal_steps", "forgetting"} <= set(facts)
    assert facts["last_loss"] < facts["first_loss"]
    json.dumps(facts)


def test_a_killed_run_with_everything_on_ends_in_the_same_bits(tmp_path):
    more = {"anneal": 0.3, "goldfish": "on", "protect": "ssu", "forgetting": "measure"}
    more |= {"forgetting_every": 2, "max_epochs": 99, "weight_decay": 0.1}
    corpus = corpus_of(tmp_path, native=TAGGED)

    def stop_at(*steps):
        def report(done, total, _note=""):
            if total == 10 and done in steps:
                os.kill(os.getpid(), signal.SIGTERM)

        return report

    whole = a_job(tmp_path, settings(**more), name="a", corpus=corpus)
    facts = inject.run(whole)
    for at in (3, 8):  # before the anneal and in it
        with pytest.raises(Stopped):
            inject.run(a_job(tmp_path, settings(**more), stop_at(at), "b", corpus=corpus))
    last = a_job(tmp_path, settings(**more), name="b", corpus=corpus)
    again = inject.run(last)
    assert again["resumed_at"] == [3, 8]
    assert {**again, "resumed_at": []} == {**facts, "resumed_at": []}
    assert same(weights(whole), weights(last))


def test_the_anneal_takes_sources_or_tags_else_native_text():
    feast = text("rm", "a", "s", culture="feast")
    made = text("rm", "b", "t", origin="synthetic")
    plain = text("rm", "c", "t")
    asked = [(("t",), ("culture",)), ((), ("culture",)), (("s",), ()), ((), ())]
    got = [[texts.for_anneal(record, *how) for record in (feast, made, plain)] for how in asked]
    assert got == [
        [True, True, True],
        [True, False, False],
        [True, False, False],
        [True, False, True],
    ]
