"""The words of the page for raters: English, or the pack's language where it has all of them."""

from __future__ import annotations

from collections.abc import Mapping

from locale_tune.api import Locale

ENGLISH = {
    "rate-title": "Which answer is better?",
    "rate-how": "You see a question and two answers, A and B, from two different programs. Read "
    "both and say which one is better in your language. Nobody can see here which program wrote "
    "which answer. There is no right or wrong choice, and you may leave questions out.",
    "rate-prompt": "Question",
    "rate-a": "Answer A",
    "rate-b": "Answer B",
    "rate-empty": "(no answer)",
    "rate-a-better": "A is better",
    "rate-b-better": "B is better",
    "rate-both-good": "both are good",
    "rate-both-bad": "both are bad",
    "rate-comment": "Comment, if you like",
    "rate-name": "Your name, if you like: it is not needed",
    "rate-save": "Save my answers",
    "rate-saved": "A small file was saved. Send it back to whoever gave you this page. If no file "
    "appeared, copy the text below and send that.",
    "rate-left": "Not answered yet:",
    "rate-paper": "This page also works on paper: print it, mark one circle for each question, and "
    "give it back.",
    "rate-number": "Page",
}


def words(ui: Mapping[str, str], locale: Locale) -> tuple[Mapping[str, str], str, str]:
    """Return the words, and the language and direction they are in.

    A page half in English would help nobody: one missing word leaves all of them English.
    """
    if all(ui.get(name, "").strip() for name in ENGLISH):
        return {name: ui[name] for name in ENGLISH}, locale.tag, locale.direction
    return ENGLISH, "en", "ltr"
