"""Measure a localized model against its base: the stage `assess` and the checks that it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from locale_tune.api import Check, Command, Finding, Job, Stage, hookimpl

from .settings import AssessSettings

if TYPE_CHECKING:
    from .context import Context


LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "pyarrow",
    "sacrebleu",
    "fasttext-community",
)


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


def measure_confusion(context: Context) -> Iterator[Finding]:
    """Measure whether answers stay in the language they are asked in."""
    from .confusion import confusion as measure

    return measure(context)


def measure_fidelity(context: Context) -> Iterator[Finding]:
    """Measure whether answers are in the variety asked for, or in its sibling."""
    from .fidelity import fidelity as measure

    return measure(context)


def measure_culture(context: Context) -> Iterator[Finding]:
    """Measure what each model knows of the culture, and of what comes next in native text."""
    from .culture import culture as measure

    return measure(context)


def measure_samples(context: Context) -> Iterator[Finding]:
    """Let both models answer the pack's prompts, for a reader to compare."""
    from .samples import samples as measure

    return measure(context)


def measure_sycophancy(context: Context) -> Iterator[Finding]:
    """Measure whether right answers survive a user who insists on wrong ones."""
    from .sycophancy import sycophancy as measure

    return measure(context)


def measure_collapse(context: Context) -> Iterator[Finding]:
    """Measure whether each model still has more than one thing to say."""
    from .collapse import collapse as measure

    return measure(context)


def measure_tax(context: Context) -> Iterator[Finding]:
    """Measure what the model could do before and cannot do now."""
    from .tax import tax as measure

    return measure(context)


def measure_memorised(context: Context) -> Iterator[Finding]:
    """Measure how much training text each model gives back word for word."""
    from .memorised import memorised as measure

    return measure(context)


def measure_leaked_tokens(context: Context) -> Iterator[Finding]:
    """Measure control tokens in answers, answers without an end, and broken letters."""
    from .leaked_tokens import leaked_tokens as measure

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
        version="5",
        origins={"tuned": "align"},
        reads=("prompts", "names"),
        heavy=True,
        libraries=LIBRARIES,
        uses=("checks", "filters"),
        doc="every check before and after, on the same held-out items",
    )


@hookimpl
def locale_tune_checks() -> Iterable[Check]:
    """Offer the checks that need nothing but the corpus."""
    yield Check("bits_per_byte", measure_bits_per_byte, "bits per UTF-8 byte of held-out text")
    yield Check(
        "multiple_choice", measure_multiple_choice, "accuracy, ECE and Brier score of questions"
    )
    yield Check("chrf", measure_chrf, "chrF++ of translations into and out of the language")
    yield Check("confusion", measure_confusion, "answers that stay in the language asked in")
    yield Check("fidelity", measure_fidelity, "answers in the variety asked for, and leakage")
    yield Check("culture", measure_culture, "accuracy on questions of culture, and on cloze")
    yield Check(
        "fertility", measure_fertility, "tokens per word, bytes per token, parity with English"
    )
    yield Check(
        "preferences",
        measure_preferences,
        "bits per byte of preferred answers, and which is likelier",
    )
    yield Check("samples", measure_samples, "greedy answers to the pack's prompts, side by side")
    yield Check(
        "sycophancy", measure_sycophancy, "right answers lost to pressure, beyond a neutral control"
    )
    yield Check("collapse", measure_collapse, "how much sampled answers differ from each other")
    yield Check("tax", measure_tax, "sums, instructions, and the alignment tax over all tasks")
    yield Check("memorised", measure_memorised, "training text that is given back word for word")
    yield Check(
        "leaked_tokens", measure_leaked_tokens, "control tokens in answers, answers without an end"
    )


@hookimpl
def locale_tune_commands() -> Iterable[Command]:
    """Offer what is done with finished runs: `diff` and `assess`."""
    yield Command("diff", load=_diff, doc="Show what differs between two finished runs.")
    yield Command("assess", load=_assess, doc="Run tasks of lm-eval on the models of a run.")


def _diff() -> Any:
    from .diff_command import command

    return command


def _assess() -> Any:
    from .lm_eval_command import command

    return command
