"""The stage `extend`, top to bottom: trim, measure, decide, learn, certify, grow, warm up, save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from locale_tune.api import Artifact, Job, StageFailed, read_json
from locale_tune_tokenizer.checks.case import Case
from locale_tune_tokenizer.checks.certificate import certify
from locale_tune_tokenizer.checks.converter import CHECK_TEXT
from locale_tune_tokenizer.checks.llamacpp import gguf_ids
from locale_tune_tokenizer.checks.probes import rendered_chats, special_tokens
from locale_tune_tokenizer.checks.reload import reload_identity
from locale_tune_tokenizer.formats.bytelevel import reason_against_ids
from locale_tune_tokenizer.formats.model_folder import (
    Extension,
    copy_model,
    extended,
    has_weights,
    write_tokenizer,
)
from locale_tune_tokenizer.formats.pretokenizer import Upgrade, pieces_in_text, upgrade
from locale_tune_tokenizer.formats.styles import reason_against, style_of
from locale_tune_tokenizer.learning import decide
from locale_tune_tokenizer.learning.new_tokens import new_tokens
from locale_tune_tokenizer.learning.segments import measure, open_tokenizer
from locale_tune_tokenizer.outcome import Outcome, write_outcome
from locale_tune_tokenizer.pruning.trimming import Trim, trim
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.texts import Samples, samples, training_text


@dataclass(frozen=True)
class Start:
    """What an extension starts from: the old tokenizer, and the text it is judged on.

    `folder` holds the old tokenizer's files, `spec` and `old` the tokenizer itself: the base's,
    or what trimming left of it. `cut_spec` and `cut_by` cut the text that merges are learned from:
    the same, unless the pre-tokenizer is upgraded.
    """

    folder: Path
    spec: Mapping[str, Any]
    old: Any
    cut_spec: Mapping[str, Any]
    cut_by: Any
    drawn: Samples
    chats: list[str]
    trimmed: Trim

    def upgraded(self, spec: Mapping[str, Any]) -> Start:
        """Return the start with another pre-tokenizer to cut text with."""
        return replace(self, cut_spec=spec, cut_by=open_tokenizer(spec))


def run(job: Job) -> Mapping[str, Any]:
    """Fill `job.out` with the extended model, or with the model as it was; return the facts.

    A folder without weights gets the tokenizer alone. Raises StageFailed when a check of the
    certificate fails, NotFinite when the warm-up does.
    """
    base = job.inputs["model"].path
    spec = _spec(base)
    if reason := _reason_against(spec):
        copy_model(base, job.out, weights=True)
        return write_outcome(job.out, Outcome(reason=f"not extended: {reason}"))
    if has_weights(base):
        # What the first rows are made from is missing now, not after an hour of learning.
        from locale_tune_tokenizer.embeddings.initializers import require

        require(job.settings.initializer, job.inputs["corpus"].path)
    start, better = _weighed(job, _start(job, spec or {}))
    outcome = _measured(job, start)
    outcome = replace(
        outcome,
        notes=(*outcome.notes, *decide.llamacpp_notes(start.trimmed.check, better.spec)),
        pretokenizer=better.facts(),
        trimmed=start.trimmed.facts,
        certificate={"trimming": start.trimmed.check} if start.trimmed.check else {},
    )
    if outcome.reason:
        return _pass_on(job, start, outcome)
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
        return _pass_on(job, start, outcome.because(decide.none_taken(sized, job.settings)))
    return _extend(job, start, outcome, extended(start.cut_spec, sized.learned))


def _spec(base: Path) -> Mapping[str, Any] | None:
    """Return the `tokenizer.json`, None where there is none; StageFailed for a broken one."""
    path = base / "tokenizer.json"
    if not path.exists():
        return None
    try:
        spec: Mapping[str, Any] = read_json(path)
        open_tokenizer(spec)
    except Exception as error:  # the library raises no other type
        raise StageFailed(
            f"{path.name} is no tokenizer: {error}",
            "give a tokenizer.json that the library 'tokenizers' opens",
        ) from error
    return spec


def _reason_against(spec: Mapping[str, Any] | None) -> str:
    if spec is None:
        return "the model has no tokenizer.json"
    if reason := reason_against(spec):
        return reason
    loaded = open_tokenizer(spec).get_added_tokens_decoder().items()
    return reason_against_ids(spec, {number: str(token) for number, token in loaded})


def _start(job: Job, spec: Mapping[str, Any]) -> Start:
    """Draw the samples, and trim the vocabulary where the settings ask for it."""
    settings, corpus = job.settings, job.inputs["corpus"].path
    drawn = samples(corpus, settings.protected_lines, job.seed, settings.protected_share)
    chats = rendered_chats(job.inputs["model"].path)
    trimmed = trim(job, spec, drawn.all(), chats)
    old = open_tokenizer(trimmed.spec)
    return Start(trimmed.folder, trimmed.spec, old, trimmed.spec, old, drawn, chats, trimmed)


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
    model, stored, outcome, reason = _model(job, start, outcome)
    if reason:
        return _pass_on(job, start, outcome.because(f"not extended: {reason}"))
    copy_model(start.folder, job.out, weights=False)
    write_tokenizer(job.out, extension, special_tokens(start.folder))
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
    texts = [*case.lines, *case.fuzz]
    certificate["reload"] = reload_identity(start.folder, job.out, job.work, new, texts)
    certificate["GGUF ids"] = gguf_ids(case, job.work)
    facts: Mapping[str, Any] = {}
    if model is not None:
        from locale_tune_tokenizer.embeddings.growing import grow_and_train

        grown = grow_and_train(
            _from(job, start.folder),
            model,
            stored,
            start.old,
            new,
            extension,
            start.drawn.target,
            exact=not case.upgraded,
            pieces=pieces_in_text(start.old, extension.ids) if case.upgraded else None,
        )
        certificate |= grown.checks
        facts = grown.facts
    after = measure(new, start.drawn.target)
    return write_outcome(job.out, outcome.extended(after, certificate, facts))


def _model(job: Job, start: Start, outcome: Outcome) -> tuple[Any, Any, Outcome, str]:
    """Return the model (trimmed), its dtype, the outcome, and why its tables cannot grow.

    The model is None for a folder without weights; the reason is "" when they can.
    """
    base = job.inputs["model"].path
    if not has_weights(base):
        return None, None, outcome, ""
    from locale_tune_tokenizer.embeddings.loading import load_model
    from locale_tune_tokenizer.embeddings.plain_head import reason_against_rows

    model, stored = load_model(base, job.machine)
    if reason := reason_against_rows(model):
        return model, stored, outcome, reason
    tables = start.trimmed.apply(model, stored)
    if tables:
        outcome = replace(outcome, trimmed={**outcome.trimmed, "tables": tables})
    return model, stored, outcome, ""


def _pass_on(job: Job, start: Start, outcome: Outcome) -> Mapping[str, Any]:
    """Write the model with no new token: as it was, or trimmed."""
    if outcome.pretokenizer.get("accepted"):
        why = {"accepted": False, "reason": "not taken, since no token came with it"}
        outcome = replace(outcome, pretokenizer={**outcome.pretokenizer, **why})
    whole = start.trimmed.trimmed is None
    copy_model(start.folder, job.out, weights=whole)
    if not whole:
        model, stored, outcome, reason = _model(job, start, outcome)
        if reason:
            raise StageFailed(f"the model cannot be trimmed: {reason}", "leave out extend.trim_to")
        if model is not None:
            from locale_tune_tokenizer.embeddings.growing import save

            save(model.to(stored), start.folder, job.out)
    return write_outcome(job.out, outcome)


def _from(job: Job, folder: Path) -> Job:
    """Return the job with the files of the old model in another folder."""
    return replace(job, inputs={**job.inputs, "model": Artifact("model", folder, "")})
