"""The stage `extend` from a model folder to a model folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from extending import make_job, put
from safetensors.torch import load_file
from tiny import save_tiny
from tokenizer_support import ARABIC, ROMANSH, sentences
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, AutoTokenizer

from locale_tune.api import read_json, write_json
from locale_tune_tokenizer import measure_speed, run_extend

EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"
TEXT = "quai chasa cumün مُعَلِّم sün bella 12 <|im_end|>"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_an_extended_model_has_rows_files_and_figures(tmp_path: Path):
    job = make_job(tmp_path)
    facts = run_extend(job)
    assert facts["new_tokens"] == 60
    assert facts["reason"] == "as many as max_new_tokens allows"
    assert facts["fertility_after"] < 0.6 * facts["fertility_before"]
    assert facts["bytes_per_token_after"] > facts["bytes_per_token_before"]
    assert facts["floor"] <= facts["fertility_after"]
    assert False not in facts["checks"].values()
    assert {"reachability", "coarsening", "reload", "rows", "template"} <= set(facts["checks"])
    assert facts["rows"]["steps"] == 10
    assert facts["rows"]["trained_tokens"] == 640
    assert facts["rows"]["loss_last"] < facts["rows"]["loss_first"]
    assert facts["rows"]["probe_loss_after"] < facts["rows"]["probe_loss_before"]
    written = read_json(job.out / "extension.json")
    shown = written.pop("tokens")
    assert 40 < len(shown) <= 60, "whole texts only: a part of a letter is not listed"
    assert not any("\ufffd" in text for text in shown)
    assert written == json.loads(json.dumps(facts))
    assert set(read_json(job.out / "certificate.json")) == set(facts["checks"])
    rows = len(weights(job.out)[EMBED])
    assert read_json(job.out / "config.json")["vocab_size"] == rows == facts["rows"]["rows_after"]
    assert rows == facts["rows"]["rows_before"] + 60


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_old_weight_is_the_same_bit_for_bit(tmp_path: Path, tied: bool, dtype: torch.dtype):
    save_tiny(tmp_path / "base", tie_word_embeddings=tied)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=dtype)
    model.save_pretrained(tmp_path / "base")
    job = make_job(tmp_path)
    facts = run_extend(job)
    before, after = weights(tmp_path / "base"), weights(job.out)
    assert set(before) == set(after)
    assert (HEAD in after) is not tied
    assert facts["rows"]["tied"] is tied
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype == dtype
        assert torch.equal(after[name][: len(tensor)], tensor), name
    new = after[EMBED][len(before[EMBED]) :]
    assert new.isfinite().all()
    assert len(new.unique(dim=0)) >= 60


def test_a_padded_matrix_is_not_shrunk_and_its_padding_is_used(tmp_path: Path):
    save_tiny(tmp_path / "base", vocab_size=512)
    base = AutoTokenizer.from_pretrained(tmp_path / "base")
    job = make_job(tmp_path, {"tokens": 0})
    facts = run_extend(job)
    before, after = weights(tmp_path / "base")[EMBED], weights(job.out)[EMBED]
    assert before.shape == after.shape
    first, last = len(base), len(base) + facts["new_tokens"]
    assert torch.equal(after[:first], before[:first])
    assert torch.equal(after[last:], before[last:])
    assert not (after[first:last] == before[first:last]).all(dim=1).any()


def test_rows_start_from_the_old_pieces_when_nothing_trains(tmp_path: Path):
    job = make_job(tmp_path, {"tokens": 0, "initializer": "mean"}, tie_word_embeddings=False)
    facts = run_extend(job)
    assert facts["rows"]["steps"] == 0
    assert facts["rows"]["loss_first"] is facts["rows"]["probe_loss_after"] is None
    old = Tokenizer.from_file(str(tmp_path / "base" / "tokenizer.json"))
    new = Tokenizer.from_file(str(job.out / "tokenizer.json"))
    before, after = weights(tmp_path / "base"), weights(job.out)
    for number in (330, 350):
        pieces = [part.id for part in old.model.tokenize(new.id_to_token(number))]
        assert len(pieces) > 1
        for name in (EMBED, HEAD):
            torch.testing.assert_close(after[name][number], before[name][pieces].mean(dim=0))


def test_a_fresh_process_loads_the_same_ids_and_uses_them(tmp_path: Path):
    job = make_job(tmp_path, {"tokens": 0})
    run_extend(job)
    code = (
        "import sys, json, torch\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "t = AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "m = AutoModelForCausalLM.from_pretrained(sys.argv[1])\n"
        "ids = t(sys.argv[2])['input_ids']\n"
        "out = m(input_ids=torch.tensor([ids])).logits\n"
        "print(json.dumps([type(t).__name__, ids, list(out.shape), t.decode(ids)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(job.out), TEXT],
        capture_output=True,
        text=True,
        check=True,
    )
    kind, ids, shape, text = json.loads(done.stdout.splitlines()[-1])
    raw = Tokenizer.from_file(str(job.out / "tokenizer.json"))
    assert kind == "TokenizersBackend"
    assert ids == raw.encode(TEXT).ids
    assert max(ids) >= 320
    assert shape == [1, len(ids), read_json(job.out / "config.json")["vocab_size"]]
    assert text == TEXT


def test_the_chat_template_and_its_ids_stay(tmp_path: Path):
    job = make_job(tmp_path, {"tokens": 0})
    run_extend(job)
    before, after = (AutoTokenizer.from_pretrained(p) for p in (tmp_path / "base", job.out))
    chat = [{"role": "user", "content": "They sing."}]
    assert after.apply_chat_template(chat) == before.apply_chat_template(chat)
    assert after.eos_token_id == before.eos_token_id


def test_the_same_job_twice_gives_the_same_files(tmp_path: Path):
    first, again = make_job(tmp_path), make_job(tmp_path)
    assert run_extend(first) == run_extend(again)
    for name in ("model.safetensors", "tokenizer.json", "certificate.json", "extension.json"):
        assert (first.out / name).read_bytes() == (again.out / name).read_bytes()


def unigram(base: Path) -> None:
    vocab = [("<unk>", 0.0), ("a", -1.0), ("b", -2.0)]
    Tokenizer(models.Unigram(vocab, 0)).save(str(base / "tokenizer.json"))


def no_tokenizer(base: Path) -> None:
    (base / "tokenizer.json").unlink()


def as_it_is(base: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "settings", "reason"),
    [
        (unigram, {}, "not extended: the tokenizer is Unigram"),
        (no_tokenizer, {}, "not extended: the model has no tokenizer.json"),
        (as_it_is, {"min_bytes": 10**9}, "too little text"),
        (as_it_is, {"compact_ratio": 9.0}, "already compact"),
        (as_it_is, {"floor_margin": 20.0}, "the floor, not the vocabulary"),
        (as_it_is, {"min_frequency": 10**6}, "nothing frequent"),
        (as_it_is, {"max_new_tokens": 0}, "not asked for"),
    ],
)
def test_zero_is_an_answer_and_the_model_passes_unchanged(
    tmp_path: Path, spoil, settings: dict, reason: str
):
    save_tiny(tmp_path / "base")
    spoil(tmp_path / "base")
    job = make_job(tmp_path, settings)
    facts = run_extend(job)
    assert facts["new_tokens"] == 0
    assert facts["reason"].startswith(reason)
    assert facts["rows"] == facts["checks"] == {}
    theirs = {path.name: path.read_bytes() for path in (tmp_path / "base").iterdir()}
    ours = {path.name: path.read_bytes() for path in job.out.iterdir()}
    assert read_json(job.out / "extension.json")["reason"] == facts["reason"]
    del ours["extension.json"]
    assert ours == theirs


def test_a_head_that_is_not_plain_is_passed_on_with_the_reason(tmp_path: Path):
    from transformers import GraniteConfig, GraniteForCausalLM

    save_tiny(tmp_path / "base")
    told = read_json(tmp_path / "base" / "config.json")
    sizes = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")
    config = GraniteConfig(
        **{name: told[name] for name in sizes}, num_attention_heads=4, logits_scaling=8.0
    )
    GraniteForCausalLM(config).save_pretrained(tmp_path / "base")
    facts = run_extend(make_job(tmp_path))
    assert facts["new_tokens"] == 0
    assert "its logits are not its hidden states times its output table" in facts["reason"]


def test_what_belongs_to_the_base_alone_is_left_behind(tmp_path: Path):
    save_tiny(tmp_path / "base")
    for name in ("MANIFEST.json", "vocab.json", "merges.txt"):
        (tmp_path / "base" / name).write_text("{}")
    (tmp_path / "base" / "LICENSE").write_text("free")
    bad = {"do_sample": False, "temperature": 0.2, "eos_token_id": 2}
    write_json(tmp_path / "base" / "generation_config.json", bad)
    job = make_job(tmp_path, {"tokens": 0})
    run_extend(job)
    assert (job.out / "LICENSE").read_text() == "free"
    assert not {"MANIFEST.json", "vocab.json", "merges.txt"} & {p.name for p in job.out.iterdir()}
    assert read_json(job.out / "generation_config.json") == bad


def test_replay_text_is_protected(tmp_path: Path):
    guarded = sentences(ROMANSH, 60, seed=5)
    put(tmp_path / "corpus", "text", sentences(ROMANSH, 300) + sentences(ARABIC, 300))
    put(tmp_path / "corpus", "replay", guarded)
    job = make_job(tmp_path, {"tokens": 0})
    facts = run_extend(job)
    assert facts["refused_pairs"]["protected"] > 5
    before, after = (
        Tokenizer.from_file(str(path / "tokenizer.json")) for path in (tmp_path / "base", job.out)
    )
    blast = read_json(job.out / "certificate.json")["blast radius"]
    assert blast["protected_lines"] == 40
    assert sum(before.encode(line).ids != after.encode(line).ids for line in guarded) <= 20
    assert facts["measured_on"] == "text"


def test_control_lines_that_change_leave_a_note(tmp_path: Path):
    put(tmp_path / "corpus", "text", sentences(ROMANSH, 300))
    put(tmp_path / "corpus", "control", sentences(ROMANSH, 10, seed=5), "de")
    facts = run_extend(make_job(tmp_path, {"tokens": 0}))
    assert any("100.0 % of 10 control lines get other ids" in note for note in facts["notes"])


def test_large_text_is_learned_from_in_part(tmp_path: Path):
    job = make_job(tmp_path, {"tokens": 0, "learn_bytes": 3_000})
    facts = run_extend(job)
    assert facts["learned_share"] == pytest.approx(3_000 / facts["text_bytes"])
    assert facts["learned_share"] < 0.5
    assert 0 < facts["new_tokens"] < 60
    assert facts["reason"] == "no further merge is seen 20 times"


def test_speed_needs_no_corpus_and_changes_nothing(tmp_path: Path):
    job = make_job(tmp_path)
    shutil.rmtree(tmp_path / "corpus")
    before = (tmp_path / "base" / "model.safetensors").read_bytes()
    without = {name: artifact for name, artifact in job.inputs.items() if name == "model"}
    object.__setattr__(job, "inputs", without)
    assert measure_speed(job) > 10
    assert (tmp_path / "base" / "model.safetensors").read_bytes() == before
    assert list(job.out.iterdir()) == []
