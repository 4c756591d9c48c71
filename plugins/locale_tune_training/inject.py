"""`inject`: continued pretraining on native text, with replay against forgetting.

After Ibrahim et al. 2024 (arXiv 2403.08763): re-warm, decay again, replay a share of other text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locale_tune.api import Job, StageFailed, read_records
from locale_tune_training.batches import Tokens, mixed, rows, write_tokens
from locale_tune_training.encoding import Encoder
from locale_tune_training.finish import facts_of, save
from locale_tune_training.loop import train
from locale_tune_training.model import LossModule, load_model, load_tokenizer


def run(job: Job) -> Mapping[str, Any]:
    """Train the model of `job.inputs` on the corpus's text and replay."""
    settings = job.settings
    folder = job.inputs["model"].path
    tokenizer = load_tokenizer(folder)
    native, replay = _encode(job, Encoder(tokenizer))
    if not native.total:
        raise StageFailed("the corpus holds no native text", "look at rejects.jsonl of collect")
    share = settings.replay if replay.total else 0.0
    one_epoch = native.total / (1 - share)
    wanted = min(settings.tokens or one_epoch * settings.epochs, one_epoch * settings.max_epochs)
    per_step = settings.sequence * settings.rows_per_step
    steps = max(1, int(wanted // per_step))
    stream = rows(native, settings.sequence, job.seed)
    if share:
        stream = mixed(stream, rows(replay, settings.sequence, job.seed), share)
    module = LossModule(load_model(folder, job.machine))
    state = train(module, stream, steps, settings, job)
    save(module.model, tokenizer, job)
    epochs = state.tokens * (1 - share) / native.total
    return {
        **facts_of(state),
        "native_tokens": native.total,
        "replay_tokens": replay.total,
        "replay_share": share,
        "epochs": round(epochs, 3),
        "line": f"loss {state.first_loss:.3f} -> {_recent(state.history):.3f}, "
        f"{state.tokens:,} tokens, {epochs:.1f} epochs, replay {share:.0%}",
    }


def _encode(job: Job, encoder: Encoder) -> tuple[Tokens, Tokens]:
    corpus = job.inputs["corpus"].path

    def encoded(split: str) -> Tokens:
        job.progress(0, 1, f"encoding {split}")
        texts = (r.text for r in read_records(corpus / split) if r.text)
        return write_tokens(job.work / split, (encoder.text(text) for text in texts))

    return encoded("text"), encoded("replay")


def _recent(history: list[float]) -> float:
    return sum(history[-10:]) / max(1, len(history[-10:]))
