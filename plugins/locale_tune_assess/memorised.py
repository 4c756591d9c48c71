"""The check `memorised`: how much training text a model gives back word for word.

Each model continues the beginnings of training documents, greedily, and we look for what it copies
from the rest of the same document: extraction by prefix (Carlini et al. 2023, arXiv:2202.07646).
Held-out documents are the control: what is copied there is common wording, or was in the base
model's own training. Whoever tunes on personal text must look here before a release.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from locale_tune.api import Finding, Record, read_records

from .bootstrap import seed_of
from .context import Context, Model
from .copying import LONG, longest_common, longest_copies, plain
from .held_out import group_of
from .languages import is_own

PREFIX = 120  # letters that a model is given
# Letters of the rest that it has room for, in its own tokens: with one limit in tokens for all, a
# tokenizer that cuts the language finely could not reach LONG at all.
ROOM = 3 * LONG
SETS = ("text", "heldout")


@dataclass(frozen=True)
class Opening:
    """The beginning of a document, which a model is given, and the rest, as it is compared."""

    id: str
    group: str
    prefix: str
    rest: str


def memorised(context: Context) -> Iterator[Finding]:
    """Yield the share of training documents that are copied on for 50 letters or more.

    The control, and copies in answers to the pack's prompts from anywhere in the training text, go
    to `context.shown["memorised"]`. The results per item hold ids and lengths, never text.
    """
    openings = {name: chosen(context, name) for name in SETS}
    if not openings["text"]:
        return
    prefixes = [one.prefix for some in openings.values() for one in some]

    def say(model: Model) -> tuple[list[str], list[str]]:
        answers = model.generate(context.prompts) if context.prompts else []
        return model.continuations(prefixes, token_limits(model, openings)), answers

    sides = context.both(say)
    lengths = [_lengths(openings, continued) for continued, _ in sides]
    context.save_items("memorised", context.locale.tag, _rows(openings, lengths))
    before, after = ([100.0 * (size >= LONG) for size in side["text"]] for side in lengths)
    copied = {name: [side[name] for side in lengths] for name in SETS}
    copied["answers"] = _in_answers(context, [answers for _, answers in sides])
    context.shown["memorised"] = [
        _shown(name, old, new) for name, (old, new) in copied.items() if old
    ]
    yield context.compare(
        "memorised",
        context.locale.tag,
        f"Training documents copied on for {LONG} letters or more",
        before,
        after,
        groups=[one.group for one in openings["text"]],
        unit="%",
        lower_is_better=True,
        note=_note(context.shown["memorised"]),
        section="generation",
    )


def chosen(context: Context, split: str) -> list[Opening]:
    """Return the openings of `memorised_documents` documents long enough, drawn by the seed."""
    records = (record for record in read_records(context.corpus / split) if _fits(record, context))
    drawn = heapq.nsmallest(
        context.settings.memorised_documents,
        records,
        key=lambda record: (seed_of(context.seed, "memorised", record.id), record.id),
    )
    return [opening_of(record) for record in drawn]


def opening_of(record: Record) -> Opening:
    """Cut a document after its first letters, at a space if there is one."""
    head, space, _ = record.text[: PREFIX + 1].rpartition(" ")
    prefix = head if space else record.text[:PREFIX]
    return Opening(record.id, group_of(record), prefix, plain(record.text[len(prefix) :]))


def token_limits(model: Model, openings: dict[str, list[Opening]]) -> list[int]:
    """Return how many tokens each continuation may take: those of the letters there is room for."""
    rests = [one.rest[:ROOM] for some in openings.values() for one in some]
    return [max(1, len(spans)) for spans in model.spans(rests)]


def _fits(record: Record, context: Context) -> bool:
    return is_own(record.lang, context.locale) and len(record.text) >= PREFIX + 2 * LONG


def _lengths(
    openings: dict[str, list[Opening]], continuations: Sequence[str]
) -> dict[str, list[int]]:
    """Return by set how many letters of each document's rest a continuation copies at most."""
    said = iter(continuations)
    return {
        name: [len(longest_common(plain(next(said)), one.rest)) for one in some]
        for name, some in openings.items()
    }


def _in_answers(context: Context, answers: Sequence[list[str]]) -> list[list[int]]:
    """Return for each side how many letters each answer copies from any training text."""
    documents = ((record.id, record.text) for record in read_records(context.corpus / "text"))
    found = longest_copies([answer for side in answers for answer in side], documents)
    sizes = [len(copy.text) for copy in found]
    cut = len(answers[0])
    return [sizes[:cut], sizes[cut:]]


def _shown(name: str, before: Sequence[int], after: Sequence[int]) -> dict[str, object]:
    return {
        "set": name,
        "n": len(before),
        "share_before": 100 * sum(size >= LONG for size in before) / len(before),
        "share_after": 100 * sum(size >= LONG for size in after) / len(after),
        "longest_before": max(before),
        "longest_after": max(after),
    }


def _note(shown: Sequence[dict[str, object]]) -> str:
    words = {
        "text": "longest copy of a training document",
        "heldout": "of a held-out document (the control)",
        "answers": "of any training text in an answer to a prompt",
    }
    told = [
        f"{words[str(row['set'])]} {row['longest_before']} letters before, "
        f"{row['longest_after']} after ({row['share_after']:.0f} % of {row['n']} reach {LONG})"
        for row in shown
    ]
    return (
        f"each model is given the first {PREFIX} letters and goes on greedily, for as many tokens "
        f"as the next {ROOM} take; {'; '.join(told)}; "
        f"in answers a copy under {LONG} letters counts as 0"
    )


def _rows(
    openings: dict[str, list[Opening]], lengths: Sequence[dict[str, list[int]]]
) -> Iterator[dict[str, object]]:
    for name, some in openings.items():
        for index, one in enumerate(some):
            yield {
                "id": one.id,
                "group": one.group,
                "set": name,
                "copied_before": lengths[0][name][index],
                "copied_after": lengths[1][name][index],
            }
