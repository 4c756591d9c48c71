"""The stage `extend`, top to bottom: measure, decide, learn, certify, grow, warm up, save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from locale_tune.api import Job, read_json
from locale_tune_tokenizer import decide
from locale_tune_tokenizer.bpe import Learned, learn
from locale_tune_tokenizer.bytelevel import (
    added_ids,
    merges_of,
    reason_against,
    reason_against_ids,
    to_bytes,
)
from locale_tune_tokenizer.certificate import Case, certify
from locale_tune_tokenizer.growing import grow_and_train
from locale_tune_tokenizer.loading import load_model
from locale_tune_tokenizer.model_folder import copy_model, extended, write_tokenizer
from locale_tune_tokenizer.outcome import Outcome, write_outcome
from locale_tune_tokenizer.plain_head import reason_against_rows
from locale_tune_tokenizer.probes import rendered_chats
from locale_tune_tokenizer.reload import reload_identity
from locale_tune_tokenizer.segments import count_segments, measure, open_tokenizer, pairs
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.texts import Samples, samples, training_text
from locale_tune_tokenizer.words import refusal


def run(job: Job) -> Mapping[str, Any]:
    """Fill `job.out` with the extended model, or with the model as it was; return the facts.

    Raises StageFailed when a check of the certificate fails, NotFinite when the warm-up does.
    """
    base = job.inputs["model"].path
    if not (base / "tokenizer.json").exists():
        return _pass_on(job, Outcome(reason="not extended: the model has no tokenizer.json"))
    spec = read_json(base / "tokenizer.json")
    if reason := reason_against(spec):
        return _pass_on(job, Outcome(reason=f"not extended: {reason}"))
    old = open_tokenizer(spec)
    loaded = {number: str(token) for number, token in old.get_added_tokens_decoder().items()}
    if reason := reason_against_ids(spec, loaded):
        return _pass_on(job, Outcome(reason=f"not extended: {reason}"))
    drawn = samples(job.inputs["corpus"].path, job.settings.protected_lines, job.seed)
    outcome = _measured(job, old, drawn)
    if outcome.reason:
        return _pass_on(job, outcome)
    job.progress(0, 1, f"learning merges from {outcome.text_bytes / 1e6:.1f} MB")
    chats = rendered_chats(base)
    learned = _learned(job, spec, old, [*drawn.protected, *chats], outcome.learned_share)
    outcome = outcome.with_learned(learned)
    if not learned.tokens:
        outcome = outcome.because(decide.nothing_frequent(job.settings))
        return _pass_on(job, outcome)
    return _extend(job, spec, old, outcome, learned, drawn, chats)


def _measured(job: Job, old: Any, drawn: Samples) -> Outcome:
    """Measure the base tokenizer on this language, and say whether to go on."""
    text = training_text(job.inputs["corpus"].path)
    text_bytes = sum(len(part.encode()) for part in text)
    native = measure(old, drawn.target)
    english = measure(old, drawn.english) if drawn.english else None
    compared = measure(old, drawn.beside) if drawn.beside else native
    settings: ExtendSettings = job.settings
    return Outcome(
        reason=decide.reason_for_none(settings, text_bytes, native, compared, english),
        min_frequency=settings.min_frequency,
        max_new_tokens=settings.max_new_tokens,
        text_bytes=text_bytes,
        learned_share=min(1.0, settings.learn_bytes / max(1, text_bytes)),
        measured_on=drawn.target_from,
        before=native,
        after=native,
        english_fertility=english.fertility if english else None,
        notes=tuple(decide.notes(settings, text_bytes)),
    )


def _learned(
    job: Job, spec: Mapping[str, Any], old: Any, protected: list[str], share: float
) -> Learned:
    settings: ExtendSettings = job.settings
    added = added_ids(spec)

    def refuse(joined: str) -> str:
        if joined in added:
            return "added token"
        return refusal(to_bytes(joined), settings.max_token_chars)

    return learn(
        count_segments(old, training_text(job.inputs["corpus"].path, share, job.seed)),
        merges_of(spec),
        spec["model"]["vocab"],
        protected=pairs(old, protected),
        refuse=refuse,
        max_new=settings.max_new_tokens,
        min_count=settings.min_frequency,
    )


def _extend(
    job: Job,
    spec: Mapping[str, Any],
    old: Any,
    outcome: Outcome,
    learned: Learned,
    drawn: Samples,
    chats: list[str],
) -> Mapping[str, Any]:
    base = job.inputs["model"].path
    model, stored = load_model(base, job.machine)
    if reason := reason_against_rows(model):
        return _pass_on(job, outcome.because(f"not extended: {reason}"))
    copy_model(base, job.out, weights=False)
    extension = extended(spec, learned)
    write_tokenizer(job.out, extension)
    new = open_tokenizer(extension.spec)
    case = Case(old, new, extension, drawn, chats, job.settings.max_changed_share)
    certificate = certify(case)
    certificate["reload"] = reload_identity(base, job.out, job.work, new, case.lines())
    rows = grow_and_train(job, model, stored, old, new, extension, drawn.target)
    certificate["rows"] = dict(rows.check)
    outcome = outcome.extended(measure(new, drawn.target), certificate, rows.facts)
    return write_outcome(job.out, outcome)


def _pass_on(job: Job, outcome: Outcome) -> Mapping[str, Any]:
    """Copy the model through as it was, with the reason."""
    copy_model(job.inputs["model"].path, job.out, weights=True)
    return write_outcome(job.out, outcome)
