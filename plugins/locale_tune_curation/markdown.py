"""Answers as a chat page shows them, back into the Markdown that they were written in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from locale_tune.api import StageFailed

BLOCK = "article|blockquote|div|h[1-6]|ol|p|pre|section|span|table|ul"
# A page of HTML that an answer quotes stands in a fence or after a sentence, so it does not match.
RENDERED = re.compile(rf"\s*<(?:{BLOCK})\b[^<>]*>.*</(?:{BLOCK})\s*>\s*", re.DOTALL | re.IGNORECASE)
LANGUAGE = re.compile(r"(?:language|lang)-([\w+#.-]+)")
SHELLS = ["div", "span", "button", "img", "svg"]  # of the page, not of the text


def is_rendered(text: str) -> bool:
    """Whether a text is HTML from its first character to its last."""
    return bool(RENDERED.fullmatch(text))


def to_markdown(html: str) -> str:
    """Return HTML as Markdown; fences keep the language that a class of the code names.

    HTML nested deeper than Python's stack is nobody's answer: it becomes an empty text.
    Raise StageFailed where the library `markdownify` is missing.
    """
    try:
        from markdownify import markdownify
    except ImportError:
        raise StageFailed(
            "conversations in HTML are read with markdownify, which is not installed",
            "pip install 'locale-tune[corpus]'",
        ) from None
    try:
        text = markdownify(
            html,
            heading_style="ATX",
            bullets="-",
            escape_asterisks=False,
            escape_underscores=False,
            strip=SHELLS,
            code_language_callback=_language,
        )
    except RecursionError:
        return ""
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def rebuild_fences(text: str, labels: Iterable[str]) -> str:
    """Remove the button of a code block ("Copy code") that was copied along with the code.

    Before it stands the name of the language, which belongs behind the fence.
    """
    names = "|".join(re.escape(label) for label in labels)
    if not names:
        return text
    head = re.compile(
        rf"^([ \t]*```)([\w+#.-]*)[ \t]*\n?[ \t]*([\w+#.-]*?)[ \t]*(?:{names})+\n?", re.M
    )
    return head.sub(lambda m: f"{m[1]}{m[2] or m[3]}\n", text)


def _language(pre: Any) -> str:
    code = pre.find("code")
    classes = " ".join(code.get("class") or ()) if code else ""
    found = LANGUAGE.search(classes)
    return found[1] if found else ""
