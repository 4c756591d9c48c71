"""How the model starts and stops by default: greedy, and ending where the chat's turn ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from locale_tune.api import read_json

ANSWER = "locale-tune-answer"
SPECIALS = ("bos_token", "eos_token", "pad_token")


def generation_config(folder: Path) -> dict[str, Any]:
    """Return a greedy generation_config for a model folder.

    `eos_token_id` lists the tokenizer's end, the base's ends and the chat template's end of turn;
    `pad_token_id` is the tokenizer's, else the first end. Sampling values are left out: a value
    that greedy decoding ignores makes Transformers warn.
    """
    ids, special = _ids(folder), specials(folder)
    fallbacks = [_read(folder / name) for name in ("generation_config.json", "config.json")]
    turn_end = ids.get(end_of_turn(folder))
    ends = [ids.get(special["eos_token"]), turn_end]
    ends += [end for base in fallbacks for end in _listed(base.get("eos_token_id"))]
    known = list(dict.fromkeys(end for end in ends if end is not None))
    values: dict[str, Any] = {
        name: next((v for v in (ids.get(special[token]), *given) if v is not None), None)
        for name, token, given in (
            ("bos_token_id", "bos_token", [base.get("bos_token_id") for base in fallbacks]),
            ("pad_token_id", "pad_token", [base.get("pad_token_id") for base in fallbacks] + known),
        )
    }
    values["eos_token_id"] = known[0] if len(known) == 1 else known or None
    return {"do_sample": False, **{k: values[k] for k in sorted(values) if values[k] is not None}}


def end_of_turn(folder: Path) -> str:
    """Return the special token that the chat template writes after an answer, or "".

    The template is rendered once in Jinja's sandbox, as Transformers does; a template that needs
    more than messages gives "".
    """
    template = chat_template(folder)
    turns = [("user", "?"), ("assistant", ANSWER)]
    rendered = render(template, turns, specials(folder)) if template else ""
    after = rendered.partition(ANSWER)[2]
    found = [(after.find(token), token) for token in _ids(folder) if token and token in after]
    return min(found, key=lambda pair: (pair[0], -len(pair[1])))[1] if found else ""


def specials(folder: Path) -> dict[str, str]:
    """Return the texts of the beginning, end and padding tokens; "" where there is none."""
    config = _read(folder / "tokenizer_config.json")
    return {name: _content(config.get(name)) for name in SPECIALS}


def chat_template(folder: Path) -> str:
    """Return the chat template of a model folder, or "" when it has none."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    inside = _read(folder / "tokenizer_config.json").get("chat_template")
    return inside if isinstance(inside, str) else ""


def render(template: str, turns: list[tuple[str, str]], special: Mapping[str, str]) -> str:
    """Render a chat template without a generation prompt; "" when it refuses."""
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    messages = [{"role": role, "content": content} for role, content in turns]
    try:
        return env.from_string(template).render(
            messages=messages, add_generation_prompt=False, **special
        )
    except (TemplateError, TypeError, ValueError):
        return ""


def _ids(folder: Path) -> dict[str, int]:
    """Map the added and special tokens of tokenizer.json to their ids."""
    content = _read(folder / "tokenizer.json")
    added = {str(t["content"]): int(t["id"]) for t in content.get("added_tokens", [])}
    vocabulary = content.get("model", {}).get("vocab", {})
    for token in specials(folder).values():
        if isinstance(vocabulary, Mapping) and token in vocabulary:
            added.setdefault(token, int(vocabulary[token]))
    return added


def _read(path: Path) -> dict[str, Any]:
    return dict(read_json(path)) if path.is_file() else {}


def _content(token: Any) -> str:
    """Return a special token's text, which is written bare or as {"content": ...}."""
    return str(token.get("content", "")) if isinstance(token, Mapping) else str(token or "")


def _listed(value: Any) -> list[int]:
    return value if isinstance(value, list) else [] if value is None else [value]
