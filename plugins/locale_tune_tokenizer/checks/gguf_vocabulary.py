"""Write a GGUF file that holds a tokenizer and no weights, as llama.cpp's converter would.

Keys and types: docs/gguf.md of ggml-org/ggml, and ggml-org/llama.cpp, conversion/base.py (MIT).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from locale_tune_tokenizer.formats.bytelevel import merges_of
from locale_tune_tokenizer.formats.sentencepiece import BYTE, SPACE
from locale_tune_tokenizer.formats.styles import BYTE_LEVEL, style_of


def write_vocabulary(path: Path, spec: Mapping[str, Any], tokenizer: Any, pre: str) -> None:
    """Write the file. `pre` names the pre-tokenizer for llama.cpp; byte-level styles need it."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    byte_level = style_of(spec) is BYTE_LEVEL
    writer.add_tokenizer_model("gpt2" if byte_level else "llama")
    writer.add_tokenizer_pre(pre if byte_level else "default")
    tokens, types = entries(spec, tokenizer)
    writer.add_token_list(tokens)
    writer.add_token_types([int(gguf.TokenType[name]) for name in types])
    if byte_level:
        writer.add_token_merges([f"{left} {right}" for left, right in merges_of(spec)])
    else:
        writer.add_token_scores(scores(spec, tokens))
        writer.add_add_space_prefix(puts_a_space_first(spec))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def entries(spec: Mapping[str, Any], tokenizer: Any) -> tuple[list[str], list[str]]:
    """Return each id's text and the name of its type; an id that is not used gets a filler."""
    added = tokenizer.get_added_tokens_decoder()
    by_id = {number: token for token, number in tokenizer.get_vocab().items()}
    tokens, types = [], []
    for number in range(max(by_id) + 1):
        token = by_id.get(number, f"[PAD{number}]")
        if number in added and not added[number].special:
            token = token.replace(SPACE, " ")
        tokens.append(token)
        types.append(_type(spec, by_id, number, added.get(number)))
    return tokens, types


def _type(spec: Mapping[str, Any], by_id: Mapping[int, str], number: int, added: Any) -> str:
    if number not in by_id:
        return "UNUSED"
    if by_id[number] == spec["model"].get("unk_token"):
        return "UNKNOWN"
    if added is not None:
        return "CONTROL" if added.special else "USER_DEFINED"
    if style_of(spec) is not BYTE_LEVEL and BYTE.fullmatch(by_id[number]):
        return "BYTE"
    return "NORMAL"


def scores(spec: Mapping[str, Any], tokens: list[str]) -> list[float]:
    """Return one score per token, falling strictly with the rank of the merge that makes it.

    llama.cpp keeps no merges for this style: of all neighbours whose join is a piece, it merges
    those of the highest score. So the score must order pieces as the merges do: minus the lowest
    rank. What no merge makes (letters, added tokens) never competes and stands below all.
    """
    first: dict[str, int] = {}
    for rank, (left, right) in enumerate(merges_of(spec)):
        first.setdefault(left + right, rank)
    return [-float(first.get(token, len(first) + len(tokens))) for token in tokens]


def puts_a_space_first(spec: Mapping[str, Any]) -> bool:
    """Tell whether normalizer or pre-tokenizer put a space before the text, as Llama-2's do."""
    parts = [spec.get("normalizer"), spec.get("pre_tokenizer")]
    while parts:
        part = parts.pop()
        if part is None:
            continue
        if part["type"] == "Prepend" or part.get("prepend_scheme", "never") != "never":
            return True
        parts += [*part.get("normalizers", ()), *part.get("pretokenizers", ())]
    return False
