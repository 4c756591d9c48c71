"""Damage model files, and ask them all the same."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

from locale_tune.api import LocaleTuneError, sha256_file
from locale_tune_corpus.lid import Lid

SECONDS = 3


def damaged(content: bytes, trial: int) -> bytes:
    """Cut a file, or flip one to eight bits in its header or anywhere."""
    pick = random.Random(trial)
    if trial % 3 == 0:
        return content[: pick.randrange(len(content))]
    changed = bytearray(content)
    end = 100 if trial % 3 == 1 else len(content)
    for _ in range(pick.randint(1, 8)):
        changed[pick.randrange(end)] ^= 1 << pick.randrange(8)
    return bytes(changed)


def ask_damaged(model: Path, path: Path, text: str, trials: int) -> None:
    """Ask damaged copies of a model: each gives an answer or a typed error, within the limits."""
    content, ends, longest = model.read_bytes(), Counter[str](), 0.0
    for trial in range(trials):
        path.write_bytes(damaged(content, trial))
        started = time.monotonic()
        try:
            answer = Lid(path, sha256_file(path), SECONDS).ask(text)
            ends["answer"] += 1
            assert all(isinstance(label, str) for label, _ in answer)
        except LocaleTuneError as error:
            ends[error.problem.partition("used: ")[2].partition(":")[0]] += 1
        longest = max(longest, time.monotonic() - started)
    print(dict(ends), f"longest {longest:.1f} s")
    assert longest < 2 * (SECONDS + 1) + 2
