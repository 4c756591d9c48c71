"""The check `samples`: both models answer the pack's prompts. Nothing is scored or picked."""

from __future__ import annotations

from collections.abc import Iterator

from locale_tune.api import Finding

from .context import Context


def samples(context: Context) -> Iterator[Finding]:
    """Show greedy answers side by side; yield no Finding."""
    if not context.prompts:
        return
    before, after = context.both(lambda model: model.generate(context.prompts))
    context.shown["samples"] = [
        {
            "prompt": prompt,
            "lang": context.locale.tag,
            "direction": context.locale.direction,
            "before": old,
            "after": new,
        }
        for prompt, old, new in zip(context.prompts, before, after, strict=True)
    ]
    context.save_items("samples", context.locale.tag, context.shown["samples"])
    yield from ()
