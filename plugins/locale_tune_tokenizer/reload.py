"""The last check of the certificate: what transformers loads is what was written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from locale_tune.api import read_json
from locale_tune_tokenizer.certificate import fail
from locale_tune_tokenizer.segments import encodings

SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id")
KEPT = ("normalizer", "pre_tokenizer", "post_processor", "decoder")


def reload_identity(
    base: Path, out: Path, work: Path, raw: Any, lines: list[str]
) -> dict[str, Any]:
    """Check loading, saving and loading again: same class, same ids, same special tokens.

    `raw` is the written `tokenizer.json` without transformers; `work` is scratch space.
    Raises StageFailed naming the difference.
    """
    loaded = AutoTokenizer.from_pretrained(out, trust_remote_code=False)
    if type(loaded).__name__ != "TokenizersBackend":
        fail("reload", f"transformers loads a {type(loaded).__name__}, which may rebuild it")
    again_at = work / "reload"
    shutil.rmtree(again_at, ignore_errors=True)
    loaded.save_pretrained(again_at)
    again = AutoTokenizer.from_pretrained(again_at, trust_remote_code=False)
    _same_parts(out, again_at)
    _same_ids(raw, loaded, again, lines)
    _same_specials(AutoTokenizer.from_pretrained(base, trust_remote_code=False), loaded)
    shutil.rmtree(again_at)
    return {"passed": True, "class": "TokenizersBackend", "lines": len(lines)}


def _same_parts(written: Path, saved: Path) -> None:
    one, two = read_json(written / "tokenizer.json"), read_json(saved / "tokenizer.json")
    for part in KEPT:
        if one.get(part) != two.get(part):
            fail("reload", f"saving changes the {part}")
    if one["model"].get("ignore_merges", False) != two["model"].get("ignore_merges", False):
        fail("reload", "saving changes ignore_merges")


def _same_ids(raw: Any, loaded: Any, again: Any, lines: list[str]) -> None:
    one = loaded(lines, add_special_tokens=False)["input_ids"]
    two = again(lines, add_special_tokens=False)["input_ids"]
    for line, encoding, ids, ids_again in zip(lines, encodings(raw, lines), one, two, strict=True):
        if not encoding.ids == ids == ids_again:
            fail("reload", f"other ids for {line[:80]!r}")


def _same_specials(base: Any, loaded: Any) -> None:
    for name in SPECIAL:
        if getattr(base, name) != getattr(loaded, name):
            fail("reload", f"{name} is {getattr(loaded, name)}, not {getattr(base, name)}")
    # An empty text leaves only what the tokenizer puts around every text.
    if base("")["input_ids"] != loaded("")["input_ids"]:
        fail("reload", f"a text is wrapped in {loaded('')['input_ids']}")
