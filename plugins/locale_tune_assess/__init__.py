"""Measure a localized model against its base: the stage `assess` and the checks that it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from locale_tune.api import Check, Finding, Job, Stage, hookimpl

from .settings import AssessSettings

if TYPE_CHECKING:
    from .context import Context


LIBRARIES = ("torch", "transformers", "tokenizers", "numpy", "pyarrow", "sacrebleu")


def run_assess(job: Job) -> Mapping[str, Any]:
    """Run the checks on the base and on the localized model."""
    from .stage import run

    return run(job)


def measure_bits_per_byte(context: Context) -> Iterator[Finding]:
    """Measure how well each model predicts held-out text."""
    from .held_out import bits_per_byte as measure

    return measure(context)


def measure_multiple_choice(context: Context) -> Iterator[Finding]:
    """Measure what each model knows, and whether it knows what it knows."""
    from .questions import multiple_choice as measure

    return measure(context)


def measure_chrf(context: Context) -> Iterator[Finding]:
    """Measure translation into the language."""
    from .translation import chrf as measure

    return measure(context)


def measure_fertility(context: Context) -> Iterator[Finding]:
    """Measure how finely each tokenizer cuts the language."""
    from .fertility import fertility as measure

    return measure(context)


def measure_preferences(context: Context) -> Iterator[Finding]:
    """Measure whether preferred answers have become less likely."""
    from .preferences import preferences as measure

    return measure(context)


def measure_samples(context: Context) -> Iterator[Finding]:
    """Let both models answer the pack's prompts, for a reader to compare."""
    from .samples import samples as measure

    return measure(context)


@hookimpl
def locale_tune_stages() -> Iterable[Stage]:
    """Offer `assess`."""
    yield Stage(
        "assess",
        needs=("base", "model", "corpus"),
        makes="findings",
        run=run_assess,
        settings=AssessSettings,
        version="2",
        reads=("prompts", "names"),
        heavy=True,
        libraries=LIBRARIES,
        uses=("checks",),
        doc="every check before and after, on the same held-out items",
    )


@hookimpl
def locale_tune_checks() -> Iterable[Check]:
    """Offer the checks that need nothing but the corpus."""
    yield Check("bits_per_byte", measure_bits_per_byte, "bits per UTF-8 byte of held-out text")
    yield Check(
        "multiple_choice", measure_multiple_choice, "accuracy, ECE and Brier score of questions"
    )
    yield Check("chrf", measure_chrf, "chrF++ of translations into the language")
    yield Check(
        "fertility", measure_fertility, "tokens per word, bytes per token, parity with English"
    )
    yield Check(
        "preferences",
        measure_preferences,
        "bits per byte of preferred answers, and which is likelier",
    )
    yield Check("samples", measure_samples, "greedy answers to the pack's prompts, side by side")
