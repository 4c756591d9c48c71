"""Parts in several processes: what fails is told, and what cannot travel stays here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from corpus_support import source

from locale_tune.api import StageFailed
from locale_tune_corpus.parts import Part
from locale_tune_corpus.share import run_all


@dataclass
class Mark:
    """A task that notes which process did a part, and may die over one of them."""

    home: Path
    dies_at: str = ""
    extra: object = None

    def prepare(self) -> None:
        (self.home / f"prepared-{os.getpid()}").touch()

    def folder(self, part: Part) -> Path:
        return self.home / part.name

    def run(self, part: Part) -> None:
        if part.name == self.dies_at:
            os._exit(9)
        if part.name == "bad":
            raise StageFailed("'bad' cannot be done", "leave it out")
        self.folder(part).write_text(str(os.getpid()))


def some(tmp_path: Path, *names: str) -> list[Part]:
    return [Part(source("toy"), tmp_path, name, 1) for name in names]


@pytest.mark.slow
def test_every_part_is_done_in_other_processes_that_prepare_once(tmp_path: Path) -> None:
    parts, told = some(tmp_path, *"abcdef"), []
    run_all(Mark(tmp_path), parts, 2, told.append)
    assert sorted(part.name for part in told) == list("abcdef")
    done_by = {int((tmp_path / name).read_text()) for name in "abcdef"}
    assert os.getpid() not in done_by
    assert {path.name for path in tmp_path.glob("prepared-*")} >= {f"prepared-{n}" for n in done_by}
    assert len(list(tmp_path.glob("prepared-*"))) <= 2


@pytest.mark.slow
def test_a_process_that_dies_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="died, perhaps for want of memory"):
        run_all(Mark(tmp_path, dies_at="c"), some(tmp_path, *"abcdef"), 2, lambda part: None)


@pytest.mark.slow
def test_an_error_of_another_process_arrives_whole(tmp_path: Path) -> None:
    with pytest.raises(StageFailed) as caught:
        run_all(Mark(tmp_path), some(tmp_path, "a", "bad", "c"), 2, lambda part: None)
    assert caught.value.remedy == "leave it out"


def test_a_task_that_cannot_travel_is_done_here(tmp_path: Path) -> None:
    task = Mark(tmp_path, extra=lambda: None)
    run_all(task, some(tmp_path, "a", "b"), 2, lambda part: None)
    assert int((tmp_path / "a").read_text()) == os.getpid()
