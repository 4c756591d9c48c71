"""A pattern in a `hub:` address is a list of files, complete or not there."""

from __future__ import annotations

import json
from pathlib import Path

import huggingface_hub
import pytest

from locale_tune import assets, hub_files
from locale_tune.schema import Source

COMMIT = "a" * 40
URI = f"hub:org/name@{COMMIT}#data/*.jsonl"
FILES = {
    "README.md": b"# read me",
    "data/b.jsonl": b'{"text": "b"}\n',
    "data/a.jsonl": b'{"text": "a"}\n',
    "data/deep/c.jsonl": b'{"text": "c"}\n',
    "other/d.jsonl": b"",
}


def source(uri: str = URI, **more: str) -> Source:
    return Source(id="s", kind="jsonl", uri=uri, licence="CC0-1.0", role="text", **more)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub with one data set; `asked` holds what was downloaded, `lost` what is not there."""
    asked: list[str] = []
    lost: set[str] = set()

    def download(name, member, repo_type, revision):
        assert (name, repo_type, revision) == ("org/name", "dataset", COMMIT)
        if member in lost:
            raise OSError("connection lost")
        asked.append(member)
        path = tmp_path / "hub-cache" / member
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FILES[member])
        return str(path)

    def listed(self, name, repo_type, revision):
        if "list" in lost:
            raise RuntimeError("no route")
        return [*FILES, *(name for name in lost if name.startswith("../"))]

    for name in ("LOCALE_TUNE_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", listed)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return asked, lost


def test_all_files_that_match_are_listed_in_the_order_of_their_names(hub, tmp_path):
    found = assets.fetch(source(), tmp_path)
    rows = json.loads(found.path.read_text("utf-8"))["files"]
    assert [row["name"] for row in rows] == ["data/a.jsonl", "data/b.jsonl", "data/deep/c.jsonl"]
    assert (found.path.with_suffix("") / "data/a.jsonl").read_bytes() == FILES["data/a.jsonl"]
    assert found.how == "the network"


def test_what_was_fetched_is_found_offline_with_the_same_hash(hub, tmp_path, monkeypatch):
    fetched = assets.fetch(source(), tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = assets.locate(source(sha256=fetched.sha256), tmp_path)
    assert (found.path, found.how) == (fetched.path, "the Hub cache")
    assert assets.fetch(source(), tmp_path).path == fetched.path
    assert len(hub[0]) == 3
    assert "another content" in assets.locate(source(sha256="0" * 64), tmp_path).problem


def test_half_a_data_set_is_none(hub, tmp_path):
    _, lost = hub
    lost.add("data/b.jsonl")
    assert "connection lost" in assets.fetch(source(), tmp_path).problem
    assert assets.locate(source(), tmp_path).path is None
    lost.clear()
    path = assets.fetch(source(), tmp_path).path
    (tmp_path / "hub-cache" / "data" / "b.jsonl").unlink()
    assert assets.locate(source(), tmp_path).path is None
    assert assets.fetch(source(), tmp_path).path == path


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}"])
def test_a_damaged_list_is_none(hub, tmp_path, damage):
    path = assets.fetch(source(), tmp_path).path
    path.write_text(damage)
    assert assets.locate(source(), tmp_path).path is None


def test_a_pattern_without_files_says_what_there_is(hub, tmp_path):
    found = assets.fetch(source(f"hub:org/name@{COMMIT}#train-*.parquet"), tmp_path)
    assert "is called train-*.parquet" in found.problem


def test_a_hub_that_does_not_answer_is_told(hub, tmp_path):
    hub[1].add("list")
    assert "cannot be listed: no route" in assets.fetch(source(), tmp_path).problem


def test_a_name_that_leads_out_of_the_data_set_is_refused(hub, tmp_path, monkeypatch):
    monkeypatch.setitem(FILES, "../../evil.jsonl", b"x")
    found = assets.fetch(source(f"hub:org/name@{COMMIT}#*.jsonl"), tmp_path)
    assert "no name inside a data set" in found.problem


def test_without_links_files_are_copied(hub, tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    path = assets.fetch(source(), tmp_path).path
    assert not (path.with_suffix("") / "data/a.jsonl").is_symlink()
    assert hub_files.locate(URI, path.parent) == path
