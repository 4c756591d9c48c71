"""LoRA and DoRA through peft: adapters on every linear layer but the head, merged at the end.

LoRA after Hu et al. 2021 (arXiv 2106.09685), DoRA after Liu et al. 2024 (arXiv 2402.09353). Neither
embeddings nor head are touched, so tied weights stay tied.
"""

from __future__ import annotations

from typing import Any

from locale_tune.api import StageFailed
from locale_tune_training.settings import TrainSettings


class Adapters:
    """Adapters inside a model; its own weights stand still until `merge`."""

    def __init__(self, model: Any, settings: TrainSettings) -> None:
        """Put them in. Raises StageFailed without peft. Draws from torch's generator."""
        try:
            from peft import LoraConfig
            from peft.tuners.lora import LoraModel
        except ImportError as error:
            raise StageFailed(
                f"adapter = {settings.adapter!r} needs peft, which is not installed",
                "pip install 'locale-tune[adapters]', or set adapter = \"none\"",
            ) from error
        config = LoraConfig(
            r=settings.adapter_rank,
            lora_alpha=settings.adapter_alpha,
            target_modules="all-linear",
            use_dora=settings.adapter == "dora",
        )
        self._tuner = LoraModel(model, config, "default")

    def merge(self) -> None:
        """Add the adapters to the weights and take them out: the model is an ordinary one again."""
        model = self._tuner.merge_and_unload()
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        for left in ("peft_config", "_hf_peft_config_loaded"):
            model.__dict__.pop(left, None)


def adapters(model: Any, settings: TrainSettings) -> Adapters | None:
    """Put adapters into `model` if the settings ask for them."""
    return None if settings.adapter == "none" else Adapters(model, settings)
