"""What transformers loads is what was written, or the build stops."""

from __future__ import annotations

from pathlib import Path

import pytest
from extending import make_job
from tiny import save_tiny

from locale_tune.api import StageFailed, read_json, write_json
from locale_tune_tokenizer import run_extend
from locale_tune_tokenizer.probes import ROUND_TRIP, rendered_chats
from locale_tune_tokenizer.reload import reload_identity
from locale_tune_tokenizer.segments import open_tokenizer

LINES = [*ROUND_TRIP, "quai chasa"]


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    job = make_job(tmp_path, {"tokens": 0})
    run_extend(job)
    return job.out


def check(base: Path, out: Path, work: Path) -> dict:
    raw = open_tokenizer(read_json(out / "tokenizer.json"))
    return reload_identity(base, out, work, raw, LINES)


def test_a_right_folder_passes_and_leaves_no_scratch(extended: Path, tmp_path: Path):
    found = check(tmp_path / "base", extended, tmp_path)
    assert found == {"passed": True, "class": "TokenizersBackend", "lines": len(LINES)}
    assert not (tmp_path / "reload").exists()


def test_a_class_that_rebuilds_the_tokenizer_is_refused(extended: Path, tmp_path: Path):
    path = extended / "tokenizer_config.json"
    write_json(path, {**read_json(path), "tokenizer_class": "Qwen2Tokenizer"})
    with pytest.raises(StageFailed, match="'reload': transformers loads a Qwen2Tokenizer"):
        check(tmp_path / "base", extended, tmp_path)


def test_other_ids_are_noticed(extended: Path, tmp_path: Path):
    raw = open_tokenizer(read_json(tmp_path / "base" / "tokenizer.json"))
    with pytest.raises(StageFailed, match="'reload': other ids"):
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
