"""The check `leaked_tokens`: control tokens in answers, answers without an end, broken letters.

A chat template ends each turn with a control token. A model whose tuning masked or cut the wrong
tokens writes them into its answers, plays the user's part, or never stops. All three are shown in
the same greedy answers that the other checks read, with special tokens left in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from locale_tune.api import Finding

from .context import Context, Model
from .instructions import PHRASES, REQUESTS, instructions

# Control tokens as they are written in the chat templates in use; a text in a language needs none.
CONTROL = re.compile(
    r"<[|｜][^\s<>|｜]{1,40}[|｜]>|<(?:start|end)_of_(?:turn|text)>|</?s>|<(?:bos|eos|pad|unk)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS)\]|<</?SYS>>"
)
# The names of the parts, alone on a line: what is left of a turn whose tokens were spelt as text.
ROLE = re.compile(r"^[ \t]*(?:assistant|user|system)[ \t]*:?[ \t]*$", re.MULTILINE)
BROKEN = "\ufffd"
END = re.compile(rf"(?:\s*(?:{CONTROL.pattern}))+\s*$")
JUDGED = {
    "leaked_tokens": "Answers with control tokens or a role name in them",
    "unfinished": "Answers that do not end within the limit",
    "broken_letters": "Answers with broken letters (U+FFFD)",
}


@dataclass(frozen=True)
class Reading:
    """What is wrong with one answer."""

    leaked_tokens: bool
    unfinished: bool
    broken_letters: bool


def leaked_tokens(context: Context) -> Iterator[Finding]:
    """Yield the share of answers, to prompts in the language and in English, with each fault."""
    if not context.prompts:
        return
    english = instructions(REQUESTS, PHRASES, context.settings.instructions, "en")
    prompts = (*context.prompts, *(asked.prompt for asked in english))
    sides = context.both(lambda model: raw_answers(model, prompts))
    readings = [[read(answer) for answer in side] for side in sides]
    tag = context.locale.tag
    context.save_items("leaked_tokens", tag, _rows(prompts, sides, readings))
    for check, label in JUDGED.items():
        before, after = ([100.0 * getattr(one, check) for one in side] for side in readings)
        yield context.compare(
            check,
            tag,
            label,
            before,
            after,
            unit="%",
            lower_is_better=True,
            note=(
                f"greedy answers of at most {context.settings.max_new_tokens} tokens to the pack's "
                f"prompts and {len(english)} instructions in English"
            ),
            section="generation",
        )


def raw_answers(model: Model, prompts: Sequence[str]) -> list[str]:
    """Return greedy answers with their special tokens."""
    return model.generate(prompts, raw=True)


def read(answer: str) -> Reading:
    """Read one answer with its special tokens: those at its end finish it, all others leak.

    A letter broken by the limit at the end of an unfinished answer is no fault.
    """
    end = END.search(answer)
    text = answer[: end.start()] if end else answer
    seen = text if end else text.rstrip(BROKEN)
    leaked = bool(CONTROL.search(text) or ROLE.search(text))
    return Reading(leaked, not end, BROKEN in seen)


def _rows(
    prompts: Sequence[str], sides: Sequence[list[str]], readings: Sequence[list[Reading]]
) -> Iterator[dict[str, object]]:
    for index, prompt in enumerate(prompts):
        row: dict[str, object] = {"prompt": prompt}
        for name, side, some in zip(("before", "after"), sides, readings, strict=True):
            row[f"answer_{name}"] = side[index]
            row |= {f"{check}_{name}": value for check, value in vars(some[index]).items()}
        yield row
