"""The check of the certificate that what transformers loads is what was written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tokenizers import Tokenizer

from locale_tune_tokenizer.checks.case import SHOWN, fail, options_of
from locale_tune_tokenizer.checks.children import ChildFailed, ask
from locale_tune_tokenizer.learning.segments import encodings

CLASS = "TokenizersBackend"


def reload_identity(
    base: Path, out: Path, work: Path, raw: Any, lines: list[str]
) -> dict[str, Any]:
    """Check loading, saving and loading again in a fresh process: same class, ids and parts.

    `raw` is the written `tokenizer.json` without transformers; `work` is an existing folder for
    scratch files. Raises CheckFailed naming the difference.
    """
    with TemporaryDirectory(dir=work, prefix="reload-") as scratch:
        again = Path(scratch, "again")
        request = {"base": str(base), "folder": str(out), "again": str(again), "lines": lines}
        try:
            said = ask("locale_tune_tokenizer.checks.fresh", request, work)
        except ChildFailed as failure:
            fail("reload", f"transformers does not load it: {failure}")
        _same_class(said)
        _same_parts(raw, Tokenizer.from_file(str(again / "tokenizer.json")))
    _same_ids(raw, said, lines)
    _same_specials(said)
    return {"passed": True, "class": CLASS, "lines": len(lines), "process": "fresh"}


def _same_class(said: Mapping[str, Any]) -> None:
    """Other classes rebuild the tokenizer from vocabulary and merges by their own code."""
    for moment in ("loaded", "again"):
        if (name := said[moment]["class"]) != CLASS:
            fail("reload", f"transformers loads a {name}, which may rebuild it")


def _same_parts(written: Any, saved: Any) -> None:
    one, two = options_of(written), options_of(saved)
    for name, value in one.items():
        if two[name] != value:
            fail("reload", f"saving changes the {name}")
    if written.get_vocab() != saved.get_vocab():
        fail("reload", "saving changes the vocabulary")
    if _added(written) != _added(saved):
        fail("reload", "saving changes the added tokens")


def _added(tokenizer: Any) -> dict[int, str]:
    return {number: repr(t) for number, t in tokenizer.get_added_tokens_decoder().items()}


def _same_ids(raw: Any, said: Mapping[str, Any], lines: list[str]) -> None:
    one, two = said["loaded"]["ids"], said["again"]["ids"]
    for line, encoding, ids, ids_again in zip(lines, encodings(raw, lines), one, two, strict=True):
        if not encoding.ids == ids == ids_again:
            fail("reload", f"other ids for {line[:SHOWN]!r}")


def _same_specials(said: Mapping[str, Any]) -> None:
    base = said["base"]
    for moment in ("loaded", "again"):
        found = said[moment]
        for name, number in base["special"].items():
            if found["special"][name] != number:
                fail("reload", f"{name} is {found['special'][name]}, not {number}")
        if found["wrap"] != base["wrap"]:
            fail("reload", f"a text is wrapped in {found['wrap']}")
