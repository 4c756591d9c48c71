"""SPIN and judged rounds: what the model says itself, and what it learns from that."""

from __future__ import annotations

import json
import math
import os
import signal

import pytest
import torch
from feeding import ENGLISH, PACK, a_job, lesson
from tiny import save_tiny, tiny_tokenizer
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LlamaConfig,
    LlamaForSequenceClassification,
)

from locale_tune.api import (
    Artifact,
    Filter,
    Message,
    Parts,
    Record,
    StageFailed,
    Stopped,
    read_json,
    sha256_file,
    write_records,
)
from locale_tune_training import align, answers, judges, own
from locale_tune_training.settings import AlignSettings

WORDS = ENGLISH.split()


def lessons(count=8):
    said = (" ".join(WORDS[n % 5 : 5 + n % 5]) for n in range(count))
    return [lesson("rm", f"Say {n}.", say) for n, say in enumerate(said)]


def home_with(home, records=None):
    write_records(home / "lessons-artifact" / "lessons", records or lessons())
    write_records(home / "corpus" / "text", [Record(id="t", source="t", text=ENGLISH)])
    return home


def job_of(home, name="a", model=None, report=lambda *a: None, **more):
    given = {
        "pairs": "spin",
        "loss": "dpo",
        "lr": 3e-3,
        "rows_per_step": 1,
        "sequence": 512,
        "epochs": 6.0,
        "dtype": "float32",
        "max_new_tokens": 12,
        "warmup": 0.0,
    }
    made_from = {"corpus": Artifact("corpus", home / "corpus", "corpus")}
    known = Artifact("lessons", home / "lessons-artifact", "lessons", made_from=made_from)
    inputs = {"lessons": known} | ({"model": Artifact("model", model, "model")} if model else {})
    return a_job(home, AlignSettings(**{**given, **more}), report, name, **inputs)


def likelihood(folder, records=None):
    """Return the mean log-probability by token of the lessons' answers."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    encoder = align.Encoder(align.load_tokenizer(folder))
    found = []
    for record in records or lessons():
        chat = encoder.chat(record.messages)
        ids, weights = torch.tensor(chat.ids), torch.tensor(chat.weights)
        logits = model(input_ids=ids[None], use_cache=False).logits[0, :-1].detach()
        logps = torch.log_softmax(logits, -1).gather(1, ids[1:, None])[:, 0]
        found.append(float((logps * weights[1:]).sum() / weights.sum()))
    return sum(found) / len(found)


def test_two_rounds_of_spin_each_bring_people_s_answers_nearer(tmp_path):
    home = home_with(tmp_path)
    rounds = [likelihood(save_tiny(home / "model"))]
    model, facts = home / "model", []
    for number in (1, 2):
        job = job_of(home, f"round-{number}", model)
        facts.append(align.run(job))
        model = job.out
        rounds.append(likelihood(model))
        line = (job.out / "metrics.jsonl").read_text("utf-8").splitlines()[0]
        first = json.loads(line)["loss"]
        assert first == pytest.approx(math.log(2), rel=1e-5), "reference and start are one model"
    print(rounds)
    assert rounds[2] > rounds[1] > rounds[0]
    assert [f["round"] for f in facts] == [1, 2]
    assert [f["pairs_of_round_before"] for f in facts] == [0, facts[0]["own_pairs"]]
    assert facts[1]["pairs"] == facts[0]["own_pairs"] + facts[1]["own_pairs"]
    told = [f["trained_pairs"] for f in facts]
    assert all(f["accuracy"] > 0.9 for f in told)


def test_a_pair_is_the_lesson_against_the_model_s_own_answer(tmp_path):
    job = job_of(home_with(tmp_path))
    align.run(job)
    kept = read_json(job.out / own.FILE)
    by_prompt = {record.messages[0].content: record for record in lessons()}
    assert kept["round"] == 1
    assert kept["pairs"]
    for pair in kept["pairs"]:
        record = by_prompt[pair["messages"][0]["content"]]
        assert pair["messages"][1]["content"] == record.messages[1].content
        assert pair["rejected"] not in ("", record.messages[1].content)
        assert (pair["meta"]["origin"], pair["meta"]["rule"]) == ("synthetic", "spin")


def test_prompts_whose_pairs_fit_no_row_are_not_asked(tmp_path):
    """They would be answered for nothing, in the place of others."""
    long = lesson("rm", ENGLISH * 5, "Gea.")
    home = home_with(tmp_path, [*lessons(4), long])
    encoder = align.Encoder(tiny_tokenizer())
    size = len(encoder.chat(long.messages).ids)
    for pairs, least in (("spin", 2 * size + 12), ("judged", 2 * size + 2 * 12)):
        for sequence, asked in ((size + 20, 4), (least, 5)):
            job = job_of(home, pairs, pairs=pairs, sequence=sequence)
            assert len(answers.prompts_of(job, encoder)) == asked


def test_own_answers_are_drawn_by_the_seed_whatever_was_drawn_before(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "PROMPTS_A_PART", 3)
    job = job_of(home_with(tmp_path), prompts=8)
    tokenizer = align.load_tokenizer(job.inputs["model"].path)
    asked = [ids for _, ids in answers.prompts_of(job, align.Encoder(tokenizer))]
    first = answers.own_answers(job, tokenizer, asked, 2)
    assert [len(said) for said in first] == [2] * 8
    assert len({said for both in first for said in both}) > 8
    torch.manual_seed(7)
    again = job_of(tmp_path, "b", prompts=8)
    assert answers.own_answers(again, tokenizer, asked, 2) == first
    monkeypatch.setattr(answers, "load_model", None)
    assert answers.own_answers(job, tokenizer, asked, 2) == first, "from disk"


def test_the_model_s_own_ways_of_drawing_do_not_count(tmp_path):
    """Published models ask for penalties and nuclei: what is drawn must be the model's own."""
    job = job_of(home_with(tmp_path))
    tokenizer = align.load_tokenizer(job.inputs["model"].path)
    asked = [ids for _, ids in answers.prompts_of(job, align.Encoder(tokenizer))]
    plain = answers.own_answers(job, tokenizer, asked, 2)
    told = GenerationConfig.from_pretrained(job.inputs["model"].path)
    told.update(repetition_penalty=50.0, no_repeat_ngram_size=1, top_p=0.01, do_sample=True)
    told.save_pretrained(job.inputs["model"].path)
    assert answers.own_answers(job_of(tmp_path, "b"), tokenizer, asked, 2) == plain


def test_an_answer_that_did_not_end_is_not_taught_as_one_that_did(tmp_path):
    job = job_of(home_with(tmp_path), max_new_tokens=2)
    facts = align.run(job)
    assert facts["prompts"] == len(lessons())
    assert facts["cut_answers"] > 0
    cut = [pair["meta"].get("cut_off", "") for pair in read_json(job.out / own.FILE)["pairs"]]
    assert 0 < cut.count("rejected") <= facts["cut_answers"], "the lesson's own is never cut off"
    assert set(cut) <= {"", "rejected"}


def test_half_a_letter_at_the_cut_is_not_said():
    tokenizer = tiny_tokenizer()
    ids = tokenizer.encode("lain è", add_special_tokens=False)
    end = tokenizer.eos_token_id
    assert answers._said(tokenizer, [*ids, end, end], [end]) == ("lain è", False)
    assert answers._said(tokenizer, ids, [end]) == ("lain è", True)
    assert answers._said(tokenizer, ids[:-1], [end]) == ("lain", True)


@pytest.mark.parametrize(("loss", "pairs"), [("rloo", 3), ("dpop", 1)])
def test_rloo_counts_an_answer_as_often_as_it_was_drawn(tmp_path, monkeypatch, loss, pairs):
    """Without the copies it would not be the leave-one-out estimate: what is often said counts."""
    said = [answers.Said(text, False) for text in ("good", "good", "bad", "good", "")]
    monkeypatch.setattr(own, "own_answers", lambda job, tokenizer, asked, _: [said for _ in asked])
    judge = lambda record, texts: [float(text == "good") for text in texts]  # noqa: E731
    monkeypatch.setattr(own, "judge_of", lambda *a: judge)
    job = job_of(home_with(tmp_path, lessons(1)), pairs="judged", loss=loss, samples=5)
    found = own.judged_pairs(job, align.load_tokenizer(job.inputs["model"].path))
    assert len(found.records) == pairs
    assert len({record.id for record in found.records}) == pairs
    assert found.facts["empty_answers"] == 1


def test_a_judge_that_gives_no_number_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "judge_of", lambda *a: lambda record, texts: [math.nan for _ in texts])
    with pytest.raises(StageFailed, match="no finite score") as caught:
        align.run(job_of(home_with(tmp_path), pairs="judged"))
    assert "reward model" in caught.value.remedy


def test_without_prompts_the_remedy_is_not_more_samples(tmp_path):
    home = home_with(tmp_path)
    for pairs in ("spin", "judged"):
        with pytest.raises(StageFailed) as caught:
            align.run(job_of(home, pairs, pairs=pairs, only_sources=("nowhere",)))
        assert "sources and tags" in caught.value.remedy


def test_a_round_stopped_anywhere_ends_in_the_same_bits(tmp_path):
    home = home_with(tmp_path)
    whole = job_of(home, "whole")
    align.run(whole)

    def stop(done, total, note=""):
        if done == 2 and note.startswith("step"):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped):
        align.run(job_of(home, "b", report=stop))
    other = job_of(home, "b")
    (other.out / own.FILE).unlink()
    align.run(other)
    for name in ("model.safetensors", own.FILE):
        assert sha256_file(other.out / name) == sha256_file(whole.out / name)


def long_is_good(locale, settings):
    return lambda record: "" if len(record.text) > 20 else "short"


def test_rules_rank_answers_and_the_best_is_paired_with_each_worse_one(tmp_path):
    job = job_of(home_with(tmp_path), pairs="judged", samples=3, epochs=1.0)
    filters = {"repetition": Filter("repetition", long_is_good)}
    job = type(job)(**{**vars(job), "parts": Parts(filters=filters), "pack": PACK})
    tokenizer = align.load_tokenizer(job.inputs["model"].path)
    found = own.judged_pairs(job, tokenizer)
    judge = judges.judge_of(job, tokenizer)
    assert found.records
    for record in found.records:
        both = judge(record, [record.messages[-1].content, record.rejected])
        assert record.meta["rule"] == "judged"
        assert float(record.meta["gap"]) > 0
        assert len(both) == 2
    facts = align.run(job)
    assert facts["judged"] >= facts["pairs"] > 0
    assert 0 < facts["mean_score"] < 2


def test_rloo_learns_from_all_pairs_of_a_prompt(tmp_path):
    home = home_with(tmp_path)
    job = job_of(home, pairs="judged", loss="rloo", samples=3, epochs=1.0)
    facts = align.run(job)
    assert facts["pairs"] > len(lessons())
    assert facts["trained_pairs"]["margin"] > 0
    with pytest.raises(StageFailed, match="rewards"):
        align.run(job_of(home, "b", pairs="spin", loss="rloo"))


def test_rules_count_what_passes_and_how_near_the_length_is(tmp_path):
    job = job_of(home_with(tmp_path), pairs="judged")
    job = type(job)(
        **{**vars(job), "parts": Parts(filters={"hygiene": Filter("hygiene", long_is_good)})}
    )
    judge = judges.judge_of(job, None)
    record = lesson("rm", "Q?", "x" * 40)
    assert judge(record, ["y" * 40, "y" * 20, "y" * 80, ""]) == [2.0, 0.5, 1.5, 0.0]


def test_rules_ask_for_the_variety_that_the_lesson_states(tmp_path):
    job = job_of(home_with(tmp_path), pairs="judged")

    def stated(locale, given):
        assert given["own"] == "stated"
        return lambda record: "" if record.text.startswith(record.variety) else "rather another"

    filters = {"variety-id": Filter("variety-id", stated)}
    job = type(job)(**{**vars(job), "parts": Parts(filters=filters), "pack": PACK})
    record = lesson("rm", "Q?", "puter").model_copy(update={"variety": "puter"})
    assert judges.judge_of(job, None)(record, ["puter", "valla"]) == [2.0, 1.0]


def test_a_reward_model_in_a_folder_scores(tmp_path):
    home = home_with(tmp_path)
    job = job_of(home, pairs="judged", judge=str(tmp_path / "reward"))
    with pytest.raises(StageFailed, match="no reward model"):
        judges.judge_of(job, None)
    tokenizer = align.load_tokenizer(job.inputs["model"].path)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    shape |= {"num_attention_heads": 2, "vocab_size": len(tokenizer), "num_labels": 1}
    torch.manual_seed(0)
    config = LlamaConfig(**shape, pad_token_id=tokenizer.pad_token_id)
    LlamaForSequenceClassification(config).save_pretrained(tmp_path / "reward")
    tokenizer.save_pretrained(tmp_path / "reward")
    record = Record(
        id="r",
        source="s",
        messages=(Message(role="user", content="Q?"), Message(role="assistant", content="A")),
    )
    scores = judges.judge_of(job, tokenizer)(record, ["one", "another", "one"])
    assert scores[0] == scores[2] != scores[1]


def test_a_curriculum_stage_takes_one_pair_of_each_prompt(tmp_path):
    job = job_of(home_with(tmp_path), pairs="judged", samples=4, curriculum_stage=1)
    tokenizer = align.load_tokenizer(job.inputs["model"].path)
    first = own.judged_pairs(job, tokenizer).records
    asked = [record.messages[0].content for record in first]
    assert len(set(asked)) == len(asked)
    rest = job_of(tmp_path, "b", pairs="judged", samples=4, curriculum_stage=2)
    second = {r.messages[0].content: r for r in own.judged_pairs(rest, tokenizer).records}
    for record in first:
        later = second.get(record.messages[0].content)
        assert later is None or float(later.meta["gap"]) <= float(record.meta["gap"])
