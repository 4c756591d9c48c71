"""Texts that break tokenizers, and the chat template as the model will see it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from locale_tune.api import StageFailed

ROUND_TRIP = (
    "",
    " ",
    "  two  spaces,\ttab,\nline,\r\nline, no-break\u00a0space, ideographic\u3000space ",
    "\n\n\n    indented\n\t\tby tabs\n",
    "family \U0001f468\u200d\U0001f469\u200d\U0001f467, skin \U0001f44d\U0001f3fd, flag "
    "\U0001f1e8\U0001f1ed, heart \u2764\ufe0f",
    "می\u200cخواهم \u200d\u0647\u200d",
    "\u200fقال: نعم\u200f (OK)\u200e 123 ١٢٣ ۱۲۳",
    "كـــبير، مُحَمَّدٌ \ufefb \ufdfa",
    "\u0301 e\u0301 \u0915\u093c\u094d\u0937 \u0e33 \u064b",
    "हिन्दी বাংলা தமிழ் ខ្មែរ ไทย አማርኛ 日本語のテキスト 한국어 ქართული",
    "Zürich l'aura d’üna sumbrïva, Straße, İstanbul ıssız",
    "mix мир mirмир عربيlatin ελληνικάlatin",
    "\x00\x01\x1b[0m\x7f\u0085\ufeff\u2028\u2029\ufffd",
    "3 33 333 3333 1,000.50 1e-9 0x1F ½ Ⅷ ²",
    "def f(x):\n    return {'a': x**2}  # done\n",
    'https://example.org/a?b=c&d=%20#e <tag attr="v"/> a_b-c.d@e.f',
    "''''\"\"\"\"``````......!!!!????----====",
)
ONE_DAY = datetime(2024, 7, 26, tzinfo=UTC)
CHATS = (
    ("user",),
    ("system", "user"),
    ("user", "assistant"),
    ("system", "user", "assistant", "user", "assistant"),
)


def rendered_chats(folder: Path) -> list[str]:
    """Render short chats by the folder's template, with and without an opening for the answer.

    Returns an empty list when there is no template; a template that refuses a role (some refuse
    `system`) is rendered without it. Raises StageFailed for a tokenizer that does not load.
    """
    tokenizer = loaded(folder)
    if not tokenizer.chat_template:
        return []
    texts: list[str] = []
    for roles in CHATS:
        try:
            texts += _render(tokenizer, roles)
        except Exception:  # a template is a program, and may stop with anything
            continue
    return texts


def special_tokens(folder: Path) -> dict[str, str]:
    """Return the texts of `bos_token`, `eos_token` and so on, as transformers loads them.

    Classes such as GPT2Tokenizer know theirs by themselves, without any file that names them.
    Raises StageFailed for a tokenizer that does not load.
    """
    named = loaded(folder).special_tokens_map.items()
    return {name: token for name, token in named if isinstance(token, str)}


def loaded(folder: Path) -> Any:
    """Return the tokenizer of a folder as transformers loads it. Raises StageFailed."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # whatever files of others lead the library to
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise StageFailed(
            f"transformers does not load the tokenizer to extend: {said[0]}",
            "mend its tokenizer.json and tokenizer_config.json, or give the tokenizer.json alone",
        ) from error


def _render(tokenizer: Any, roles: tuple[str, ...]) -> list[str]:
    chat = [{"role": role, "content": "Hello."} for role in roles]
    template = on_one_day(tokenizer.get_chat_template())
    return [
        tokenizer.apply_chat_template(
            chat, chat_template=template, tokenize=False, add_generation_prompt=opening
        )
        for opening in (False, True)
    ]


def on_one_day(template: str) -> str:
    """Write a fixed date where a template asks for today's.

    What is protected, and so what is learned, must not depend on the day.
    """
    return re.sub(
        r"strftime_now\(\s*(['\"])(.*?)\1\s*\)",
        lambda call: repr(ONE_DAY.strftime(call[2])),
        template,
    )
