"""What transformers loads is what was written, or the build stops."""

from __future__ import annotations

from pathlib import Path

import pytest
import transformers
from broken_tokenizers import continued
from tiny import ENGLISH, save_tiny
from tokenizer_support import ARABIC, ROMANSH, sentences

from locale_tune.api import StageFailed, read_json, write_json
from locale_tune_tokenizer.checks.probes import ROUND_TRIP, rendered_chats
from locale_tune_tokenizer.checks.reload import reload_identity
from locale_tune_tokenizer.formats.model_folder import copy_model, write_tokenizer
from locale_tune_tokenizer.learning.segments import open_tokenizer

LINES = [*ROUND_TRIP, "quai chasa"]


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    base, out = save_tiny(tmp_path / "base"), tmp_path / "out"
    out.mkdir()
    copy_model(base, out, weights=False)
    native = sentences(ROMANSH, 80) + sentences(ARABIC, 80)
    spec = read_json(base / "tokenizer.json")
    write_tokenizer(out, continued(spec, native, protected=[ENGLISH]))
    return out


def check(base: Path, out: Path, work: Path) -> dict:
    raw = open_tokenizer(read_json(out / "tokenizer.json"))
    return reload_identity(base, out, work, raw, LINES)


def test_a_right_folder_passes_and_leaves_no_scratch(extended: Path, tmp_path: Path):
    found = check(tmp_path / "base", extended, tmp_path)
    figures = {"class": "TokenizersBackend", "lines": len(LINES), "process": "fresh"}
    assert found == {"passed": True, **figures}
    assert {path.name for path in tmp_path.iterdir()} == {"base", "out"}


def test_a_patch_in_this_process_hides_nothing(
    extended: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(transformers, "AutoTokenizer", None)
    assert check(tmp_path / "base", extended, tmp_path)["passed"]


def test_a_class_that_rebuilds_the_tokenizer_is_refused(extended: Path, tmp_path: Path):
    path = extended / "tokenizer_config.json"
    write_json(path, {**read_json(path), "tokenizer_class": "Qwen2Tokenizer"})
    with pytest.raises(StageFailed, match="'reload': transformers loads a Qwen2Tokenizer"):
        check(tmp_path / "base", extended, tmp_path)


def test_a_folder_that_does_not_load_says_why(extended: Path, tmp_path: Path):
    raw = open_tokenizer(read_json(extended / "tokenizer.json"))
    (extended / "tokenizer.json").write_text("{}")
    with pytest.raises(StageFailed, match="'reload': transformers does not load it: "):
        reload_identity(tmp_path / "base", extended, tmp_path, raw, LINES)


def test_parts_that_saving_changes_are_named(extended: Path, tmp_path: Path):
    """The written file is swapped for another before the comparison."""
    other = {**read_json(extended / "tokenizer.json"), "normalizer": {"type": "NFC"}}
    with pytest.raises(StageFailed, match="'reload': saving changes the normalizer"):
        reload_identity(tmp_path / "base", extended, tmp_path, open_tokenizer(other), LINES)


def test_other_ids_are_noticed(extended: Path, tmp_path: Path):
    raw = open_tokenizer(read_json(extended / "tokenizer.json"))
    raw.model = open_tokenizer(read_json(tmp_path / "base" / "tokenizer.json")).model
    with pytest.raises(StageFailed, match=r"'reload': (saving changes the vocabulary|other ids)"):
        reload_identity(tmp_path / "base", extended, tmp_path, raw, LINES)


def test_a_special_token_that_changes_is_noticed(extended: Path, tmp_path: Path):
    path = extended / "tokenizer_config.json"
    write_json(path, {**read_json(path), "eos_token": "<|endoftext|>"})
    with pytest.raises(StageFailed, match="'reload': eos_token_id is 0, not 2"):
        check(tmp_path / "base", extended, tmp_path)


def test_chats_are_rendered_with_and_without_an_opening(tmp_path: Path):
    chats = rendered_chats(save_tiny(tmp_path / "base"))
    assert "<|im_start|>user\nHello.<|im_end|>\n" in chats
    assert "<|im_start|>user\nHello.<|im_end|>\n<|im_start|>assistant\n" in chats
    assert len(chats) == 8


def test_a_template_that_refuses_a_role_is_rendered_without_it(tmp_path: Path):
    base = save_tiny(tmp_path / "base")
    template = (base / "chat_template.jinja").read_text()
    refuse = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    (base / "chat_template.jinja").write_text(refuse + template)
    assert len(rendered_chats(base)) == 4


def test_a_template_that_prints_the_date_always_prints_the_same(tmp_path: Path):
    base = save_tiny(tmp_path / "base")
    (base / "chat_template.jinja").write_text("Today: {{ strftime_now('%d %b %Y') }}.")
    assert set(rendered_chats(base)) == {"Today: 26 Jul 2024."}


def test_no_template_is_no_chats(tmp_path: Path):
    base = save_tiny(tmp_path / "base")
    (base / "chat_template.jinja").unlink()
    assert rendered_chats(base) == []


def test_a_template_that_breaks_off_is_rendered_where_it_does_not(tmp_path: Path):
    base = save_tiny(tmp_path / "base")
    (base / "chat_template.jinja").write_text("{{ 1 / (messages | length - 1) }}")
    assert set(rendered_chats(base)) == {"1.0", "0.25"}


def test_a_tokenizer_that_transformers_does_not_load_is_a_sentence(tmp_path: Path):
    base = save_tiny(tmp_path / "base")
    (base / "tokenizer_config.json").write_text("{broken")
    with pytest.raises(StageFailed, match="transformers does not load the tokenizer"):
        rendered_chats(base)
