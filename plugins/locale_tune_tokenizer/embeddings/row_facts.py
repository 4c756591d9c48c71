"""What the warm-up did, for the manifest and the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from locale_tune_tokenizer.embeddings.held_out import HeldOut
from locale_tune_tokenizer.embeddings.row_stage import MARGIN, RowPlan, State


def facts_of(
    plan: RowPlan, state: State, held: HeldOut, after: float, base: float | None
) -> dict[str, Any]:
    """Return tokens fed, losses (nats per token) at both ends, and held-out bits per byte.

    The ends are the first and the last quarter of the winner's steps, ten at most; they are of
    different texts, so the held-out figures say what was gained. Tokens and steps count both
    probes. `after` is the held-out loss in nats per token, `base` the bits per byte of the model
    before it grew.
    """
    path = state.losses.get(state.winner, [])
    ends = max(1, min(10, len(path) // 4))
    measured = held.tokens > 0
    return {
        "rows_from": dict(state.rows_from),
        "rows_loss": state.winner,
        "rows_loss_reason": plan.why or _why(state),
        "rows_probe": {"steps": plan.probe, "bits_per_byte": state.bits} if plan.probe else None,
        "trained_tokens": state.tokens,
        "teacher_tokens": state.teacher_tokens,
        "steps": state.updates,
        "loss_first": _mean(path[:ends]) if path else None,
        "loss_last": _mean(path[-ends:]) if path else None,
        "probe_loss_before": state.before if measured else None,
        "probe_loss_after": after if measured else None,
        "bits_per_byte_unextended": base,
        "bits_per_byte_before": held.bits(state.before) if measured else None,
        "bits_per_byte_after": held.bits(after) if measured else None,
        "held_out_tokens": held.tokens,
    }


def _why(state: State) -> str:
    """Say in figures why a probe was won."""
    plain, taught = state.bits["next-token"], state.bits["distillation"]
    found = f"distillation {taught:.3f} and next-token {plain:.3f} bits per byte"
    if state.winner == "next-token" and taught < plain:
        return f"{found}: closer than {MARGIN}, and next-token needs no teacher"
    return found


def _mean(weighted: Sequence[tuple[float, int]]) -> float:
    total = sum(tokens for _, tokens in weighted)
    return sum(loss * tokens for loss, tokens in weighted) / total if total else 0.0
