"""The check `fertility`: how finely each tokenizer cuts the language."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from locale_tune.api import Finding, Record

from .bootstrap import seed_of
from .context import Context, Model, Spans
from .held_out import document_sets
from .languages import count_words, is_english
from .parity import inequality
from .translation import chosen_pairs

SHOWN = 4
SHOWN_LETTERS = 160
JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class Cut:
    """How one tokenizer cuts a set of texts; `parity` is None without any English text."""

    fertility: float
    bytes_per_token: float
    parity: float | None


@dataclass(frozen=True)
class Mirror:
    """What the language is held against: the same content in English, or other English text."""

    own: tuple[str, ...]
    english: tuple[str, ...]
    note: str


def fertility(context: Context) -> Iterator[Finding]:
    """Yield tokens per word, bytes per token, parity with English, and how unequal costs are."""
    native = documents(context, lambda split, _: split == "heldout")
    if not native:
        return
    texts = [record.text for record in native]
    mirror = mirror_of(context)
    models = (context.before, context.after)
    before, after = (cut(model, texts, mirror) for model in models)
    spans = [model.spans(texts) for model in models]
    context.save_items("fertility", context.locale.tag, _rows(native, *spans))
    _show(context, native, before, after)
    yield from _findings(context, len(native), before, after, mirror.note)
    yield from inequality(context)


def documents(context: Context, wanted: Callable[[str, str], bool]) -> list[Record]:
    """Return the documents of `bits_per_byte` whose (split, language) is wanted."""
    sets = document_sets(context)
    return [record for key, records in sets.items() if wanted(*key) for record in records]


def mirror_of(context: Context) -> Mirror:
    """Return parallel sentences if English ones are there, else the English control text."""
    pairs = [pair for pair in chosen_pairs(context) if is_english(pair.source_lang)]
    if pairs:
        own, english = zip(*((pair.reference, pair.source) for pair in pairs), strict=True)
        return Mirror(own, english, f"tokens over tokens of English in {len(pairs)} sentence pairs")
    control = documents(context, lambda split, tag: split == "control" and is_english(tag))
    note = "tokens per word over tokens per word of the English control text"
    return Mirror((), tuple(record.text for record in control), note)


def cut(model: Model, texts: Sequence[str], mirror: Mirror) -> Cut:
    """Measure one tokenizer on the texts and against English."""
    tokens = _tokens(model, texts)
    per_word = tokens / max(1, sum(map(count_words, texts)))
    parity = None
    if mirror.own:
        parity = _tokens(model, mirror.own) / _tokens(model, mirror.english)
    elif mirror.english:
        words = max(1, sum(map(count_words, mirror.english)))
        parity = per_word / (_tokens(model, mirror.english) / words)
    return Cut(per_word, sum(len(text.encode()) for text in texts) / tokens, parity)


def _tokens(model: Model, texts: Sequence[str]) -> int:
    return max(1, sum(len(spans) for spans in model.spans(texts)))


def _findings(
    context: Context, n: int, before: Cut, after: Cut, parity_note: str
) -> Iterator[Finding]:
    name = context.locale.name
    lines = (
        ("tokens_per_word", f"Held-out {name} text, tokens per word", "tokens", True, "fertility"),
        ("bytes_per_token", f"Held-out {name} text, bytes per token", "bytes", False, ""),
        ("parity", f"{name} against English, tokens for the same content", "", True, ""),
    )
    for check, label, unit, lower, attribute in lines:
        old, new = (getattr(side, attribute or check) for side in (before, after))
        if old is None or new is None:
            continue
        yield Finding(
            check=check,
            on=context.locale.tag,
            label=label,
            before=old,
            after=new,
            change=new - old,
            n=n,
            unit=unit,
            lower_is_better=lower,
            section="tokenizer",
            note=parity_note if check == "parity" else "a property of the tokenizer, not a score",
        )


def _show(context: Context, native: list[Record], before: Cut, after: Cut) -> None:
    """Put the numbers and a few short texts, cut by both tokenizers, into the report."""
    drawn = sorted(native, key=lambda record: seed_of(context.seed, "shown", record.id))[:SHOWN]
    texts = [shown_text(record.text) for record in drawn]
    spans = zip(context.before.spans(texts), context.after.spans(texts), strict=True)
    context.shown["tokenizer"] = {
        "rows": [
            {
                "text": text,
                "lang": context.locale.tag,
                "direction": context.locale.direction,
                "before": old,
                "after": new,
            }
            for text, (old, new) in zip(texts, spans, strict=True)
        ],
        **{f"{key}_before": value for key, value in vars(before).items()},
        **{f"{key}_after": value for key, value in vars(after).items()},
    }


def shown_text(text: str) -> str:
    """Return the first line with text, cut to at most 160 letters: at a space, else by letters."""
    line = next(line.strip() for line in text.splitlines() if line.strip())
    if len(line) <= SHOWN_LETTERS:
        return line
    head, space, _ = line[:SHOWN_LETTERS].rpartition(" ")
    return head.rstrip() if space else line[: _before_letter(line, SHOWN_LETTERS)]


def _before_letter(line: str, place: int) -> int:
    """Return the last place up to `place` where no mark, joiner or joined letter comes next."""
    while place and (_joins(line[place]) or line[place - 1] in JOINERS):
        place -= 1
    return place


def _joins(char: str) -> bool:
    return char in JOINERS or unicodedata.category(char).startswith("M")


def _rows(
    native: list[Record], before: list[Spans], after: list[Spans]
) -> Iterator[dict[str, object]]:
    for record, old, new in zip(native, before, after, strict=True):
        yield {
            "id": record.id,
            "source": record.source,
            "words": count_words(record.text),
            "bytes": len(record.text.encode()),
            "tokens_before": len(old),
            "tokens_after": len(new),
        }
