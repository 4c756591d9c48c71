"""`inject`: continued pretraining on native text, with replay against forgetting.

After Ibrahim et al. 2024 (arXiv 2403.08763): re-warm, decay again, replay a share of other text.
Off unless a setting says so: Goldfish loss, Source-Shielded Updates, an anneal on culture-tagged
text, a forgetting budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locale_tune.api import Job, StageFailed, read_records
from locale_tune_training.encoding import Encoder
from locale_tune_training.finish import facts_of, save
from locale_tune_training.forgetting import Watch, control_lines
from locale_tune_training.hooks import joined
from locale_tune_training.loop import train
from locale_tune_training.mixing import Mixture
from locale_tune_training.model import LossModule, load_model, load_tokenizer
from locale_tune_training.ssu import Shield, calibration_rows, template_ids
from locale_tune_training.texts import encode, plan, rows_of


def run(job: Job) -> Mapping[str, Any]:
    """Train the model of `job.inputs` on the corpus's text and replay."""
    settings = job.settings
    folder = job.inputs["model"].path
    _check(settings)
    tokenizer = load_tokenizer(folder)
    encoder = Encoder(tokenizer)
    native, replay = encode(job, encoder, "text"), encode(job, encoder, "replay")
    if not native.tokens.total:
        raise StageFailed("the corpus holds no native text", "look at rejects.jsonl of collect")
    scheme = plan(job, encoder, native, replay)
    mixture = Mixture(rows_of(native, job), rows_of(replay, job), scheme.share)
    if scheme.anneal is not None:
        mixture.anneal = rows_of(scheme.anneal, job)
        mixture.anneal_from = scheme.anneal_from
    module = LossModule(load_model(folder, job.machine))
    watch = _watch(job, encoder, mixture if replay.tokens.total else None)
    shield = _shield(job, module, encoder, tokenizer)
    hooks = joined(*(part.hooks() for part in (watch, shield) if part))
    state = train(module, mixture, scheme.steps, scheme.settings, job, hooks)
    if shield:
        shield.check()
    save(module.model, tokenizer, job)
    raised = len(mixture.since) > 1
    share = mixture.replayed / max(1, mixture.drawn) if raised else scheme.share
    epochs = state.tokens * (1 - share) / native.tokens.total
    found = {
        **facts_of(state),
        "native_tokens": native.tokens.total,
        "replay_tokens": replay.tokens.total,
        "replay_share": share,
        "replay_proxies": replay.tally.proxies(),
        "epochs": round(epochs, 3),
        "line": f"loss {state.first_loss:.3f} -> {_recent(state.history):.3f}, "
        f"{state.tokens:,} tokens, {epochs:.1f} epochs, replay {share:.0%}",
        **scheme.facts,
    }
    for part in (watch, shield):
        found |= part.facts() if part else {}
    return found


def _check(settings: Any) -> None:
    """Refuse settings that contradict each other before any work is done."""
    if settings.protect == "ssu" and (settings.adapter != "none" or settings.shard):
        raise StageFailed(
            "protect = 'ssu' freezes columns of a whole model that trains in full",
            "set adapter to 'none' and shard to false, or protect to 'none'",
        )


def _watch(job: Job, encoder: Encoder, mixture: Mixture | None) -> Watch | None:
    settings = job.settings
    if settings.forgetting == "off":
        return None
    control = read_records(job.inputs["corpus"].path / "control")
    lines = control_lines(control, encoder, settings.forgetting_lines, settings.sequence, job.seed)
    if not lines:
        raise StageFailed(
            "the forgetting budget needs held-out control text, and the corpus has none",
            "add a source with the role 'control', or set forgetting to 'off'",
        )
    if settings.forgetting == "replay" and mixture is None:
        raise StageFailed(
            "forgetting = 'replay' needs replay text, and the corpus has none",
            "add a source with the role 'replay', or set forgetting to 'stop'",
        )
    return Watch(lines, settings, mixture)


def _shield(job: Job, module: LossModule, encoder: Encoder, tokenizer: Any) -> Shield | None:
    if job.settings.protect == "none":
        return None
    job.progress(0, 1, "finding what to shield")
    found = calibration_rows(job, encoder)
    return Shield(module, found.rows, template_ids(tokenizer), found.text)


def _recent(history: list[float]) -> float:
    return sum(history[-10:]) / max(1, len(history[-10:]))
