"""What can keep a build from working on this machine, each with its fix."""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from packaging.version import Version

from locale_tune import assets, plugins
from locale_tune.base import locate_base
from locale_tune.errors import LocaleTuneError
from locale_tune.machine import this_machine
from locale_tune.packfile import read_pack

# Floors are those of docs/design.md: below them a known hole lets data run code.
FLOORS = {"torch": "2.10", "transformers": "5.10", "jinja2": "3.1.6", "safetensors": "0.5"}
NEEDED = ("pyarrow", "fasttext-community", "phonenumbers", "rensa", "sacrebleu", "huggingface-hub")
FREE_GB = 8


class Symptom(NamedTuple):
    """One thing looked at: ok, warn or fail, and what to do about it."""

    state: Literal["ok", "warn", "fail"]
    what: str
    fix: str = ""


def examine(pack: str = "") -> Iterator[Symptom]:
    """Look at Python, libraries, disk and network settings, then at one pack."""
    ok = sys.version_info >= (3, 11)
    version = ".".join(map(str, sys.version_info[:3]))
    yield Symptom(
        "ok" if ok else "fail", f"Python {version}", "" if ok else "use Python 3.11 or newer"
    )
    yield from _libraries()
    machine = this_machine()
    yield Symptom("ok", f"device {machine.device}, {machine.threads} threads")
    yield from _disk()
    yield from _plugins()
    if assets.offline():
        yield Symptom(
            "warn",
            "offline is set: nothing will be downloaded",
            "locale-tune fetch PACK, with a network",
        )
    if pack:
        yield from _pack(pack)


def _libraries() -> Iterator[Symptom]:
    for name in (*FLOORS, *NEEDED):
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Symptom("fail", f"{name} is not installed", "pip install 'locale-tune[all]'")
            continue
        floor = FLOORS.get(name)
        if floor and Version(found) < Version(floor):
            yield Symptom(
                "fail", f"{name} {found} has known holes", f"pip install '{name}>={floor}'"
            )
        else:
            yield Symptom("ok", f"{name} {found}")
    # Every fastText distribution installs the same module; two of them overwrite each other.
    owners = importlib.metadata.packages_distributions().get("fasttext", [])
    if len(set(owners)) > 1:
        yield Symptom(
            "fail",
            f"{' and '.join(sorted(set(owners)))} overwrite each other",
            "keep fasttext-community only",
        )


def _disk() -> Iterator[Symptom]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    state: Literal["ok", "warn"] = "ok" if free >= FREE_GB else "warn"
    yield Symptom(
        state, f"{free:.0f} GB free here", "" if state == "ok" else "a small build needs about 8 GB"
    )


def _plugins() -> Iterator[Symptom]:
    warnings: list[str] = []
    pm = plugins.manager(warnings.append)
    yield Symptom("ok", f"{len(pm.get_plugins())} plugins")
    for warning in warnings:
        yield Symptom("warn", warning, "upgrade or uninstall that distribution")


def _pack(name: str) -> Iterator[Symptom]:
    try:
        found = plugins.find_language(name)
        pack = read_pack(found.root, found.distribution, found.version)
        yield Symptom("ok", f"pack {pack.locale.id} {pack.version}".rstrip())
        yield Symptom("ok", f"base model {locate_base(pack.base_model).uri}")
    except LocaleTuneError as error:
        yield Symptom("fail", error.problem, error.remedy)
        return
    located = assets.locate_all(pack)
    lost = [item.source for item in located if not item.path]
    if missing := assets.missing_text(pack, located):
        state: Literal["warn", "fail"] = "fail" if assets.offline() else "warn"
        yield Symptom(state, missing.problem, missing.remedy)
    elif lost:
        yield Symptom(
            "warn", f"not on this machine: {', '.join(lost)}", f"locale-tune fetch {name}"
        )
    else:
        yield Symptom("ok", f"all {len(located)} sources are on this machine")
