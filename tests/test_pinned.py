"""A plugin gets one pinned file, of that very content or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from locale_tune.api import PackError, SourceMissing, pinned_file

CONTENT = b"a model"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "toy_model").mkdir()
    (tmp_path / "toy_model" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "toy_model" / "lid.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "package:toy_model/lid.bin"


def test_the_file_of_a_package_is_found_without_importing_it(package: str) -> None:
    assert pinned_file(package, SHA256).read_bytes() == CONTENT


def test_a_mirror_is_searched_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "anything").write_bytes(CONTENT)
    monkeypatch.setenv("LOCALE_TUNE_MIRROR", str(tmp_path))
    found = pinned_file("https://example.org/lid.bin", SHA256)
    assert found == tmp_path / "anything"


@pytest.mark.parametrize("sha256", ["", "abc", SHA256.upper(), SHA256 + "\n"])
def test_without_its_hash_nothing_is_looked_for(package: str, sha256: str) -> None:
    with pytest.raises(PackError, match="not pinned"):
        pinned_file(package, sha256)


def test_another_content_is_refused_and_an_absent_file_told(package: str) -> None:
    with pytest.raises(SourceMissing, match="another content"):
        pinned_file(package, hashlib.sha256(b"other").hexdigest())
    with pytest.raises(SourceMissing, match="LOCALE_TUNE_MIRROR"):
        pinned_file("package:toy_model/absent.bin", SHA256)
    with pytest.raises(SourceMissing, match="offline"):
        pinned_file("https://example.org/lid.bin", SHA256)
