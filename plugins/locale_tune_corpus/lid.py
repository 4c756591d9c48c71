"""`lid`: keep text that a ready-made fastText identifier does not take for another language.

The model comes from others, and fastText's reader is not safe with a damaged file: its SHA-256 is
checked, and it is loaded and asked in a child process (`lid_child.py`) with 1 GB of memory and 10
seconds per answer. The child is started again once; then the build stops with a sentence.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any, NoReturn

from locale_tune.api import Locale, PackError, Record, StageFailed, pinned_file, sha256_file
from locale_tune_corpus.native import only_one

SECONDS, MEMORY, STARTS = 10, 1 << 30, 2
SHOWN, JUDGED = 1000, 40
LONGEST = 1 << 16  # characters of one answer that are read; more is no answer
LABEL = "__label__"
Answer = list[tuple[str, float]]


def lid(locale: Locale, settings: Mapping[str, Any]) -> Callable[[Record], str]:
    """Return a filter that asks the model `model` (a URI) with the content `sha256`.

    A text is dropped when the likeliest label has a chance of at least `min` (0.5) and is not in
    `keep` (the locale's tag and what it is a variety of), or, if `drop` is given, when it is in
    `drop`. `facts` counts the labels found. Raises PackError, SourceMissing or StageFailed.
    """
    if not settings.get("model") or ("keep" in settings and "drop" in settings):
        raise PackError(
            "the filter 'lid' needs the URI of a model, and either labels to keep or to drop",
            'filter_options = { lid = { model = "package:MODULE/FILE", sha256 = "...", '
            'keep = ["rm"] } }',
        )
    path = pinned_file(str(settings["model"]), str(settings.get("sha256", "")))
    identifier = Lid(path, str(settings["sha256"]))
    keep = set(settings.get("keep", (locale.tag, locale.variety_of)))
    drop = set(settings.get("drop", ()))
    least = float(settings.get("min", 0.5))
    found: Counter[str] = Counter()
    settings.get("facts", {})["labels"] = found

    def judge(record: Record) -> str:
        shown = " ".join(record.text[:SHOWN].split())
        if len(shown) < JUDGED:
            return ""  # a greeting or a name looks like any language
        label, chance = identifier.ask(shown)[0]
        found[label] += 1
        strange = label in drop if drop else label not in keep
        return f"{label} by {path.name}" if strange and chance >= least else ""

    return judge


class Lid:
    """A fastText model in a child process. `ask` returns an answer or raises StageFailed.

    `seconds` is the time for loading and for each answer, `memory` the child's address space in
    bytes (limits of the system: not on Windows, and macOS knows no limit of memory).
    """

    def __init__(
        self, path: Path, sha256: str, seconds: int = SECONDS, memory: int = MEMORY
    ) -> None:
        only_one("fasttext")
        self._path, self._sha256, self._seconds, self._memory = path, sha256, seconds, memory
        self._starts = 0
        self._child: subprocess.Popen[str] | None = None

    def ask(self, text: str) -> Answer:
        """Return the likeliest labels of one line of text with their chances, best first."""
        answer = None
        while answer is None:
            if self._child or self._start():
                answer = self._say(json.dumps(text))
        return self._checked(answer)

    def _start(self) -> bool:
        """Start the child; return whether it has loaded the model."""
        if sha256_file(self._path) != self._sha256:
            raise StageFailed(
                f"{self._path.name} has another content than its pinned SHA-256; not loaded",
                "fetch the file again, or pin the new content after looking at it",
            )
        self._starts += 1
        command = [sys.executable, "-I", str(Path(__file__).with_name("lid_child.py"))]
        command += [str(self._path), str(self._seconds), str(self._memory), *_folders()]
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        self._guard = _Guard(self._child)
        self._end = weakref.finalize(self, _end, self._child, self._guard)
        answer = self._say("")
        if answer not in ("ready", None):
            self._checked(answer)
        return bool(answer == "ready")

    def _say(self, line: str) -> Any:
        """Send a line, unless it is empty, and return the answer; None when the child is gone."""
        child = self._child
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        self._guard.due = monotonic() + self._seconds + 1
        try:
            if line:
                child.stdin.write(line + "\n")
                child.stdin.flush()
            return json.loads(child.stdout.readline(LONGEST))
        except (OSError, ValueError):
            self._lost(child)
            return None
        finally:
            self._guard.due = math.inf

    def _lost(self, child: subprocess.Popen[str]) -> None:
        child.kill()
        code = child.wait()
        self._end()
        self._child = None
        if self._starts >= STARTS:
            why = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._damaged(f"its process ended with {why}, {self._starts} times")

    def _checked(self, answer: Any) -> Answer:
        if isinstance(answer, dict):
            self._damaged(str(answer.get("error")))
        try:
            pairs = [(str(label).removeprefix(LABEL), float(chance)) for label, chance in answer]
        except (TypeError, ValueError):
            pairs = []
        if not pairs or not all(math.isfinite(c) and -0.01 <= c <= 1.01 for _, c in pairs):
            self._damaged(f"it answered {str(answer)[:100]}")
        return pairs

    def _damaged(self, why: str) -> NoReturn:
        self._end()
        self._child = None
        raise StageFailed(
            f"the language identifier {self._path.name} cannot be used: {why}",
            f"it may be damaged, or need more than {self._seconds} s or "
            f"{self._memory >> 20} MiB; leave the filter 'lid' out, or name another model",
        )


class _Guard(Thread):
    """Kills a child that is not done by `due`: one that cannot hear its own alarm clock."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self.due, self.over, self._child = math.inf, Event(), child
        self.start()

    def run(self) -> None:
        """Look four times a second."""
        while not self.over.wait(0.25):
            if monotonic() > self.due:
                self._child.kill()


def _end(child: subprocess.Popen[str], guard: _Guard) -> None:
    guard.over.set()
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            with contextlib.suppress(OSError):  # a line for a process that is gone
                pipe.close()


def _folders() -> list[str]:
    """Return where fastText and numpy lie: an isolated Python does not look everywhere."""
    specs = [find_spec(name) for name in ("fasttext", "numpy")]
    return sorted({str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin})
