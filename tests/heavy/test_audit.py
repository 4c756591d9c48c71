"""The audit of whole model folders: right ones pass, the known ways to break one are named."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch
from broken_tokenizers import added_words, continued, written
from tiny import ENGLISH, save_tiny
from tokenizer_support import ARABIC, ROMANSH, sentences
from transformers import AutoModelForCausalLM

from locale_tune.api import read_json, write_json
from locale_tune_tokenizer.checks.audit import Text, audit, failed
from locale_tune_tokenizer.checks.probes import rendered_chats
from locale_tune_tokenizer.formats.model_folder import Extension, copy_model, write_tokenizer

NATIVE = sentences(ROMANSH, 80) + sentences(ARABIC, 80)
TEXT = Text(native=NATIVE[::5], protected=[ENGLISH])
CHECKED = {"template", "reload", "rows", "tying", "old rows", "new rows"}


@pytest.fixture(autouse=True)
def small_and_plain(monkeypatch: pytest.MonkeyPatch):
    torch.set_num_threads(1)
    monkeypatch.setattr(
        "locale_tune_tokenizer.checks.llamacpp.PACKAGES", {"no_such_package": "llama"}
    )


def right(base: Path) -> Extension:
    """Extend a folder's tokenizer without touching its template or the protected line."""
    spec = read_json(base / "tokenizer.json")
    return continued(spec, NATIVE, protected=[ENGLISH, *rendered_chats(base)])


def grown(base: Path, out: Path, rows: int | None = None, seed: int = 0) -> Path:
    """Extend a tiny model the plain way: its tokenizer, and rows added below the old ones."""
    out.mkdir()
    copy_model(base, out, weights=False)
    extension = right(base)
    write_tokenizer(out, extension)
    model = AutoModelForCausalLM.from_pretrained(base)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        # transformers explains its own initialisation, which is not what is tested.
        warnings.simplefilter("ignore")
        model.resize_token_embeddings(rows or max(extension.ids.values()) + 1, mean_resizing=False)
    model.save_pretrained(out)
    return out


@pytest.mark.parametrize("tied", [True, False])
def test_a_right_model_passes_every_check(tmp_path: Path, tied: bool):
    base = save_tiny(tmp_path / "base", tie_word_embeddings=tied)
    entries = audit(base, grown(base, tmp_path / "new"), TEXT)
    assert failed(entries) == {}
    assert {name for name in CHECKED if entries[name]["passed"]} == CHECKED
    assert entries["tying"]["tied"] is tied
    assert entries["new rows"]["new_rows"] == entries["reachability"]["tokens"] > 20
    assert entries["reload"]["process"] == "fresh"


def test_a_shrunk_padded_matrix_fails_by_its_rows(tmp_path: Path):
    base = save_tiny(tmp_path / "base", vocab_size=512)
    wrong = failed(audit(base, grown(base, tmp_path / "new"), TEXT))
    assert set(wrong) == {"rows"}
    assert "the input table shrank from 512 rows to" in wrong["rows"]


def test_a_class_that_rebuilds_the_tokenizer_fails_the_reload(tmp_path: Path):
    base = save_tiny(tmp_path / "base")
    out = grown(base, tmp_path / "new")
    path = out / "tokenizer_config.json"
    write_json(path, {**read_json(path), "tokenizer_class": "Qwen2Tokenizer"})
    wrong = failed(audit(base, out, TEXT))
    assert set(wrong) == {"reload"}
    assert wrong["reload"].startswith("transformers loads a Qwen2Tokenizer")


@pytest.mark.parametrize("part", ["regex", "nfkc", "ignore_merges"])
def test_what_qwen2tokenizer_rebuilds_is_named_when_its_class_is_let_pass(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
):
    """The class's own regex, NFC and merges are not the file's: ids or parts differ too."""
    base = save_tiny(tmp_path / "base")
    spec = read_json(base / "tokenizer.json")
    if part == "regex":
        spec["pre_tokenizer"] = {"type": "Digits", "individual_digits": True}
        byte = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
        pair = [spec["pre_tokenizer"], {**byte, "trim_offsets": True}]
        spec["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": pair}
    elif part == "nfkc":
        spec["normalizer"] = {"type": "NFKC"}
    else:
        spec["model"]["ignore_merges"] = True
    (base / "tokenizer.json").write_text(json.dumps(spec))
    out = tmp_path / "new"
    out.mkdir()
    copy_model(base, out, weights=False)
    write_tokenizer(out, right(base))
    assert "reload" not in failed(audit(base, out, TEXT))
    path = out / "tokenizer_config.json"
    write_json(path, {**read_json(path), "tokenizer_class": "Qwen2Tokenizer"})
    monkeypatch.setattr("locale_tune_tokenizer.checks.reload.CLASS", "Qwen2Tokenizer")
    wrong = failed(audit(base, out, TEXT))["reload"]
    names = {"regex": "pre_tokenizer", "nfkc": "normalizer", "ignore_merges": "ignore_merges"}
    assert f"the {names[part]}" in wrong or "the normalizer" in wrong or "other ids" in wrong


def test_added_words_fail_in_a_whole_model(tmp_path: Path):
    base = save_tiny(tmp_path / "base")
    out = grown(base, tmp_path / "new", rows=400)
    written(out, added_words(read_json(base / "tokenizer.json"), ["chas", "nter"]))
    wrong = failed(audit(base, out, TEXT))
    assert {"added tokens", "coarsening"} <= set(wrong)
    assert "old rows" not in wrong


def test_an_old_row_that_moved_and_a_row_of_zeros_are_named(tmp_path: Path):
    base = save_tiny(tmp_path / "base")
    out = grown(base, tmp_path / "new")
    model = AutoModelForCausalLM.from_pretrained(out)
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        table[7, 0] += 1e-3
        table[len(table) - 1] = 0
    model.save_pretrained(out)
    wrong = failed(audit(base, out, TEXT))
    assert set(wrong) == {"old rows", "new rows"}
    assert wrong["old rows"].startswith("row 7 of the input table")


def test_a_special_token_that_changes_its_meaning_is_named(tmp_path: Path):
    base = save_tiny(tmp_path / "base")
    out = grown(base, tmp_path / "new")
    path = out / "tokenizer_config.json"
    write_json(path, {**read_json(path), "eos_token": "<|endoftext|>"})
    assert failed(audit(base, out, TEXT)) == {"reload": "eos_token_id is 0, not 2"}


def test_a_model_without_template_says_that_none_was_checked(tmp_path: Path):
    base = save_tiny(tmp_path / "base")
    (base / "chat_template.jinja").unlink()
    entries = audit(base, grown(base, tmp_path / "new"), TEXT)
    assert entries["template"]["passed"] is None
    assert entries["template"]["why"] == "not run: the base has no chat template"
