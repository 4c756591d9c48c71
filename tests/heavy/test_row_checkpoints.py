"""Checkpoints of the warm-up: never a damaged one, never another run's, never one not finite."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from locale_tune.api import NotFinite
from locale_tune_tokenizer.embeddings.row_checkpoints import RowCheckpoints

ROWS = {"now/0.row": torch.arange(6.0).reshape(2, 3), "now/0.step": torch.tensor(4.0)}


def saves(folder: Path, recipe: str = "r") -> RowCheckpoints:
    return RowCheckpoints(folder, recipe)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_comes_back_as_it_was_and_two_are_kept(tmp_path: Path):
    for number in range(4):
        saves(tmp_path).save(number, ROWS, {"step": number, "losses": {"a": [(1.5, 3)]}})
    tensors, state = saves(tmp_path).resume()
    assert state == {"step": 3, "losses": {"a": [[1.5, 3]]}}
    assert all(torch.equal(tensors[name], value) for name, value in ROWS.items())
    assert names(tmp_path) == ["checkpoint-00000002", "checkpoint-00000003"]


@pytest.mark.parametrize("file", ["rows.safetensors", "state.json", "MANIFEST.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "delete"])
def test_a_damaged_one_is_dropped_and_the_one_before_used(tmp_path: Path, file: str, harm: str):
    for number in (1, 2):
        saves(tmp_path).save(number, ROWS, {"step": number})
    path = tmp_path / "checkpoint-00000002" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes({"flip": bytes(content), "cut": content[:-3], "empty": b""}[harm])
    _, state = saves(tmp_path).resume()
    assert state["step"] == 1
    assert names(tmp_path) == ["checkpoint-00000001"]


def test_those_of_another_run_are_dropped_and_cannot_push_out_ours(tmp_path: Path, capsys):
    for number in (50, 60):
        saves(tmp_path, "other").save(number, ROWS, {"step": number})
    assert saves(tmp_path).resume() is None
    assert "not used" in capsys.readouterr().out
    saves(tmp_path).save(1, ROWS, {"step": 1})
    saves(tmp_path).save(2, ROWS, {"step": 2})
    assert names(tmp_path) == ["checkpoint-00000001", "checkpoint-00000002"]


def test_a_folder_without_any_has_none(tmp_path: Path):
    assert saves(tmp_path / "nowhere").resume() is None


def test_what_is_not_finite_is_not_saved(tmp_path: Path):
    with pytest.raises(NotFinite, match="not finite"):
        saves(tmp_path).save(1, {"now/0.row": torch.tensor([1.0, float("inf")])}, {})
    assert not any(tmp_path.iterdir())
