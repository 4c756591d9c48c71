"""The stage `extend`, top to bottom: trim, measure, decide, learn, certify, grow, warm up, save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from locale_tune.api import Artifact, Job, read_json
from locale_tune_tokenizer import decide
from locale_tune_tokenizer.bytelevel import reason_against_ids
from locale_tune_tokenizer.case import Case
from locale_tune_tokenizer.certificate import certify
from locale_tune_tokenizer.converter import CHECK_TEXT
from locale_tune_tokenizer.model_folder import (
    Extension,
    copy_model,
    extended,
    has_weights,
    write_tokenizer,
)
from locale_tune_tokenizer.new_tokens import new_tokens
from locale_tune_tokenizer.outcome import Outcome, write_outcome
from locale_tune_tokenizer.pretokenizer import Upgrade, upgrade
from locale_tune_tokenizer.probes import rendered_chats
from locale_tune_tokenizer.reload import reload_identity
from locale_tune_tokenizer.segments import measure, open_tokenizer
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.styles import reason_against, style_of
from locale_tune_tokenizer.texts import Samples, samples, training_text


@dataclass(frozen=True)
class Start:
    """What an extension starts from: the old tokenizer, and the text it is judged on.

    `spec` and `old` are the tokenizer as it is. `cut_spec` and `cut_by` cut the text that merges
    are learned from: the same, unless the pre-tokenizer is upgraded.
    """

    folder: Path
    spec: Mapping[str, Any]
    old: Any
    cut_spec: Mapping[str, Any]
    cut_by: Any
    drawn: Samples
    chats: list[str]

    def upgraded(self, spec: Mapping[str, Any]) -> Start:
        """Return the start with another pre-tokenizer to cut text with."""
        return replace(self, cut_spec=spec, cut_by=open_tokenizer(spec))


def run(job: Job) -> Mapping[str, Any]:
    """Fill `job.out` with the extended model, or with the model as it was; return the facts.

    A folder without weights gets the tokenizer alone. Raises StageFailed when a check of the
    certificate fails, NotFinite when the warm-up does.
    """
    folder = job.inputs["model"].path
    spec = read_json(folder / "tokenizer.json") if (folder / "tokenizer.json").exists() else None
    if reason := _reason_against(spec):
        return _pass_on(job, Outcome(reason=f"not extended: {reason}"))
    trimmed = trim(job, spec) if job.settings.trim_to else None
    if trimmed:
        job = replace(job, inputs={**job.inputs, "model": Artifact("model", trimmed.folder, "")})
    start, better = _weighed(job, _start(job))
    outcome = replace(_measured(job, start), pretokenizer=better.facts())
    if trimmed:
        outcome = replace(outcome, trimmed=trimmed.facts, certificate=trimmed.certificate)
    if outcome.reason:
        return _pass_on(job, outcome)
    job.progress(0, 1, f"learning merges from {outcome.text_bytes / 1e6:.1f} MB")
    sized = new_tokens(
        start.cut_spec,
        lambda: training_text(job.inputs["corpus"].path, outcome.learned_share, job.seed),
        start.drawn.target,
        [*start.drawn.protected, *start.chats, CHECK_TEXT],
        job.settings,
    )
    outcome = outcome.with_learned(sized)
    if not sized.learned.added:
        return _pass_on(job, outcome.because(decide.none_taken(sized, job.settings)))
    return _extend(job, start, outcome, extended(start.cut_spec, sized.learned))


def _reason_against(spec: Mapping[str, Any] | None) -> str:
    if spec is None:
        return "the model has no tokenizer.json"
    if reason := reason_against(spec):
        return reason
    loaded = open_tokenizer(spec).get_added_tokens_decoder().items()
    return reason_against_ids(spec, {number: str(token) for number, token in loaded})


def _start(job: Job) -> Start:
    folder = job.inputs["model"].path
    spec = read_json(folder / "tokenizer.json")
    old = open_tokenizer(spec)
    drawn = samples(job.inputs["corpus"].path, job.settings.protected_lines, job.seed)
    return Start(folder, spec, old, spec, old, drawn, rendered_chats(folder))


def _weighed(job: Job, start: Start) -> tuple[Start, Upgrade]:
    """Measure the pre-tokenizer upgrade; take it only when the settings ask for it."""
    drawn, settings = start.drawn, job.settings
    replay = [*drawn.protected, *drawn.replay, *drawn.control]
    better = upgrade(start.spec, drawn.target, replay, settings.max_changed_share)
    if settings.pretokenizer == "keep":
        better = better.only_offered()
    return (start.upgraded(better.spec) if better.spec else start), better


def _measured(job: Job, start: Start) -> Outcome:
    """Measure the base tokenizer on this language, and say whether to go on."""
    drawn = start.drawn
    text_bytes = sum(len(part.encode()) for part in training_text(job.inputs["corpus"].path))
    native = measure(start.old, drawn.target)
    cut = measure(start.cut_by, drawn.target) if start.cut_by is not start.old else native
    english = measure(start.old, drawn.english) if drawn.english else None
    compared = measure(start.old, drawn.beside) if drawn.beside else native
    settings: ExtendSettings = job.settings
    return Outcome(
        reason=decide.reason_for_none(settings, text_bytes, cut, compared, english),
        style=style_of(start.spec),
        min_frequency=settings.min_frequency,
        text_bytes=text_bytes,
        learned_share=min(1.0, settings.learn_bytes / max(1, text_bytes)),
        measured_on=drawn.target_from,
        before=native,
        after=native,
        english_fertility=english.fertility if english else None,
        notes=tuple(decide.notes(settings, text_bytes)),
    )


def _extend(job: Job, start: Start, outcome: Outcome, extension: Extension) -> Mapping[str, Any]:
    """Write the tokenizer, check it, and grow the model's tables where there are any."""
    model, stored, reason = _model(start.folder, job)
    if reason:
        return _pass_on(job, outcome.because(f"not extended: {reason}"))
    copy_model(start.folder, job.out, weights=False)
    write_tokenizer(job.out, extension)
    new = open_tokenizer(extension.spec)
    case = Case(
        start.old,
        new,
        start.spec,
        extension.spec,
        start.drawn,
        start.chats,
        job.settings.max_changed_share,
        cut_by=start.cut_by,
        seed=job.seed,
    )
    certificate = {**outcome.certificate, **certify(case)}
    certificate["reload"] = reload_identity(start.folder, job.out, job.work, new, case.lines)
    facts: Mapping[str, Any] = {}
    if model is not None:
        from locale_tune_tokenizer.growing import grow_and_train

        rows = grow_and_train(
            job,
            model,
            stored,
            start.old,
            new,
            extension,
            start.drawn.target,
            exact=not case.upgraded,
        )
        certificate |= rows.checks
        facts = rows.facts
    return write_outcome(
        job.out, outcome.extended(measure(new, case.samples.target), certificate, facts)
    )


def _model(folder: Path, job: Job) -> tuple[Any, Any, str]:
    """Return the model, its dtype, and why its tables cannot grow ("" when they can).

    The model is None for a folder without weights.
    """
    if not has_weights(folder):
        return None, None, ""
    from locale_tune_tokenizer.loading import load_model
    from locale_tune_tokenizer.plain_head import reason_against_rows

    model, stored = load_model(folder, job.machine)
    return model, stored, reason_against_rows(model)


def _pass_on(job: Job, outcome: Outcome) -> Mapping[str, Any]:
    """Copy the model through as it was, with the reason."""
    copy_model(job.inputs["model"].path, job.out, weights=True)
    return write_outcome(job.out, outcome)
