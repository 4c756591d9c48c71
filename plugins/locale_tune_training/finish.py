"""What every training stage does at its end: save the model, state the figures."""

from __future__ import annotations

import json
from typing import Any

from locale_tune.api import Job
from locale_tune_training.loop import State


def save(model: Any, tokenizer: Any, job: Job) -> None:
    """Write model and tokenizer into `job.out` as safetensors, in float32."""
    model.config.dtype = "float32"
    model.save_pretrained(job.out)
    tokenizer.save_pretrained(job.out)
    _keep_backend(job)


def _keep_backend(job: Job) -> None:
    """Name the generic tokenizer class: others rebuild the tokenizer by their own rules."""
    path = job.out / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["tokenizer_class"] = "TokenizersBackend"
    path.write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def facts_of(state: State) -> dict[str, Any]:
    """Return the figures that every training stage reports."""
    last = state.history[-10:]
    seldom: dict[str, list[Any]] = {"skipped_updates": state.skipped, "drifted": state.drifted}
    return {
        **{name: found for name, found in seldom.items() if found},
        "steps": state.step,
        "resumed_at": state.resumed_at,
        "tokens": state.tokens,
        "first_loss": round(state.first_loss, 4),
        "last_loss": round(sum(last) / max(1, len(last)), 4),
    }
