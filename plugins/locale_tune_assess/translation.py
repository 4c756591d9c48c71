"""The check `chrf`: translation into the language and out of it, by chrF++ (Popovic 2017)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from locale_tune.api import Finding, Record

from .bootstrap import Statistic, paired, seed_of
from .calibration import Array
from .context import Context, Model
from .held_out import group_of
from .languages import is_english, is_own, name_of

PROMPT = (
    "Translate the following {source} text into {target}. "
    "Answer with the translation only.\n\n{text}"
)
# Room for 1.5 times the reference under each tokenizer, so that a tokenizer that cuts the language
# finely is not cut short; never more than this many times max_new_tokens.
ROOM, MOST = 1.5, 4


@dataclass(frozen=True)
class Pair:
    """One sentence to translate, its reference, and the language it comes from."""

    id: str
    group: str
    source_lang: str
    source: str
    reference: str


@dataclass(frozen=True)
class Direction:
    """One direction: the language translated into (its tag and name), and the pairs."""

    on: str
    source: str
    target: str
    pairs: list[Pair]

    def prompts(self) -> list[str]:
        """Return what a model is asked."""
        return [
            PROMPT.format(source=self.source, target=self.target, text=pair.source)
            for pair in self.pairs
        ]


def chrf(context: Context) -> Iterator[Finding]:
    """Yield chrF++ of greedy translations from English (or the commonest other language) and back.

    Findings are named for the language translated into.
    """
    pairs = chosen_pairs(context)
    if not pairs:
        return
    both = directions(context, pairs)
    prompts = [prompt for direction in both for prompt in direction.prompts()]
    references = [pair.reference for direction in both for pair in direction.pairs]

    def translate(model: Model) -> list[str]:
        limits = token_limits(model, references, context)
        return [tidy(answer) for answer in model.generate(prompts, limits)]

    before, after = context.both(translate)
    for number, direction in enumerate(both):
        part = slice(number * len(pairs), (number + 1) * len(pairs))
        yield _compare(context, direction, before[part], after[part])


def directions(context: Context, pairs: list[Pair]) -> tuple[Direction, Direction]:
    """Return the pairs into the language, and the same pairs out of it."""
    own, other = context.locale, pairs[0].source_lang
    name = name_of(other, own)
    back = [
        replace(pair, source_lang=own.tag, source=pair.reference, reference=pair.source)
        for pair in pairs
    ]
    return (
        Direction(own.tag, name, own.name, pairs),
        Direction(other, own.name, name, back),
    )


def chosen_pairs(context: Context) -> list[Pair]:
    """Return up to max_parallel pairs from one language: English if there is any."""
    limit = context.settings.max_parallel
    found: dict[str, list[Pair]] = {}
    for record in context.items("parallel", limit):
        if pair := pair_of(record, context):
            found.setdefault(pair.source_lang, []).append(pair)
    if not found:
        return []
    best = min(found, key=lambda lang: (not is_english(lang), -len(found[lang]), lang))
    ranked = sorted(found[best], key=lambda pair: seed_of(context.seed, "parallel", pair.id))
    return ranked[:limit]


def pair_of(record: Record, context: Context) -> Pair | None:
    """Return a record as a pair into the pack's language, or None where it is not one."""
    other = record.meta.get("translation_lang", "")
    if not record.text.strip() or not record.translation.strip():
        return None
    group = group_of(record)
    if is_own(record.lang, context.locale) and other and not is_own(other, context.locale):
        return Pair(record.id, group, other, record.translation, record.text)
    if other and is_own(other, context.locale) and not is_own(record.lang, context.locale):
        return Pair(record.id, group, record.lang, record.text, record.translation)
    return None


def token_limits(model: Model, references: Sequence[str], context: Context) -> list[int]:
    """Return how many tokens each translation may take, in this model's own tokens."""
    least = context.settings.max_new_tokens
    lengths = [len(spans) for spans in model.spans(references)]
    return [min(max(least, int(ROOM * length)), MOST * least) for length in lengths]


def tidy(answer: str) -> str:
    """Return an answer on one line: line breaks are no part of a translation."""
    return " ".join(answer.split())


def chrf_rows(hypotheses: Sequence[str], references: Sequence[str]) -> tuple[Array, Statistic, str]:
    """Return n-gram counts per segment [N, 24], the score of their sums, and the signature.

    Counts and score are sacrebleu's own (CHRF with word_order 2); only its public corpus score
    cannot be resampled, so the sums are taken here.
    """
    from sacrebleu.metrics.chrf import CHRF

    metric: Any = CHRF(word_order=2)
    counts = metric._extract_corpus_statistics(list(hypotheses), [list(references)])

    def statistic(sums: Array) -> Array:
        return np.array([metric._compute_f_score(row) for row in sums.tolist()])

    metric.corpus_score([""], [[""]])  # a signature exists only after a score
    return np.array(counts, dtype=np.float64), statistic, str(metric.get_signature())


def _compare(
    context: Context, direction: Direction, before: list[str], after: list[str]
) -> Finding:
    pairs, on = direction.pairs, direction.on
    references = [tidy(pair.reference) for pair in pairs]
    old, statistic, signature = chrf_rows(before, references)
    new, _, _ = chrf_rows(after, references)
    result = paired(
        old,
        new,
        [pair.group for pair in pairs],
        statistic,
        context.settings.resamples,
        seed_of(context.seed, "chrf", on),
    )
    context.save_items("chrf", on, _rows(pairs, before, after))
    return context.finding(
        "chrf",
        on,
        f"Translation from {direction.source} into {direction.target}, chrF++",
        result,
        n=len(pairs),
        note=f"{signature}; greedy, through the chat template, with one fixed instruction",
        section="language",
    )


def _rows(pairs: list[Pair], before: list[str], after: list[str]) -> Iterator[dict[str, object]]:
    for pair, old, new in zip(pairs, before, after, strict=True):
        yield {
            "id": pair.id,
            "group": pair.group,
            "source_lang": pair.source_lang,
            "source": pair.source,
            "reference": pair.reference,
            "before": old,
            "after": new,
        }
