"""The stage `align`: pairs in, a model out; the preferred answer stays likely; safe to stop."""

from __future__ import annotations

import math
import os
import signal

import numpy as np
import pytest
import torch
from feeding import ENGLISH, a_job, lesson
from tiny import save_tiny
from transformers import AutoModelForCausalLM

from locale_tune.api import (
    Artifact,
    Message,
    Record,
    StageFailed,
    Stopped,
    read_json,
    sha256_file,
    write_records,
)
from locale_tune_training import align, reference
from locale_tune_training.batches import Row
from locale_tune_training.model import LossModule
from locale_tune_training.pairs import other_side
from locale_tune_training.recipe import RecipeChanged
from locale_tune_training.settings import AlignSettings, TrainSettings
from locale_tune_training.trainer import Trainer

PEOPLE = ENGLISH.split()


def preference(number, source="pairs", **meta):
    """Make a pair whose answers differ in their last word only, as edits of one text do."""
    ask = f"Say something about number {number}."
    say = " ".join(PEOPLE[number % 5 : 6 + number % 5])
    turns = (Message(role="user", content=ask), Message(role="assistant", content=f"{say} winter"))
    return Record(
        id=f"p{number}", source=source, lang="rm", messages=turns, rejected=f"{say} own", meta=meta
    )


def inputs_of(home, pairs=None, held=None, lessons=None):
    """Write lessons made from a corpus with pairs; return the artifact."""
    corpus = home / "corpus"
    write_records(corpus / "preferences", pairs or [preference(n) for n in range(8)])
    if held:
        write_records(corpus / "heldout_preferences", held)
    folder = home / "lessons-artifact"
    lessons = lessons or [lesson("rm", f"Nr {n}?", ENGLISH) for n in range(6)]
    write_records(folder / "lessons", lessons)
    made_from = {"corpus": Artifact("corpus", corpus, "corpus")}
    return Artifact("lessons", folder, "lessons", made_from=made_from)


def settings_of(**more):
    given = {"lr": 1e-3, "rows_per_step": 1, "sequence": 256, "epochs": 4.0, "dtype": "float32"}
    return AlignSettings(**{**given, **more})


def job_of(home, name="a", report=lambda *a: None, **more):
    lessons = home / "lessons-artifact"
    made_from = {"corpus": Artifact("corpus", home / "corpus", "corpus")}
    known = Artifact("lessons", lessons, "lessons", made_from=made_from)
    return a_job(home, settings_of(**more), report, name, lessons=known)


def digest(job):
    return sha256_file(job.out / "model.safetensors")


def first_loss(job):
    line = (job.out / "metrics.jsonl").read_text("utf-8").splitlines()[0]
    return float(line.partition('"loss": ')[2].partition(",")[0])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_first_loss_is_log_two_and_a_model_comes_out(tmp_path, dtype):
    save_tiny(tmp_path / "model", attention_dropout=0.5)  # off here: the reference has none
    inputs_of(tmp_path, held=[preference(100 + n) for n in range(3)])
    job = job_of(tmp_path, dtype=dtype, loss="dpo")
    facts = align.run(job)
    assert first_loss(job) == pytest.approx(math.log(2), rel=1e-4 if dtype == "float32" else 2e-2)
    assert facts["pairs"] == 8
    told, held = facts["trained_pairs"], facts["held_out_pairs"]
    assert (told["measured"], held["measured"]) == (8, 3)
    assert told["accuracy"] == 1.0
    assert told["margin"] > 0
    assert set(held) == set(told)
    AutoModelForCausalLM.from_pretrained(job.out, use_safetensors=True)


def test_facts_are_those_of_the_models(tmp_path):
    """Likelihoods before and after are those that full logits of the two folders give."""
    inputs_of(tmp_path)
    job = job_of(tmp_path, loss="dpo")
    told = align.run(job)["trained_pairs"]
    for place, folder in ((0, tmp_path / "model"), (1, job.out)):
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        tokenizer = align.load_tokenizer(folder)
        encoder, found = align.Encoder(tokenizer), []
        for n in range(8):
            chat = encoder.chat(preference(n).messages)
            ids, weights = torch.tensor(chat.ids), torch.tensor(chat.weights)
            logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1]
            logps = torch.log_softmax(logits.detach(), -1).gather(1, ids[1:, None])[:, 0]
            found.append(float((logps * weights[1:]).sum() / weights.sum()))
        assert told["chosen"][place] == pytest.approx(sum(found) / 8, abs=1e-3)


def edited(number):
    """Make a pair whose rejected answer is the chosen one with its second word replaced."""
    words = [PEOPLE[(number * 3 + place * 7) % len(PEOPLE)] for place in range(8)]
    other = next(word for word in PEOPLE[number:] if word != words[1])
    made = preference(number)
    turns = (made.messages[0], Message(role="assistant", content=" ".join(words)))
    rejected = " ".join([words[0], other, *words[2:]])
    return made.model_copy(update={"messages": turns, "rejected": rejected})


def taught(home, records, updates=40):
    """Write a model that has seen both answers of every pair, so that both are likely."""
    folder = save_tiny(home / "model")
    encoder = align.Encoder(align.load_tokenizer(folder))
    module = LossModule(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32))
    trainer = Trainer(module, TrainSettings(), torch.float32)
    chats = [encoder.chat(side) for r in records for side in (r.messages, other_side(r))]
    rows = [
        Row(torch.tensor(c.ids), torch.arange(len(c.ids)), torch.tensor(c.weights)) for c in chats
    ]
    for _ in range(updates):
        trainer.step(rows, 3e-3)
    module.model.save_pretrained(folder)


def test_dpo_makes_the_preferred_answer_less_likely_and_dpop_does_not(tmp_path):
    """Pal et al. 2024: where answers differ in little, DPO lowers both. Same data, same seed."""
    records = [edited(number) for number in range(8)]
    taught(tmp_path, records)
    inputs_of(tmp_path, records)
    found = {}
    for loss in ("dpo", "dpop"):
        more = {"lr": 1e-3, "epochs": 25.0, "max_epochs": 25.0, "sequence": 1024, "warmup": 0.0}
        found[loss] = align.run(job_of(tmp_path, loss, loss=loss, **more))["trained_pairs"]
    print(found)
    (before, dpo), (same, dpop) = (found[loss]["chosen"] for loss in ("dpo", "dpop"))
    assert before == same
    assert dpo < before - 0.3, "DPO lowers it"
    assert dpop > before - 0.01, "DPOP does not"
    assert found["dpo"]["accuracy"] == found["dpop"]["accuracy"] == 1.0, "both learn the pairs"


def stop_at(step):
    def report(done, total, note=""):
        if done == step and note.startswith("step"):
            os.kill(os.getpid(), signal.SIGTERM)

    return report


@pytest.mark.parametrize("more", [{}, {"order": "widest-first"}, {"adapter": "lora"}])
def test_a_stopped_run_ends_in_the_same_bits(tmp_path, more):
    if "adapter" in more:
        pytest.importorskip("peft")
    inputs_of(tmp_path, [preference(n, gap=str(n % 3)) for n in range(8)])
    whole = job_of(tmp_path, "whole", **more)
    align.run(whole)
    with pytest.raises(Stopped) as caught:
        align.run(job_of(tmp_path, "b", stop_at(3), **more))
    assert caught.value.exit_code == 75
    facts = align.run(job_of(tmp_path, "b", **more))
    assert facts["resumed_at"] == [3]
    assert digest(job_of(tmp_path, "b")) == digest(whole)


def test_another_recipe_is_refused(tmp_path):
    inputs_of(tmp_path)
    with pytest.raises(Stopped):
        align.run(job_of(tmp_path, "b", stop_at(3)))
    for more in ({"beta": 0.2}, {"loss": "dpo"}, {"dpop_lambda": 5.0}, {"lr": 1e-4}):
        (field,) = more
        with pytest.raises(RecipeChanged, match=f"settings.{field}"):
            align.run(job_of(tmp_path, "b", **more))


def test_the_reference_is_computed_once_and_verified(tmp_path, monkeypatch):
    inputs_of(tmp_path, held=[preference(100)])
    job = job_of(tmp_path, sequence=128)
    align.run(job)
    parts = sorted(job.work.glob("reference-*"))
    assert [part.name for part in parts] == [
        "reference-held_out_pairs-0000000",
        "reference-trained_pairs-0000000",
    ]
    whole = {part: np.load(part / reference.FILE) for part in parts}
    opened = []
    load = reference.load_model
    monkeypatch.setattr(reference, "load_model", lambda *a: opened.append(a) or load(*a))
    align.run(job)
    assert not opened, "nothing is computed twice"
    data = bytearray((parts[1] / reference.FILE).read_bytes())
    data[-3] ^= 16
    (parts[1] / reference.FILE).write_bytes(data)
    align.run(job)
    assert len(opened) == 1, "a damaged part is made again"
    assert all((np.load(part / reference.FILE) == whole[part]).all() for part in parts)


def test_only_the_pairs_that_are_seen_have_a_reference(tmp_path):
    inputs_of(tmp_path, [preference(n) for n in range(12)])
    job = job_of(tmp_path, sequence=128, tokens=200)
    facts = align.run(job)
    (part,) = job.work.glob("reference-*")
    known = len(np.load(part / reference.FILE)) // 2
    assert 0 < known < 12
    assert facts["trained_pairs"]["measured"] == known
    assert facts["pairs"] == 12


def test_the_reference_goes_on_with_the_next_part(tmp_path, monkeypatch):
    inputs_of(tmp_path, [preference(n) for n in range(12)])
    monkeypatch.setattr(reference, "PART_ROWS", 1)
    calls = []
    measure = reference.measured

    def dies(module, pairs, rows):
        calls.append(rows)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return measure(module, pairs, rows)

    monkeypatch.setattr(reference, "measured", dies)
    with pytest.raises(KeyboardInterrupt):
        align.run(job_of(tmp_path, sequence=128))
    made = len(list(job_of(tmp_path).work.glob("reference-*")))
    assert made == 2
    calls.clear()
    calls += [None] * 3
    align.run(job_of(tmp_path, sequence=128))
    whole = job_of(tmp_path, "whole", sequence=128)
    align.run(whole)
    assert digest(job_of(tmp_path)) == digest(whole)
    assert read_json(job_of(tmp_path).work / "reference-trained_pairs-0000000" / "MANIFEST.json")


def test_which_pairs_can_be_said(tmp_path):
    inputs_of(tmp_path, [preference(n, f"s{n % 2}") for n in range(6)])
    assert align.run(job_of(tmp_path, only_sources=("s1",)))["pairs"] == 3
    with pytest.raises(StageFailed, match="no pairs"):
        align.run(job_of(tmp_path, "c", only_sources=("s2",)))


@pytest.mark.parametrize("more", [{"order": "widest-first"}, {"curriculum_stage": 1}])
def test_without_gaps_nothing_is_the_widest(tmp_path, more):
    """The order would be that of names, and nobody would know."""
    inputs_of(tmp_path)
    with pytest.raises(StageFailed, match="how far apart") as caught:
        align.run(job_of(tmp_path, **more))
    assert 'option "gap"' in caught.value.remedy
    for pairs in ("spin", "claims"):
        with pytest.raises(StageFailed, match="have no gaps"):
            align.run(job_of(tmp_path, pairs, pairs=pairs, **more))


def test_held_out_pairs_that_are_too_long_are_counted(tmp_path):
    long = preference(100)
    turns = (long.messages[0], Message(role="assistant", content=ENGLISH * 9))
    held = [preference(101), long.model_copy(update={"messages": turns})]
    inputs_of(tmp_path, held=held)
    facts = align.run(job_of(tmp_path, epochs=1.0))
    assert (facts["held_out_too_long"], facts["held_out_pairs"]["measured"]) == (1, 1)


def test_why_there_are_no_pairs_is_told(tmp_path):
    inputs_of(tmp_path, [preference(n, gap=str(n)) for n in range(4)])
    with pytest.raises(StageFailed, match="all 4 fill more than one row") as caught:
        align.run(job_of(tmp_path, sequence=32))
    assert "sequence" in caught.value.remedy
    with pytest.raises(StageFailed, match="no pairs") as caught:
        align.run(job_of(tmp_path, "b", curriculum_stage=2))
    assert "set curriculum_stage lower" in caught.value.remedy


def claim(number, opinion, truth):
    asked = lesson("rm", f"I {opinion}: {number} is a lake?", "It is." if truth else "It is not.")
    told = {"opinion": opinion, "claim": "true" if truth else "false", "rule": "coins"}
    meta = {"other": "It is not." if truth else "It is.", "task": "counter-premise", **told}
    return asked.model_copy(update={"id": f"c{number}", "meta": meta})


def test_lessons_on_claims_are_pairs_of_truth_and_flattery(tmp_path):
    asked = [claim(n, ("agree", "disagree")[n % 2], n % 4 < 2) for n in range(8)]
    inputs_of(tmp_path, lessons=[lesson("rm", "Nr?", ENGLISH), *asked])
    job = job_of(tmp_path, pairs="claims", epochs=2.0)
    facts = align.run(job)
    assert (facts["true-over-flattering"], facts["true-over-contradicting"]) == (4, 4)
    assert facts["pairs"] == 8
    assert facts["trained_pairs"]["margin"] > 0
    some = job_of(tmp_path, "some", pairs="claims", only_tags=("rule=true-over-flattering",))
    assert len(align.claim_pairs(some, None).records) == 4, "the rule of a pair is a tag"
    found = align.claim_pairs(job, None).records
    for record in found:
        wrong = (record.meta["opinion"] == "agree") != (record.meta["claim"] == "true")
        assert (record.meta["rule"] == "true-over-flattering") == wrong
        truth = "It is." if record.meta["claim"] == "true" else "It is not."
        assert record.messages[-1].content == truth != record.rejected


def test_without_lessons_on_claims_the_setting_that_makes_them_is_named(tmp_path):
    inputs_of(tmp_path)
    with pytest.raises(StageFailed) as caught:
        align.run(job_of(tmp_path, pairs="claims"))
    assert "select.premise_lessons" in caught.value.remedy
