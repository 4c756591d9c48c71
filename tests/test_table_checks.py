"""The tables of a model folder: read lazily, and no row lost, moved or dead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from locale_tune_tokenizer.checks import stored_tables
from locale_tune_tokenizer.checks.case import CheckFailed
from locale_tune_tokenizer.checks.stored_tables import Tables, Unreadable, read_tables
from locale_tune_tokenizer.checks.table_checks import new_rows, old_rows, row_counts, same_tying

EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"
RANDOM = np.random.default_rng(0)
OLD = RANDOM.normal(size=(64, 8)).astype(np.float32)
GROWN = np.concatenate([OLD, RANDOM.normal(size=(64, 8)).astype(np.float32)])
IDS = {f"t{number}": number for number in range(70)}
NEW = [60, 61, 64, 65, 66, 67, 68, 69]


def save(path: Path, tensors: Mapping[str, tuple[str, np.ndarray]]) -> None:
    """Write a safetensors file by hand: numpy has no bfloat16."""
    header, data = {}, b""
    for name, (dtype, values) in tensors.items():
        raw = np.ascontiguousarray(values).tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(values.shape), "data_offsets": offsets}
        data += raw
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def model(folder: Path, table: np.ndarray, head: np.ndarray | None = None, **config: Any) -> Tables:
    folder.mkdir()
    tensors = {EMBED: ("F32", table), "model.norm.weight": ("F32", np.ones(8, np.float32))}
    if head is not None:
        tensors[HEAD] = ("F32", head)
    save(folder / "model.safetensors", tensors)
    said = {"vocab_size": len(table), "tie_word_embeddings": head is None, **config}
    (folder / "config.json").write_text(json.dumps(said))
    return read_tables(folder)


def test_both_tables_are_found_and_rows_read(tmp_path: Path):
    tables = model(tmp_path / "m", OLD, OLD * 2)
    assert (tables.rows, tables.tied) == (64, False)
    assert np.array_equal(tables.input.rows(3, 5), OLD[3:5])
    assert np.array_equal(tables.output.rows(0, 64), OLD * 2)
    assert list(tables.named()) == ["input", "output"]


def test_bfloat16_is_widened_exactly(tmp_path: Path):
    folder = tmp_path / "m"
    folder.mkdir()
    halves = (OLD.view(np.uint32) >> 16).astype(np.uint16)
    save(folder / "model.safetensors", {EMBED: ("BF16", halves)})
    (folder / "config.json").write_text(json.dumps({"text_config": {"vocab_size": 64}}))
    tables = read_tables(folder)
    expected = (OLD.view(np.uint32) & 0xFFFF0000).view(np.float32)
    assert np.array_equal(tables.input.rows(0, 64), expected)
    assert tables.config["vocab_size"] == 64


def test_shards_and_other_names_are_read(tmp_path: Path):
    save(tmp_path / "model-00001-of-00002.safetensors", {"transformer.wte.weight": ("F32", OLD)})
    other = np.ones((8, 8), np.float16)
    save(
        tmp_path / "model-00002-of-00002.safetensors",
        {"embed_out.weight": ("F32", OLD), "h.0.attention.dense.weight": ("F16", other)},
    )
    (tmp_path / "config.json").write_text("{}")
    tables = read_tables(tmp_path)
    assert (tables.input.name, tables.output.name) == ("transformer.wte.weight", "embed_out.weight")


def test_what_cannot_be_read_says_why(tmp_path: Path):
    with pytest.raises(Unreadable, match=r"needs config\.json"):
        read_tables(tmp_path)
    save(tmp_path / "model.safetensors", {"x.y.weight": ("F32", OLD)})
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(Unreadable, match="not recognised among 1 matrices"):
        read_tables(tmp_path)


def test_a_grown_model_passes_every_check(tmp_path: Path):
    later = GROWN.copy()
    later[60:62] += 1  # ids inside the old padding
    base, grown = model(tmp_path / "a", OLD), model(tmp_path / "b", later)
    assert row_counts(base, grown, IDS) == {"rows_before": 64, "rows_after": 128, "largest_id": 69}
    assert same_tying(base, grown) == {"tied": True}
    assert old_rows(base, grown, NEW) == {"unchanged": 62}
    assert new_rows(grown, NEW) == {"new_rows": 8}


def test_a_shrunk_padded_matrix_fails(tmp_path: Path):
    base, shrunk = model(tmp_path / "a", GROWN), model(tmp_path / "b", GROWN[:70])
    with pytest.raises(CheckFailed, match="'rows': the input table shrank from 128 rows to 70"):
        row_counts(base, shrunk, IDS)


def test_an_id_without_a_row_fails(tmp_path: Path):
    base, same = model(tmp_path / "a", OLD), model(tmp_path / "b", OLD)
    with pytest.raises(CheckFailed, match="has 64 rows, ids go to 69"):
        row_counts(base, same, IDS)


def test_a_config_that_says_another_size_fails(tmp_path: Path):
    base = model(tmp_path / "a", OLD)
    with pytest.raises(CheckFailed, match="vocab_size 70, the table has 128 rows"):
        row_counts(base, model(tmp_path / "b", GROWN, vocab_size=70), IDS)


def test_a_head_left_behind_fails(tmp_path: Path):
    base = model(tmp_path / "a", OLD, OLD)
    with pytest.raises(CheckFailed, match="the output table has 64 rows, ids go to 69"):
        row_counts(base, model(tmp_path / "b", GROWN, OLD), IDS)


def test_another_width_fails(tmp_path: Path):
    wide = np.ones((128, 9), np.float32)
    with pytest.raises(CheckFailed, match="9 wide, not 8"):
        row_counts(model(tmp_path / "a", OLD), model(tmp_path / "b", wide), IDS)


def test_tables_that_part_or_come_together_fail(tmp_path: Path):
    tied, untied = model(tmp_path / "a", OLD), model(tmp_path / "b", GROWN, GROWN * 2)
    with pytest.raises(CheckFailed, match="'tying': the tables were tied and are untied"):
        same_tying(tied, untied)
    with pytest.raises(CheckFailed, match="were untied and are tied"):
        same_tying(untied, tied)
    two = model(tmp_path / "c", GROWN, GROWN * 2, tie_word_embeddings=True)
    with pytest.raises(CheckFailed, match="holds two different ones"):
        same_tying(tied, two)
    silent = model(tmp_path / "d", GROWN, tie_word_embeddings=False)
    with pytest.raises(CheckFailed, match="said tie_word_embeddings True and says False"):
        same_tying(tied, silent)


@pytest.mark.parametrize("side", [0, 1])
def test_one_bit_of_an_old_row_is_seen(tmp_path: Path, side: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stored_tables, "CHUNK", 10)
    tables = [GROWN.copy(), GROWN.copy()]
    tables[side].view(np.uint32)[33, 2] ^= 1
    base, grown = model(tmp_path / "a", OLD, OLD), model(tmp_path / "b", *tables)
    name = ("input", "output")[side]
    with pytest.raises(CheckFailed, match=f"'old rows': row 33 of the {name} table"):
        old_rows(base, grown, NEW)


def test_a_table_that_is_gone_is_seen(tmp_path: Path):
    base, grown = model(tmp_path / "a", OLD, OLD), model(tmp_path / "b", GROWN)
    with pytest.raises(CheckFailed, match="the output table is gone"):
        old_rows(base, grown, NEW)


@pytest.mark.parametrize(
    ("value", "says"), [(np.nan, "not finite"), (np.inf, "not finite"), (0.0, "is zero")]
)
def test_a_dead_new_row_is_seen(tmp_path: Path, value: float, says: str):
    wrong = GROWN.copy()
    wrong[66] = value
    with pytest.raises(CheckFailed, match=f"'new rows': row 66 of the input table .*{says}"):
        new_rows(model(tmp_path / "m", wrong), NEW)


def test_new_rows_that_are_all_the_same_are_seen(tmp_path: Path):
    wrong = GROWN.copy()
    wrong[NEW] = wrong[0]
    with pytest.raises(CheckFailed, match="all 8 new rows of the input table are the same"):
        new_rows(model(tmp_path / "m", wrong), NEW)
    assert new_rows(model(tmp_path / "one", wrong), NEW[:1]) == {"new_rows": 1}
