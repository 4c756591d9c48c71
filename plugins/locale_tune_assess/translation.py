"""The check `chrf`: translation into the language, scored by chrF++ (Popovic 2017)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from locale_tune.api import Finding, Record

from .bootstrap import Statistic, paired, seed_of
from .calibration import Array
from .context import Context, Model
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


def chrf(context: Context) -> Iterator[Finding]:
    """Yield chrF++ of greedy translations from English (or the commonest other language)."""
    pairs = chosen_pairs(context)
    if not pairs:
        return
    source = name_of(pairs[0].source_lang, context.locale)
    prompts = [
        PROMPT.format(source=source, target=context.locale.name, text=pair.source) for pair in pairs
    ]

    def translate(model: Model) -> list[str]:
        limits = token_limits(model, [pair.reference for pair in pairs], context)
        return [tidy(answer) for answer in model.generate(prompts, limits)]

    before, after = context.both(translate)
    yield _compare(context, pairs, source, before, after)


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
    group = record.meta.get("group") or record.id
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
    context: Context, pairs: list[Pair], source: str, before: list[str], after: list[str]
) -> Finding:
    references = [tidy(pair.reference) for pair in pairs]
    old, statistic, signature = chrf_rows(before, references)
    new, _, _ = chrf_rows(after, references)
    on = context.locale.tag
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
        f"Translation from {source} into {context.locale.name}, chrF++",
        result,
        n=len(pairs),
        note=f"{signature}; greedy, through the chat template, with one fixed instruction",
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
