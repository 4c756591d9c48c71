"""The whole of trimming on a job: text counted, base pruned, folder and model in agreement."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from extending import make_job
from tiny import ENGLISH, tiny_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from locale_tune.api import Job, read_json
from locale_tune_tokenizer.checks.probes import rendered_chats
from locale_tune_tokenizer.embeddings.loading import load_model
from locale_tune_tokenizer.learning.segments import open_tokenizer
from locale_tune_tokenizer.pruning.trimming import Trim, trim

TOKENS = len(tiny_tokenizer())
ASKED = {"trim_min_count": 3}


def trimmed_job(root: Path, settings: dict[str, int], **model) -> tuple[Job, Trim]:
    job = make_job(root, settings, **model)
    base = job.inputs["model"].path
    return job, trim(job, read_json(base / "tokenizer.json"), [ENGLISH], rendered_chats(base))


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[Job, Trim]:
    return trimmed_job(tmp_path_factory.mktemp("trim"), ASKED)


def test_the_facts_say_what_went_and_what_it_costs_each_language(done: tuple[Job, Trim]):
    _, trimmed = done
    facts = trimmed.facts
    assert facts["tokens_before"] == TOKENS
    assert facts["tokens_after"] == len(trimmed.spec["model"]["vocab"]) < TOKENS
    assert facts["line"] == f"trimmed from {TOKENS} to {facts['tokens_after']} tokens"
    assert sorted(facts["languages"]) == ["en", "rm"]
    assert facts["measured_on_counted_text"] == []
    assert facts["reason"].endswith("trim_min_count is 3")
    assert facts["next_removal_costs"] >= 3
    assert trimmed.check["passed"] is True


def test_the_folder_loads_as_the_trimmed_base(done: tuple[Job, Trim]):
    job, trimmed = done
    old = AutoTokenizer.from_pretrained(job.inputs["model"].path)
    new = AutoTokenizer.from_pretrained(trimmed.folder)
    raw = open_tokenizer(trimmed.spec)
    assert type(new).__name__ == "TokenizersBackend"
    assert new(ENGLISH)["input_ids"] == raw.encode(ENGLISH).ids
    assert (new.eos_token, new.pad_token) == (old.eos_token, old.pad_token)
    assert new.eos_token_id == raw.token_to_id(new.eos_token)
    assert new.chat_template == old.chat_template
    assert rendered_chats(trimmed.folder) == rendered_chats(job.inputs["model"].path)
    assert not list(trimmed.folder.glob("*.safetensors"))


def test_the_map_is_kept_beside_it(done: tuple[Job, Trim]):
    _, trimmed = done
    found = read_json(trimmed.folder / "trim.json")
    assert found["kept"] == trimmed.trimmed.kept
    assert (found["tokens_before"], found["tokens_after"]) == (TOKENS, len(found["kept"]))


def test_model_and_folder_agree(done: tuple[Job, Trim], tmp_path: Path):
    job, trimmed = done
    model, stored = load_model(job.inputs["model"].path, job.machine)
    figures = trimmed.apply(model, stored)
    model.save_pretrained(tmp_path)
    written, beside = read_json(tmp_path / "config.json"), read_json(trimmed.folder / "config.json")
    for key in ("vocab_size", "eos_token_id", "pad_token_id", "bos_token_id"):
        assert written[key] == beside[key]
    assert written["vocab_size"] == figures["rows_after"] >= trimmed.facts["tokens_after"]
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(again.get_input_embeddings().weight, model.get_input_embeddings().weight)


def test_configs_with_lists_of_ids_follow_the_special_tokens(tmp_path: Path):
    # A base whose special tokens come last: their ids move.
    job = make_job(tmp_path, ASKED)
    base = job.inputs["model"].path
    spec = _specials_last(read_json(base / "tokenizer.json"))
    ids = {token["content"]: token["id"] for token in spec["added_tokens"]}
    end = ids["<|im_end|>"]
    _write(base / "generation_config.json", {"eos_token_id": [end, ids["<|endoftext|>"]]})
    _write(base / "config.json", {**read_json(base / "config.json"), "eos_token_id": end})
    trimmed = trim(job, spec, [ENGLISH], [])
    now = {token["content"]: token["id"] for token in trimmed.spec["added_tokens"]}
    assert now["<|im_end|>"] < end
    assert read_json(trimmed.folder / "config.json")["eos_token_id"] == now["<|im_end|>"]
    generation = read_json(trimmed.folder / "generation_config.json")
    assert generation["eos_token_id"] == [now["<|im_end|>"], now["<|endoftext|>"]]


def test_a_token_that_a_config_names_stays_though_no_text_uses_it(tmp_path: Path):
    job = make_job(tmp_path, {"trim_to": 1})
    base = job.inputs["model"].path
    spec = read_json(base / "tokenizer.json")
    by_id, by_text = (spec["model"]["merges"][place] for place in (-1, -2))
    config = read_json(base / "config.json")
    number = spec["model"]["vocab"]["".join(by_id)]
    _write(base / "config.json", {**config, "decoder_start_token_id": number})
    tokens = read_json(base / "tokenizer_config.json")
    _write(base / "tokenizer_config.json", {**tokens, "mask_token": "".join(by_text)})
    vocab = trim(job, spec, [ENGLISH], []).spec["model"]["vocab"]
    assert {"".join(by_id), "".join(by_text)} <= vocab.keys()


def test_the_size_asked_for_is_reached(tmp_path: Path):
    job, trimmed = trimmed_job(tmp_path, {"trim_to": 300})
    assert (trimmed.facts["tokens_after"], trimmed.facts["reason"]) == (300, "")
    assert trimmed.folder.parent == job.work


def test_a_size_that_cannot_be_reached_says_so(tmp_path: Path):
    _, trimmed = trimmed_job(tmp_path, {"trim_to": 1})
    assert trimmed.facts["tokens_after"] >= 259
    assert trimmed.facts["reason"] == "the tokens that are left have to stay"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, None),
        ({"trim_to": 300, "min_bytes": 10_000_000}, "too little text"),
        ({"trim_to": TOKENS}, "no token is rare enough"),
    ],
)
def test_a_base_that_is_not_trimmed_goes_on_as_it_is(tmp_path: Path, settings, reason):
    job, trimmed = trimmed_job(tmp_path, settings)
    assert trimmed.folder == job.inputs["model"].path
    assert trimmed.apply(None, torch.float32) == {} == trimmed.check
    assert (reason in trimmed.facts["reason"]) if reason else trimmed.facts == {}


def test_the_same_text_in_another_order_trims_the_same(tmp_path: Path):
    _, one = trimmed_job(tmp_path, {"trim_to": 290, "learn_bytes": 5_000})
    _, two = trimmed_job(tmp_path, {"trim_to": 290, "learn_bytes": 5_000})
    assert one.spec == two.spec
    assert 0 < one.facts["counted_share"] < 1


def _specials_last(spec):
    vocab = spec["model"]["vocab"]
    added = [token["content"] for token in spec["added_tokens"]]
    order = [*(token for token in vocab if token not in added), *added]
    spec["model"]["vocab"] = {token: number for number, token in enumerate(order)}
    for token in spec["added_tokens"]:
        token["id"] = order.index(token["content"])
    return spec


def _write(path: Path, value) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
