"""The check of the certificate that llama.cpp cuts text as the extended tokenizer does.

It needs the packages `gguf` and `llama-cpp-python`; where they are missing it says that it did not
run, which is never the same as passing.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from locale_tune_tokenizer.checks import converter
from locale_tune_tokenizer.checks.case import SHOWN, Case, fail, ids_of
from locale_tune_tokenizer.checks.children import ChildFailed, ask
from locale_tune_tokenizer.checks.gguf_vocabulary import write_vocabulary
from locale_tune_tokenizer.formats.styles import BYTE_LEVEL

PACKAGES = {"gguf": "gguf", "llama_cpp": "llama-cpp-python"}
LINES = 1_000
# llama.cpp must cut this share of texts as the base does, or it says nothing about the rest.
COMPARABLE = 0.5


@dataclass(frozen=True)
class Seen:
    """One text in four ways: by tokenizer and by llama.cpp, before and after the extension."""

    text: str
    old: list[int]
    new: list[int]
    old_there: list[int]
    new_there: list[int]

    @property
    def comparable(self) -> bool:
        """Whether llama.cpp cuts the text as the base tokenizer does; not every text is."""
        return self.old == self.old_there


def gguf_ids(case: Case, work: Path) -> dict[str, Any]:
    """Check that llama.cpp gives our ids for lines, chats and the text of every new token.

    Both tokenizers are written as GGUF vocabularies and read in a fresh process. Texts that
    llama.cpp already cuts otherwise than the base tokenizer are counted, not judged. Raises
    CheckFailed at the first text with other ids.
    """
    pre = converter.pre_name(case.old)
    if why := reason_not_to_run(case, pre):
        return not_run(why)
    texts = probe_texts(case)
    with TemporaryDirectory(dir=work, prefix="gguf-") as folder:
        before, after = Path(folder, "before.gguf"), Path(folder, "after.gguf")
        write_vocabulary(before, case.old_spec, case.old, pre)
        write_vocabulary(after, case.spec, case.new, pre)
        try:
            old_there = _there(before, texts, work)
        except ChildFailed as failure:
            return not_run(f"llama.cpp does not read the base tokenizer: {failure}")
        try:
            new_there = _there(after, texts, work)
        except ChildFailed as failure:
            fail("GGUF ids", f"llama.cpp does not read the extended tokenizer: {failure}")
    ids = ids_of(case.old, texts), ids_of(case.new, texts), old_there["ids"], new_there["ids"]
    seen = [Seen(*row) for row in zip(texts, *ids, strict=True)]
    return _judge(seen, {"pre": pre, "binding": new_there["binding"]})


def reason_not_to_run(case: Case, pre: str) -> str:
    """Say why ids cannot be compared here; "" when they can."""
    missing = [name for module, name in PACKAGES.items() if find_spec(module) is None]
    if missing:
        return f"needs {' and '.join(missing)}, not installed here"
    if case.upgraded:
        return "the pre-tokenizer was upgraded, and llama.cpp has no name for the new one"
    if case.style is BYTE_LEVEL and not pre:
        return "llama.cpp's converter does not know the base's pre-tokenizer"
    return ""


def not_run(why: str) -> dict[str, Any]:
    """Return the entry of a check that did not run."""
    return {"passed": None, "ran": False, "why": f"not run: {why}"}


def probe_texts(case: Case) -> list[str]:
    """Return lines, chats, random texts, and the text of each new token, alone and after a word.

    All are normalised first for byte-level styles, because llama.cpp does not do it.
    """
    tokens = [t for token in case.new_tokens if (t := case.style.to_text(token)).isprintable()]
    whole = [text for text in tokens if "\ufffd" not in text]
    lines = [*case.chats, *case.lines[:LINES], *case.fuzz]
    texts = [*lines, *whole, *(f"a{text}" for text in whole)]
    if case.style is BYTE_LEVEL and case.new.normalizer is not None:
        texts = [case.new.normalizer.normalize_str(text) for text in texts]
    return list(dict.fromkeys(texts))


def _there(path: Path, texts: list[str], work: Path) -> dict[str, Any]:
    return ask(
        "locale_tune_tokenizer.checks.llamacpp_child", {"path": str(path), "texts": texts}, work
    )


def _judge(seen: list[Seen], facts: dict[str, Any]) -> dict[str, Any]:
    apart = [one for one in seen if not one.comparable]
    counts = {**facts, "texts": len(seen), "base_differs": len(apart)}
    if len(apart) > len(seen) * (1 - COMPARABLE):
        why = f"llama.cpp cuts {len(apart)} of {len(seen)} texts otherwise than the base tokenizer"
        return {**not_run(why), **counts}
    for one in seen:
        if one.comparable and one.new != one.new_there:
            fail("GGUF ids", f"llama.cpp gives {one.new_there[:20]} for {one.text[:SHOWN]!r}")
    return {"passed": True, "ran": True, **counts}
