"""The text by whose ids llama.cpp's converter recognises a pre-tokenizer.

`convert_hf_to_gguf.py` encodes one fixed text and looks its ids up by SHA-256; it refuses a
tokenizer whose digest it does not know. So a new merge inside this text makes a model that cannot
be exported, though its regex is untouched. The text is an interface constant of ggml-org/llama.cpp
(`chktxt` in conversion/base.py, MIT); a test compares digests of real tokenizers.
"""

from __future__ import annotations

import hashlib
from typing import Any

from locale_tune_tokenizer.checks.converter_digests import PRE_NAMES

_SPACES = "\n \n\n \n\n\n \t \t\t \t\n  \n   \n    \n     \n"
_EMOJI = (
    "\U0001f680 (normal) \U0001f636\u200d\U0001f32b\ufe0f (multiple emojis concatenated) "
    "\u2705 \U0001f999\U0001f999 "
)
_DIGITS = " ".join("3" * count for count in range(1, 9)) + " 3.3 3..3 3...3 "
_SCRIPTS = (
    "\u1780\u17b6\u1793\u17cb\u178f\u17c2\u1796\u17b7\u179f\u17c1\u179f\u17a2\u17b6\u1785"
    "\U0001f601 ?我想在apple工作1314151天～ ------======= нещо на Български "
)
_MARKS = "''''''```````\"\"\"\"......!!!!!!?????? "
_CONTRACTIONS = (
    "I've been 'told he's there, 'RE you sure? 'M not sure I'll make it, "
    "'D you like some tea? We'Ve a'lL"
)
CHECK_TEXT = _SPACES + _EMOJI + _DIGITS + _SCRIPTS + _MARKS + _CONTRACTIONS


def digest(tokenizer: Any) -> str:
    """Return the SHA-256 that the converter computes: of the ids, printed as a Python list.

    The special tokens that a tokenizer puts around every text count, as they do there.
    """
    ids = tokenizer.encode(CHECK_TEXT, add_special_tokens=True).ids
    return hashlib.sha256(str(ids).encode()).hexdigest()


def pre_name(tokenizer: Any) -> str:
    """Return the pre-tokenizer's name in GGUF files (`tokenizer.ggml.pre`), or "" if unknown."""
    return PRE_NAMES.get(digest(tokenizer), "")
