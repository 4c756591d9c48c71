"""Answer for one fastText model, in a process of its own that may crash, hang or be killed.

fastText reads damaged model files without a check: some make it loop, ask for terabytes or write
where it must not. Here that costs a process with little memory and an alarm clock. Run as a script,
isolated from everything but the two folders it is told; imports nothing of locale-tune.

Reads one JSON string a line; writes one JSON value a line: "ready", then for each text a list of
[label, chance], or {"error": why}.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from typing import Any

BEST = 3


def main(model_file: str, seconds: int, memory: int, folders: list[str]) -> None:
    """Load the model, then answer until standard input ends. `memory` is in bytes."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # whatever a library prints is no answer
    _limit(memory)
    sys.path += folders
    try:
        _alarm(seconds)
        import fasttext

        model = fasttext.load_model(model_file)
        _say(answers, "ready")
        for line in sys.stdin:
            _alarm(seconds)
            labels, chances = model.predict(json.loads(line), k=BEST, on_unicode_error="replace")
            _say(answers, [[str(n), float(c)] for n, c in zip(labels, chances, strict=True)])
    except Exception as error:
        _say(answers, {"error": f"{type(error).__name__}: {error}"[:300]})


def _say(answers: Any, value: object) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()
    _alarm(0)


def _limit(memory: int) -> None:
    """Set the limits of this process, where the system has them (not on Windows)."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _alarm(seconds: int) -> None:
    """Let the system end this process in so many seconds, even inside fastText; 0: not any more."""
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
        signal.alarm(seconds)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
