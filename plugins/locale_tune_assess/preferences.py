"""The check `preferences`: held-out pairs of answers, of which people or a rule preferred one.

Training on preferences may make the preferred answer less likely too, as long as the rejected one
falls further (Pal et al. 2024, arXiv 2402.13228). So the likelihood of the preferred answer is
measured by itself; a bound on its change fails a build that paid with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from locale_tune.api import Finding, Record

from .context import Context, Model


def preferences(context: Context) -> Iterator[Finding]:
    """Yield bits per byte of preferred answers, and how often the preferred one is likelier."""
    pairs = [
        record
        for record in context.items("heldout_preferences", context.settings.max_preferences)
        if len(record.messages) > 1 and record.rejected
    ]
    if not pairs:
        return
    before, after = context.both(lambda model: bits(model, pairs))
    tag, groups = context.locale.tag, [record.meta.get("group") or record.id for record in pairs]
    context.save_items("preferences", tag, _rows(pairs, before, after))
    yield context.compare(
        "preferences",
        tag,
        "Preferred answers set apart, bits per byte",
        [chosen for chosen, _ in before],
        [chosen for chosen, _ in after],
        groups,
        section="retention",
        unit="bits",
        lower_is_better=True,
        note="held-out pairs: training on preferences must not make the preferred answer unlikely",
    )
    yield context.compare(
        "preferences_right",
        tag,
        "Pairs whose preferred answer is likelier by byte",
        [float(chosen < rejected) for chosen, rejected in before],
        [float(chosen < rejected) for chosen, rejected in after],
        groups,
        section="retention",
    )


def bits(model: Model, pairs: Sequence[Record]) -> list[tuple[float, float]]:
    """Return bits per UTF-8 byte of the preferred and the rejected answer of each pair."""
    both = [(record.messages[-1].content, record.rejected) for record in pairs]
    nats = list(_nats(model, pairs, both))
    return [
        (_per_byte(chosen, said), _per_byte(other, rejected))
        for (chosen, other), (said, rejected) in zip(nats, both, strict=True)
    ]


def _nats(
    model: Model, pairs: Sequence[Record], both: Sequence[tuple[str, str]]
) -> Iterator[tuple[float, float]]:
    """Yield how surprised the model is by both answers to each chat, of one turn or of several."""
    plain = [n for n, record in enumerate(pairs) if len(record.messages) == 2]
    longer = [n for n, record in enumerate(pairs) if len(record.messages) > 2]
    prompts = [pairs[n].messages[0].content for n in plain]
    answers = [both[n][side] for side in (0, 1) for n in plain]
    scores = [score.nats for score in model.answer_nll([*prompts, *prompts], answers)]
    sides = zip(scores[: len(plain)], scores[len(plain) :], strict=True)
    found = dict(zip(plain, sides, strict=True))
    chats = [pairs[n].messages[:-1] for n in longer]
    replies = model.choice_logprobs_chat(chats, [both[n] for n in longer])
    found |= {n: (-chosen, -other) for n, (chosen, other) in zip(longer, replies, strict=True)}
    yield from (found[n] for n in range(len(pairs)))


def _per_byte(nats: float, said: str) -> float:
    return nats / math.log(2) / max(1, len(said.encode()))


def _rows(
    pairs: Sequence[Record],
    before: Sequence[tuple[float, float]],
    after: Sequence[tuple[float, float]],
) -> Iterator[dict[str, object]]:
    for record, old, new in zip(pairs, before, after, strict=True):
        yield {
            "id": record.id,
            "source": record.source,
            "rejected_lang": record.meta.get("rejected_lang", ""),
            "chosen_before": old[0],
            "chosen_after": new[0],
            "rejected_before": old[1],
            "rejected_after": new[1],
        }
