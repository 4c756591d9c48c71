"""The prompts that checks of answers ask, and the greedy answers of both models.

The pack's sources of the role `prompts` are asked; without any, the few prompts that the report
shows side by side. The answers are the same for every check.
"""

from __future__ import annotations

from dataclasses import dataclass

from .context import Context
from .languages import is_own


@dataclass(frozen=True)
class Asked:
    """One prompt: its id and text, and the variety it asks in (the language where it says none)."""

    id: str
    text: str
    variety: str


def asked(context: Context) -> list[Asked]:
    """Return at most `max_prompts` prompts of the pack in its language."""
    own = context.locale.id
    found = [
        Asked(record.id, record.text.strip(), record.variety or own)
        for record in context.items("prompts", context.settings.max_prompts)
        if record.text.strip() and is_own(record.lang, context.locale)
    ]
    shown = enumerate(context.prompts)
    return found or [Asked(f"prompt-{number}", text, own) for number, text in shown]


def without_echo(answer: str, prompt: str) -> str:
    """Return an answer without the lines that only repeat the prompt, which say nothing of it."""
    echo = " ".join(prompt.split())
    lines = answer.splitlines()
    return "\n".join(
        line for line in lines if not line.strip() or " ".join(line.split()) not in echo
    )


def answers(context: Context, prompts: list[Asked]) -> tuple[list[str], list[str]]:
    """Return the greedy answers of the base and of the localized model."""
    return context.both(lambda model: model.generate([prompt.text for prompt in prompts]))
