"""What the plugin offers, and that offering costs nothing."""

from __future__ import annotations

import subprocess
import sys

import locale_tune_assess
from locale_tune_assess.settings import AssessSettings

HEAVY = ("torch", "transformers", "numpy", "pyarrow", "sacrebleu")


def test_it_offers_the_stage_and_its_checks() -> None:
    (stage,) = locale_tune_assess.locale_tune_stages()
    assert (stage.name, stage.needs, stage.makes) == (
        "assess",
        ("base", "model", "corpus"),
        "findings",
    )
    assert stage.heavy
    assert "torch" in stage.libraries
    assert stage.reads == ("prompts", "names")
    assert stage.settings is AssessSettings
    checks = [check.name for check in locale_tune_assess.locale_tune_checks()]
    assert sorted(checks) == [
        "bits_per_byte",
        "chrf",
        "collapse",
        "confusion",
        "culture",
        "fertility",
        "fidelity",
        "leaked_tokens",
        "memorised",
        "multiple_choice",
        "preferences",
        "samples",
        "sycophancy",
        "tax",
    ]


def test_offering_imports_nothing_heavy() -> None:
    code = (
        "import sys, locale_tune_assess as a, locale_tune_assess.context;"
        "list(a.locale_tune_stages()), list(a.locale_tune_checks());"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_every_offered_check_runs_without_a_corpus(make_context) -> None:
    context = make_context(settings=AssessSettings(arithmetic=0, instructions=0))
    for check in locale_tune_assess.locale_tune_checks():
        assert list(check.measure(context)) == []


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in AssessSettings.model_fields.values())
