"""A folder is complete and verified, or it is not there."""

from __future__ import annotations

import errno
import json
import os

import pytest

from locale_tune import files
from locale_tune.errors import DiskError
from locale_tune.files import (
    MANIFEST,
    canonical,
    commit_folder,
    digest,
    discard,
    disk_errors,
    read_json,
    replace_json,
    verified,
    write_json,
)


def fill_two(folder):
    (folder / "a.txt").write_text("a")
    (folder / "sub").mkdir()
    (folder / "sub" / "b.txt").write_text("b")
    return {"kind": "test"}


def test_a_committed_folder_verifies(tmp_path):
    manifest = commit_folder(tmp_path / "x", fill_two)
    assert verified(tmp_path / "x") == manifest
    assert sorted(manifest["files"]) == ["a.txt", "sub/b.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda x: (x / "a.txt").write_text("A"),
        lambda x: (x / "a.txt").unlink(),
        lambda x: (x / "more.txt").write_text(""),
        lambda x: (x / MANIFEST).unlink(),
        lambda x: (x / MANIFEST).write_text("{}"),
        lambda x: write_json(x / MANIFEST, {**read_json(x / MANIFEST), "kind": "other"}),
        lambda x: (x / MANIFEST).write_bytes(b"\xff\xfe"),
    ],
)
def test_any_damage_is_seen(tmp_path, damage):
    commit_folder(tmp_path / "x", fill_two)
    damage(tmp_path / "x")
    assert verified(tmp_path / "x") is None


def test_a_failure_leaves_nothing(tmp_path):
    def fail(folder):
        fill_two(folder)
        raise RuntimeError("stage broke")

    with pytest.raises(RuntimeError):
        commit_folder(tmp_path / "x", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_sentence(tmp_path):
    def fail(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskError, match="No space left") as caught:
        commit_folder(tmp_path / "x", fail)
    assert caught.value.exit_code == 74
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_takes_the_place_of_the_old(tmp_path):
    commit_folder(tmp_path / "x", fill_two)
    commit_folder(tmp_path / "x", lambda folder: {"kind": "second"})
    assert verified(tmp_path / "x")["kind"] == "second"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_crash_at_any_call_leaves_nothing_or_the_whole(tmp_path):
    """Die at call k of writing one folder and dropping another, for every k."""
    ended = []
    for at in range(1, 100):
        here = tmp_path / str(at)
        commit_folder(here / "old", fill_two)
        pid = os.fork()
        if pid == 0:
            files.crossed = 0
            os.environ[files.CRASH_AT] = str(at)
            commit_folder(here / "x", fill_two)
            discard(here / "old")
            os._exit(0)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        assert verified(here / "x") or not (here / "x").exists()
        assert verified(here / "old") or not (here / "old").exists()
        assert (here / "old").exists() or (here / "x").exists()
        commit_folder(here / "x", fill_two)
        assert verified(here / "x")
        if ended[-1] == 0:
            break
    assert ended == [137] * (len(ended) - 1) + [0]
    assert len(ended) > 10


def test_other_errors_than_a_full_disk_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path / "x"):
        (tmp_path / "absent").read_text()
    with pytest.raises(DiskError, match="cannot write x"), disk_errors(tmp_path / "x"):
        raise OSError(errno.EFBIG, "File too large")


def test_discard_of_nothing(tmp_path):
    discard(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


def test_canonical_json_has_one_form():
    assert canonical({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})


def test_replace_json_leaves_no_half(tmp_path):
    replace_json(tmp_path / "x.json", {"endonym": "العربية"})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["endonym"] == "العربية"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
