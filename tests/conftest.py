"""What many tests need: a pack written in a folder, and distributions that are really installed."""

from __future__ import annotations

import json
import os
import secrets
import textwrap
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# `--hypothesis-profile=quick` is for the fast suite; tests that state a number of examples keep it.
hypothesis.settings.register_profile("quick", max_examples=25)

ORACLE = Path(os.environ.get("LOCALE_TUNE_ORACLE", Path(__file__).parent / "oracle"))

PACK = """\
[locale]
id = "toy"
tag = "rm"
script = "Latn"
name = "Toy"
endonym = "toi"
direction = "ltr"

[pack]
base_model = "base"
stages = ["collect"]
prompts = ["Co vai?"]

[[sources]]
id = "lines"
kind = "text"
uri = "data/lines.txt"
licence = "CC0-1.0"
role = "text"
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `--chaos-n` say how many trials a chaos test makes."""
    parser.addoption("--chaos-n", type=int, default=2, help="trials per chaos test")


@pytest.fixture(scope="session")
def chaos_n(pytestconfig: pytest.Config) -> int:
    """Return how many trials a chaos test makes."""
    return int(pytestconfig.getoption("--chaos-n"))


@pytest.fixture(scope="session")
def oracle() -> Callable[[str], dict]:
    """Read one file of reference values."""
    return lambda name: json.loads((ORACLE / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def own_homes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the person's cache and settings, and off the network."""
    # Named, not made: a folder for each of a thousand tests would take seconds.
    home = tmp_path_factory.getbasetemp() / "homes" / secrets.token_hex(8)
    monkeypatch.setenv("LOCALE_TUNE_CACHE", str(home / "cache"))
    monkeypatch.setenv("LOCALE_TUNE_CONFIG", str(home / "config"))
    monkeypatch.setenv("LOCALE_TUNE_OFFLINE", "1")


@pytest.fixture
def write_pack(tmp_path: Path) -> Callable[..., Path]:
    """Write a pack folder: `write_pack(text, lines=[...])` returns its root."""

    def write(text: str = PACK, lines: tuple[str, ...] = ("Bun di.", "Co vai?")) -> Path:
        root = tmp_path / "packs" / "toy"
        (root / "data").mkdir(parents=True, exist_ok=True)
        (root / "pack.toml").write_text(text, encoding="utf-8")
        (root / "README.md").write_text("# Toy\n", encoding="utf-8")
        (root / "data" / "lines.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return root

    return write


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install a distribution for one test: `install(name, group, entry, module, code)`."""

    def put(dist: str, group: str, entry: str, module: str, code: str = "") -> Path:
        site = tmp_path / f"site-{dist}"
        package = site / module
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text(textwrap.dedent(code), encoding="utf-8")
        info = site / f"{dist.replace('-', '_')}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{entry} = {module}\n")
        monkeypatch.syspath_prepend(str(site))
        return package

    return put
