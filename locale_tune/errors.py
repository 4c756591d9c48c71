"""Errors that a person can act on: what is wrong, where, and what to try."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


class LocaleTuneError(Exception):
    """Say what is wrong (`problem`), where, and what to do (`remedy`).

    `exit_code` is what the command line ends with: 2 for a mistake to correct.
    """

    exit_code = 2

    def __init__(self, problem: str, remedy: str = "", where: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.where = where

    def __str__(self) -> str:
        head = f"{self.where}: {self.problem}" if self.where else self.problem
        return f"{head}\n  try: {self.remedy}" if self.remedy else head


class PackError(LocaleTuneError):
    """A pack cannot be read as it stands."""


class PackErrors(PackError):
    """All mistakes of one pack at once, so that a contributor mends them in one go."""

    def __init__(self, mistakes: Sequence[PackError]) -> None:
        self.mistakes = tuple(mistakes)
        count = f"{len(mistakes)} mistakes" if len(mistakes) > 1 else "1 mistake"
        super().__init__(f"{count} in the pack")

    def __str__(self) -> str:
        return "\n".join(str(mistake) for mistake in self.mistakes)


class PluginError(LocaleTuneError):
    """A plugin or a language pack with code breaks a rule of the host."""


class PlanError(LocaleTuneError):
    """The stages, settings or sources asked for do not make a plan."""


class SourceMissing(LocaleTuneError):
    """Text or a model that the build needs is not on this machine."""


class StoreBusy(LocaleTuneError):
    """Another process holds the run directory."""


class DiskError(LocaleTuneError):
    """The disk refused to take an artifact (full, or not writable)."""

    exit_code = 74


class StageFailed(LocaleTuneError):
    """A stage ended without its artifact."""

    exit_code = 1


class NotFinite(StageFailed):
    """A loss, gradient or weight is NaN or infinite; the last good checkpoint stays."""

    exit_code = 76


class Stopped(StageFailed):
    """Stopped on request; the same command goes on from the last checkpoint."""

    exit_code = 75


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else ""


def first_writable_parent(path: Path) -> Path:
    """Return the nearest folder above `path` that exists, for messages about disks."""
    return next((parent for parent in path.parents if parent.exists()), path)
