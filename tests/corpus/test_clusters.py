"""Waiting for a cluster's queue, with a stand-in for `squeue`."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from corpus_support import source

from locale_tune.api import commit_folder
from locale_tune_corpus import clusters
from locale_tune_corpus.parts import Part


class Folders:
    def __init__(self, home: Path) -> None:
        self._home = home

    def prepare(self) -> None: ...

    def run(self, part: Part) -> None:
        commit_folder(self.folder(part), lambda folder: {})

    def folder(self, part: Part) -> Path:
        return self._home / part.name


def asked(
    monkeypatch: pytest.MonkeyPatch, folders: Folders, parts: list[Part], answers: list[Any]
) -> int:
    """Wait while `squeue` gives these answers; a part is done before each. Return the looks."""
    looks = 0

    def squeue(*words: Any, **named: Any) -> CompletedProcess[str]:
        nonlocal looks
        if looks < len(parts):
            folders.run(parts[looks])
        code, text = answers[min(looks, len(answers) - 1)]
        looks += 1
        return CompletedProcess(words, code, stdout=text)

    monkeypatch.setattr(clusters.subprocess, "run", squeue)
    monkeypatch.setattr(clusters, "PAUSE", 0)
    clusters._wait("17", folders, [*parts, Part(source(), Path(), "never", 1)])
    return looks


def test_a_queue_that_does_not_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = Folders(tmp_path)
    parts = [Part(source(), Path(), f"part-{n}", 1) for n in range(3)]
    running, silent, empty = (0, "17 cpu R"), (1, ""), (0, "\n")
    assert asked(monkeypatch, folders, parts, [running, silent, silent, running, empty]) == 5
    assert asked(monkeypatch, folders, [], [silent]) == clusters.PATIENCE


def test_a_part_that_is_done_is_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders, seen = Folders(tmp_path), []
    parts = [Part(source(), Path(), f"part-{n}", 1) for n in range(3)]

    def verified(folder: Path) -> Any:
        seen.append(folder.name) if folder.exists() else None
        return {"files": {}} if folder.exists() else None

    monkeypatch.setattr(clusters, "verified", verified)
    asked(monkeypatch, folders, parts, [(0, "17 cpu R")] * 6 + [(0, "")])
    assert sorted(seen) == [part.name for part in parts]
