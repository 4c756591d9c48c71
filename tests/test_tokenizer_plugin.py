"""The plugin offers `extend` without importing anything heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

import locale_tune_tokenizer
from locale_tune_tokenizer.settings import ExtendSettings

HEAVY = ("torch", "transformers", "tokenizers", "numpy", "pyarrow", "safetensors")


def test_it_offers_extend():
    (stage,) = locale_tune_tokenizer.locale_tune_stages()
    assert (stage.name, stage.needs, stage.makes) == ("extend", ("model", "corpus"), "model")
    assert stage.heavy
    assert stage.version == "2"
    assert stage.budget_share == 0.1
    assert stage.speed is not None
    assert stage.settings is ExtendSettings


def test_offering_imports_nothing_heavy():
    code = (
        "import sys, locale_tune_tokenizer as p; list(p.locale_tune_stages());"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    assert done.stdout.strip() == "[]"


def test_defaults_are_those_of_the_design_and_each_setting_says_what_it_is():
    settings = ExtendSettings()
    assert (settings.max_new_tokens, settings.min_frequency) == (4096, 100)
    assert (settings.min_bytes, settings.initializer) == (5_000_000, "edge")
    assert settings.tokens is None
    assert all(field.description for field in ExtendSettings.model_fields.values())


@pytest.mark.parametrize(
    "wrong", [{"min_frequency": 0}, {"initializer": "wechsel"}, {"row_lr": 0}, {"vocab": 3}]
)
def test_wrong_settings_are_refused(wrong: dict):
    with pytest.raises(ValidationError):
        ExtendSettings(**wrong)
