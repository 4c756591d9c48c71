"""Load a tokenizer in a fresh process as transformers does, save it, and load that again.

Run by `children.ask`, never imported by the stage.
"""

from __future__ import annotations

from typing import Any

from locale_tune_tokenizer.checks.children import serve

SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return class, ids of the lines and special ids of `folder`, of its copy and of `base`."""
    from transformers import AutoTokenizer

    lines = request["lines"]
    loaded = AutoTokenizer.from_pretrained(request["folder"], trust_remote_code=False)
    loaded.save_pretrained(request["again"])
    again = AutoTokenizer.from_pretrained(request["again"], trust_remote_code=False)
    found = {"loaded": _said(loaded, lines), "again": _said(again, lines)}
    if request["base"]:
        base = AutoTokenizer.from_pretrained(request["base"], trust_remote_code=False)
        found["base"] = _said(base, [])
    return found


def _said(tokenizer: Any, lines: list[str]) -> dict[str, Any]:
    ids = tokenizer(lines, add_special_tokens=False)["input_ids"] if lines else []
    return {
        "class": type(tokenizer).__name__,
        "ids": ids,
        "special": {name: getattr(tokenizer, name) for name in SPECIAL},
        # An empty text leaves only what the tokenizer puts around every text.
        "wrap": tokenizer("")["input_ids"],
    }


if __name__ == "__main__":
    serve(answer)
