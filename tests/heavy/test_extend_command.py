"""`locale-tune extend`: a file of text and a tokenizer in, a certified folder out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file
from tiny import save_tiny
from tokenizer_support import (
    ENGLISH,
    ROMANSH,
    sentences,
    toy_sentencepiece,
    toy_spec,
)
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from locale_tune.api import PackError, StageFailed, read_json
from locale_tune_tokenizer.alone import HELD_OUT
from locale_tune_tokenizer.command import command, settings_of
from locale_tune_tokenizer.texts import hash_rank

SMALL = ("--set", "min_frequency=20", "--set", "max_new_tokens=60", "--set", "protected_lines=2")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "native.txt"
    path.write_text("\n".join(sentences(ROMANSH, 400)), encoding="utf-8")
    return path


@pytest.fixture
def english(tmp_path: Path) -> Path:
    path = tmp_path / "english.txt"
    path.write_text("\n".join(ENGLISH), encoding="utf-8")
    return path


def put(folder: Path, spec: dict, name: str = "tokenizer.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(spec), encoding="utf-8")
    return folder / name


def run(tokenizer: Path, corpus: Path, out: Path, *more: str):
    args = ["--tokenizer", tokenizer, "--corpus", corpus, "--out", out, *more]
    return CliRunner().invoke(command, [str(arg) for arg in args], catch_exceptions=False)


@pytest.mark.parametrize("spec", [toy_spec(), toy_spec(high=True), toy_sentencepiece()])
def test_a_tokenizer_alone_is_extended_and_certified(tmp_path, text, english, spec):
    out = tmp_path / "out"
    done = run(put(tmp_path / "in", spec), text, out, "--protect", str(english), *SMALL)
    assert done.exit_code == 0
    assert "<- taken" in done.output
    assert "FAILED" not in done.output
    certificate = read_json(out / "certificate.json")
    assert certificate["reload"]["passed"] is True
    assert "rows" not in certificate
    new = AutoTokenizer.from_pretrained(out)
    line = sentences(ROMANSH, 1)[0]
    assert len(new(line)["input_ids"]) < 0.7 * len(line.encode())
    for token in spec["added_tokens"]:
        assert new.convert_tokens_to_ids(token["content"]) == token["id"]


def test_a_model_folder_gets_rows_for_the_new_tokens(tmp_path, text, english):
    save_tiny(tmp_path / "in")
    done = run(tmp_path / "in", text, tmp_path / "out", "--protect", str(english), *SMALL)
    assert done.exit_code == 0
    old, new = (load_file(tmp_path / f / "model.safetensors") for f in ("in", "out"))
    name = "model.embed_tokens.weight"
    assert new[name][: len(old[name])].equal(old[name])
    assert len(new[name]) > len(old[name])
    assert read_json(tmp_path / "out" / "config.json")["vocab_size"] == len(new[name])
    assert "ok       rows" in done.output


def test_so_many_tokens_as_asked_for(tmp_path, text):
    done = run(put(tmp_path / "in", toy_spec()), text, tmp_path / "out", "--new-tokens", "7")
    assert "7 new tokens" in done.output
    assert "as many as max_new_tokens allows" in done.output


def test_unreadable_lines_are_named_and_the_others_count(tmp_path):
    good = "\n".join(json.dumps({"text": line}) for line in sentences(ROMANSH, 300))
    path = tmp_path / "native.jsonl"
    path.write_bytes(b'{"txt": 1}\n\xff\xfe\n' + good.encode() + b"\n{broken\n")
    done = run(put(tmp_path / "in", toy_spec()), path, tmp_path / "out", *SMALL)
    assert done.exit_code == 0
    assert "left out 3 lines" in done.output
    assert f"{path}:1: no object with a string 'text'" in done.output
    assert f"{path}:2: " in done.output


def test_a_corpus_larger_than_learn_bytes_is_drawn_from(tmp_path, text):
    few = ("--set", "learn_bytes=4000")
    done = run(put(tmp_path / "in", toy_spec()), text, tmp_path / "out", *SMALL, *few)
    assert done.exit_code == 0
    assert read_json(tmp_path / "out" / "extension.json")["text_bytes"] < 8_000


def test_the_answer_zero_is_an_answer(tmp_path, text):
    tokenizer = put(tmp_path / "in", toy_spec())
    done = run(tokenizer, text, tmp_path / "out", "--set", "min_frequency=100000")
    assert done.exit_code == 0
    assert "nothing frequent" in done.output
    kept = json.loads((tmp_path / "out" / "tokenizer.json").read_text(encoding="utf-8"))
    assert kept == toy_spec()


def test_an_extension_made_here_is_verified(tmp_path, text, english):
    tokenizer = put(tmp_path / "in", toy_spec())
    run(tokenizer, text, tmp_path / "made", *SMALL)
    args = ["--tokenizer", tokenizer, "--corpus", text, "--verify", tmp_path / "made"]
    done = CliRunner().invoke(command, [str(arg) for arg in args])
    assert done.exit_code == 0
    assert "FAILED" not in done.output


def test_an_extension_by_added_tokens_fails_by_name(tmp_path, text):
    tokenizer = put(tmp_path / "in", toy_spec())
    made = Tokenizer.from_file(str(tokenizer))
    made.add_tokens(["chasa", "lingua"])
    made.save(str(tmp_path / "made.json"))
    args = ["--tokenizer", tokenizer, "--corpus", text, "--verify", tmp_path / "made.json"]
    done = CliRunner().invoke(command, [str(arg) for arg in args])
    assert done.exit_code == 1
    assert "FAILED   added tokens" in done.output


def test_out_and_verify_exclude_each_other(tmp_path, text):
    tokenizer = put(tmp_path / "in", toy_spec())
    for more in ([], ["--out", "a", "--verify", "b"]):
        args = ["--tokenizer", str(tokenizer), "--corpus", str(text), *more]
        with pytest.raises(PackError, match="either --out or --verify"):
            CliRunner().invoke(command, args, catch_exceptions=False)


def test_unigram_is_refused_in_a_sentence(tmp_path, text):
    unigram = {"model": {"type": "Unigram", "vocab": [["a", 0.0]]}}
    done = run(put(tmp_path / "in", unigram), text, tmp_path / "out")
    assert "the tokenizer is Unigram" in done.output


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ({"tokenizer": "missing.json"}, "there is no tokenizer"),
        ({"corpus": "missing.txt"}, "there is no file"),
        ({"corpus": "empty.txt"}, "no text in"),
        ({"out": "."}, "not empty"),
        ({"out": "native.txt"}, "not empty"),
        ({"out": "native.txt/out"}, "cannot be written: Not a directory"),
        ({"tokenizer": "in", "out": "in/out"}, "lies in the folder that is extended"),
    ],
)
def test_mistakes_are_sentences_and_leave_nothing_behind(tmp_path, text, broken, sentence):
    (tmp_path / "empty.txt").write_text("\n\n", encoding="utf-8")
    paths = {"tokenizer": put(tmp_path / "in", toy_spec()), "corpus": text, "out": tmp_path / "out"}
    paths |= {name: tmp_path / value for name, value in broken.items()}
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PackError, match=sentence):
        run(paths["tokenizer"], paths["corpus"], paths["out"])
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("change", ["min_freqency=3", "min_frequency", "min_frequency=0"])
def test_a_setting_that_does_not_fit_is_named(change):
    with pytest.raises(PackError, match="min_freq"):
        settings_of((change,), None)


def test_settings_are_those_of_the_stage():
    assert settings_of(("extend.initializer=mean", "row_lr=0.5"), None).initializer == "mean"
    assert settings_of((), 12).max_new_tokens == 12


@pytest.mark.parametrize("text", ["", "null", "[1]", '{"model": {"type": "BPE"}}'])
def test_a_broken_tokenizer_is_a_sentence(tmp_path, text):
    path = put(tmp_path / "in", {})
    path.write_text(text, encoding="utf-8")
    (tmp_path / "native.txt").write_text("quai", encoding="utf-8")
    with pytest.raises(StageFailed, match=r"tokenizer\.json is no tokenizer"):
        run(path, tmp_path / "native.txt", tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "native.txt"]


def test_what_a_killed_run_left_is_no_hindrance(tmp_path, text):
    (tmp_path / ".work-out" / "base").mkdir(parents=True)
    (tmp_path / ".work-out" / "corpus" / "text").mkdir(parents=True)
    assert run(put(tmp_path / "in", toy_spec()), text, tmp_path / "out", *SMALL).exit_code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "native.txt", "out"]


def test_one_line_many_times_is_text_also_when_its_hash_holds_it_out(tmp_path):
    line = "quai ei ina lingua bella"
    assert hash_rank(0, line) % HELD_OUT == 0
    path = tmp_path / "native.txt"
    path.write_text(f"{line}\n" * 300, encoding="utf-8")
    done = run(put(tmp_path / "in", toy_spec()), path, tmp_path / "out", "--new-tokens", "9")
    assert "9 new tokens" in done.output


def test_json_that_spells_no_text_is_a_line_left_out(tmp_path):
    good = "\n".join(json.dumps({"text": line}) for line in sentences(ROMANSH, 300))
    path = tmp_path / "native.jsonl"
    path.write_text('{"text": "\\ud800"}\n' + "[" * 100_000 + "\n" + good, encoding="utf-8")
    done = run(put(tmp_path / "in", toy_spec()), path, tmp_path / "out", *SMALL)
    assert "left out 2 lines" in done.output


@pytest.mark.parametrize("more", [(), ("--set", "trim_to=320")])
def test_special_tokens_that_only_the_class_names_are_kept(tmp_path, text, more):
    tokenizer = put(tmp_path / "in", toy_spec())
    put(tmp_path / "in", {"tokenizer_class": "GPT2Tokenizer"}, "tokenizer_config.json")
    done = run(tokenizer, text, tmp_path / "out", *SMALL, *more)
    assert done.exit_code == 0
    assert AutoTokenizer.from_pretrained(tokenizer.parent).eos_token == "<|endoftext|>"
    assert AutoTokenizer.from_pretrained(tmp_path / "out").eos_token == "<|endoftext|>"
