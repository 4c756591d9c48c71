"""Run one of this package's modules in a fresh process, and get its answer.

A fresh process knows nothing of this one: no monkey patch, no cache, no library half configured.
And a C++ library that aborts takes only the child with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
SECONDS = 900


class ChildFailed(Exception):
    """The fresh process ended without an answer; the message is the last it said."""


def ask(module: str, request: Mapping[str, Any], work: Path) -> dict[str, Any]:
    """Run `python -m module` on a request and return its answer, both JSON.

    `work` is an existing folder for scratch files. Raises ChildFailed.
    """
    with TemporaryDirectory(dir=work) as folder:
        asked, answered = Path(folder, "request.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps(request), encoding="utf-8")
        # -P: a folder named like a library, where the person happens to be, must not shadow it
        command = [sys.executable, "-P", "-m", module, str(asked), str(answered)]
        try:
            child = subprocess.run(
                command,
                env={**os.environ, **OFFLINE, "PYTHONPATH": _search_path()},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ChildFailed(f"no answer within {SECONDS} seconds") from None
        if child.returncode or not answered.exists():
            raise ChildFailed(_last_words(child))
        answer: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
        return answer


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Be the child: read the request named on the command line, write the answer beside it."""
    asked, answered = map(Path, sys.argv[1:3])
    found = answer(json.loads(asked.read_text(encoding="utf-8")))
    answered.write_text(json.dumps(found), encoding="utf-8")


def _search_path() -> str:
    """Return where this process finds modules, for editable installs and test runs alike."""
    return os.pathsep.join(path for path in sys.path if path)


def _last_words(child: subprocess.CompletedProcess[bytes]) -> str:
    lines = child.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"the process ended with {child.returncode} and no word"
