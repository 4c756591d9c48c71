"""`align`: learn from pairs of answers which one is preferred, without losing the preferred one.

The loop is that of `inject` and `tune`; `preferences.py` names the losses and their papers. Where
the pairs come from is a setting: those of the corpus (`given`), the true answers of lessons on
claims against the others (`claims`), the lessons' answers against the model's own (`spin`), or the
model's own answers ranked by a judge (`judged`). A round is a step: named several times in the plan
(`align@round-2`), each one's reference is the model it starts from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch

from locale_tune.api import Job, Record, StageFailed
from locale_tune_training.batches import Order, shuffled
from locale_tune_training.curriculum import by_gap, widest_first
from locale_tune_training.encoding import Encoder
from locale_tune_training.finish import facts_of, save
from locale_tune_training.given import Given, claim_pairs, given_pairs, held_out_pairs
from locale_tune_training.loop import train
from locale_tune_training.model import cast, load_model, load_tokenizer, resolve_dtype
from locale_tune_training.own import judged_pairs, spin_pairs
from locale_tune_training.pairs import (
    PairModule,
    Pairs,
    encode_pairs,
    logps_of,
    packed_pairs,
    pair_rows,
)
from locale_tune_training.parallel import world_of
from locale_tune_training.preferences import Loss
from locale_tune_training.reference import measured, reference_of

MEASURED = 128  # pairs that are measured again after training
TRAINED, HELD_OUT = "trained_pairs", "held_out_pairs"  # folders, and what facts call them


def run(job: Job) -> Mapping[str, Any]:
    """Train the model of `job.inputs` on pairs; the model it starts from is the reference."""
    settings, folder = job.settings, job.inputs["model"].path
    tokenizer = load_tokenizer(folder)
    if tokenizer.chat_template is None:
        raise StageFailed(
            "this base model has no chat template, so its answers cannot be told from prompts",
            "choose an instruct model as base, or leave 'align' out of [pack] stages",
        )
    check(settings)
    encoder = Encoder(tokenizer)
    # All processes must learn from the same pairs, and a GPU may draw others in each of them.
    found = world_of(job.machine).from_main(FINDERS[settings.pairs](job, tokenizer))
    sets = {
        TRAINED: _encoded(job, encoder, found.records, TRAINED),
        HELD_OUT: _encoded(job, encoder, held_out_pairs(job), HELD_OUT),
    }
    pairs = sets[TRAINED]
    if not len(pairs):
        raise _nothing(pairs.too_long, found)
    order = order_of(pairs, settings.order, job.seed)
    steps = steps_of(pairs, order, settings)
    wanted = {TRAINED: drawn(pairs, order, steps, settings)}
    wanted[HELD_OUT] = sample(range(len(sets[HELD_OUT])), job.seed)
    reference = reference_of(job, sets, wanted)
    loss = Loss(settings.loss, settings.beta, settings.dpop_lambda, settings.label_smoothing)
    module = PairModule(load_model(folder, job.machine), loss)
    stream = pair_rows(pairs, settings.sequence, order, reference[TRAINED])
    state = train(module, stream, steps, settings, job)
    save(module.model, tokenizer, job)
    cast(module, resolve_dtype(settings.dtype, job.machine))
    facts: dict[str, Any] = {
        **facts_of(state),
        "loss": settings.loss,
        "pairs_from": settings.pairs,
        "pairs": len(pairs),
        "too_long": pairs.too_long,
        "epochs": round(state.tokens / pairs.tokens.total, 3),
        **found.facts,
    }
    if sets[HELD_OUT].too_long:
        facts["held_out_too_long"] = sets[HELD_OUT].too_long
    for name, known in sets.items():
        chosen = sample(wanted[name], job.seed)
        facts[name] = compare(module, known, reference[name], settings.sequence, chosen)
    return {**facts, "line": _line(facts)}


FINDERS = {
    "given": given_pairs,
    "claims": claim_pairs,
    "spin": spin_pairs,
    "judged": judged_pairs,
}


def check(settings: Any) -> None:
    """Raise StageFailed for settings that these pairs cannot follow."""
    if settings.loss == "rloo" and settings.pairs != "judged":
        raise StageFailed(
            'loss = "rloo" needs rewards of the model\'s own answers', 'set pairs to "judged"'
        )
    if by_gap(settings) and settings.pairs in ("spin", "claims"):
        raise StageFailed(
            f'pairs = "{settings.pairs}" have no gaps, so none is the widest',
            'leave order and curriculum_stage out, or set pairs to "given" or "judged"',
        )


def _nothing(too_long: int, found: Given) -> StageFailed:
    if too_long:
        return StageFailed(
            f"there are no pairs to learn from: all {too_long:,} fill more than one row",
            "set sequence higher: both answers stand in one row, each with its prompt",
        )
    return StageFailed("there are no pairs to learn from", found.remedy)


def _encoded(job: Job, encoder: Encoder, records: Sequence[Record], name: str) -> Pairs:
    job.progress(0, 1, f"encoding {name.replace('_', ' ')}")
    return encode_pairs(records, encoder, job.settings.sequence, job.work / name)


def order_of(pairs: Pairs, name: str, seed: int) -> Order:
    """Return the order of the pairs in each epoch."""
    if name == "shuffled":
        return shuffled(len(pairs), seed)
    widest = widest_first(pairs.gaps, pairs.ids)
    return lambda epoch: widest


def steps_of(pairs: Pairs, order: Order, settings: Any) -> int:
    """Return how many updates the settings ask for."""
    wanted: float = settings.tokens or pairs.tokens.total * settings.epochs
    wanted = min(wanted, pairs.tokens.total * settings.max_epochs)
    rows = len(list(packed_pairs(pairs, settings.sequence, order(0))))
    steps: float = wanted * rows / (pairs.tokens.total * settings.rows_per_step)
    return max(1, round(steps))


def drawn(pairs: Pairs, order: Order, steps: int, settings: Any) -> list[int]:
    """Return the pairs that so many updates see."""
    rows = packed_pairs(pairs, settings.sequence, order(0))
    seen = islice(rows, steps * settings.rows_per_step)
    return sorted(pair for row in seen for pair in row)


def sample(pairs: Sequence[int], seed: int) -> list[int]:
    """Return up to 128 of some pairs."""
    return sorted(pairs[place] for place in shuffled(len(pairs), seed)(0)[:MEASURED])


def compare(
    module: PairModule,
    pairs: Pairs,
    reference: np.ndarray,
    sequence: int,
    chosen: Sequence[int],
) -> dict[str, Any]:
    """Return what became of the `chosen` pairs: likelihoods by token, margin, accuracy.

    `chosen` and `rejected` are [before, after] in nats per token of the answer. A pair is right
    when training raised its chosen answer more than the other one.
    """
    if not chosen:
        return {}
    rows = list(packed_pairs(pairs, sequence, chosen))
    after = measured(module, pairs, rows)
    before = reference[[2 * pair + side for pair in chosen for side in (0, 1)]]
    counts = np.array([_answered(pairs, 2 * pair + side) for pair in chosen for side in (0, 1)])
    margins = logps_of(Loss(), *map(torch.from_numpy, (after, before, counts))).margin

    def likelihood(sums: np.ndarray, side: int) -> float:
        return round(float((sums / counts)[side::2].mean()), 4)

    return {
        "measured": len(chosen),
        "chosen": [likelihood(before, 0), likelihood(after, 0)],
        "rejected": [likelihood(before, 1), likelihood(after, 1)],
        "margin": round(float(margins.mean()), 4),
        "accuracy": round(float((margins > 0).double().mean()), 4),
        "chosen_fallen": round(float(((after - before)[::2] < 0).mean()), 4),
    }


def _answered(pairs: Pairs, record: int) -> int:
    _, weights = pairs.tokens.piece(record, 0, pairs.tokens.length(record))
    return int((weights != 0).sum())


def _line(facts: Mapping[str, Any]) -> str:
    told = facts[TRAINED]
    before, after = told["chosen"]
    held = facts[HELD_OUT]
    line = (
        f"{facts['loss']}, {facts['pairs']:,} pairs, {told['accuracy']:.0%} right, "
        f"chosen {before:.3f} -> {after:.3f} nats/token"
    )
    return line + (f", held out {held['chosen'][0]:.3f} -> {held['chosen'][1]:.3f}" if held else "")
