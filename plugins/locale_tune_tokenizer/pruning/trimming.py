"""Trim the base of `extend`: count, prune, check, and make everything that follows agree."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from locale_tune.api import Job, read_json, write_json
from locale_tune_tokenizer.checks.probes import special_tokens
from locale_tune_tokenizer.formats.model_folder import Extension, copy_model, write_tokenizer
from locale_tune_tokenizer.learning.segments import encodings, open_tokenizer
from locale_tune_tokenizer.pruning.trim import Trimmed, count_use, prune
from locale_tune_tokenizer.pruning.trim_check import check_trimmed
from locale_tune_tokenizer.pruning.trim_ids import (
    ids_named,
    renumbered_config,
    renumbered_decoder,
    tokens_named,
    tokens_of,
)
from locale_tune_tokenizer.pruning.trim_report import fertility_cost, lines_by_language
from locale_tune_tokenizer.settings import ExtendSettings
from locale_tune_tokenizer.texts import training_text

MAP_FILE = "trim.json"
COUNTED = ("text", "replay")
CONFIGS = ("config.json", "generation_config.json")


@dataclass(frozen=True)
class Trim:
    """The base that `extend` goes on with: trimmed, or as it was, with the reason in `facts`.

    `folder` holds the base's files without weights when it was trimmed, and is the base itself
    when not; `check` is the certificate's entry, empty when not trimmed.
    """

    spec: Mapping[str, Any]
    folder: Path
    facts: dict[str, Any]
    check: dict[str, Any] = field(default_factory=dict)
    trimmed: Trimmed | None = None

    def apply(self, model: Any, stored: Any) -> dict[str, Any]:
        """Slice the tables of the loaded base; return parameters and bytes saved, for the facts.

        `stored` is the torch dtype the model will be saved in. Does nothing when not trimmed.
        """
        if self.trimmed is None:
            return {}
        from locale_tune_tokenizer.pruning.trim_tables import slice_tables

        return slice_tables(model, self.trimmed.kept, stored)


def trim(job: Job, spec: Mapping[str, Any], lines: Collection[str], chats: Collection[str]) -> Trim:
    """Prune the base's vocabulary as the settings say, for the languages of text and replay.

    `lines` are what the result is checked on, `chats` the rendered chat template. Held-out and
    control text is never counted. Raises StageFailed when a check does not hold.
    """
    settings: ExtendSettings = job.settings
    base, corpus = job.inputs["model"].path, job.inputs["corpus"].path
    if not settings.trim_to and not settings.trim_min_count:
        return Trim(spec, base, {})
    text_bytes = sum(len(text.encode()) for text in training_text(corpus, splits=COUNTED))
    if text_bytes < settings.min_bytes:
        reason = (
            f"not trimmed, too little text: {text_bytes / 1e6:.2f} MB to count, "
            f"{settings.min_bytes / 1e6:.2f} MB needed (setting min_bytes)"
        )
        return Trim(spec, base, {"reason": reason})
    job.progress(0, 1, f"counting tokens in {text_bytes / 1e6:.1f} MB")
    share = min(1.0, settings.learn_bytes / max(1, text_bytes))
    counts = count_use(spec, training_text(corpus, share, job.seed, COUNTED))
    keep = {*_used(spec, chats), *_named(spec, base)}
    trimmed = prune(spec, counts, keep, settings.trim_to, settings.trim_min_count)
    if not trimmed.removed:
        return Trim(spec, base, {"reason": "not trimmed: no token is rare enough to go"})
    check = check_trimmed(spec, trimmed, lines, chats)
    folder = job.work / "trimmed"
    write_folder(base, folder, trimmed)
    return Trim(trimmed.spec, folder, _facts(job, spec, trimmed, share), check, trimmed)


def write_folder(base: Path, folder: Path, trimmed: Trimmed) -> None:
    """Write the base's files without weights, all with the new ids, and the map of ids."""
    from locale_tune_tokenizer.pruning.trim_tables import trimmed_rows

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy_model(base, folder, weights=False)
    for name in filter(lambda name: (base / name).exists(), CONFIGS):
        config = renumbered_config(read_json(base / name), trimmed.new_ids)
        for part in (config, config.get("text_config") or {}):
            if "vocab_size" in part:
                part["vocab_size"] = trimmed_rows(part["vocab_size"], len(trimmed.kept))
        write_json(folder / name, config)
    if (base / "tokenizer_config.json").exists():
        old = read_json(base / "tokenizer_config.json")
        write_json(folder / "tokenizer_config.json", renumbered_decoder(old, trimmed.new_ids))
    write_tokenizer(folder, Extension(trimmed.spec, {}), special_tokens(base))
    sizes = {"tokens_before": trimmed.size_before, "tokens_after": len(trimmed.kept)}
    write_json(folder / MAP_FILE, {**sizes, "kept": trimmed.kept})


def _used(spec: Mapping[str, Any], chats: Collection[str]) -> set[str]:
    """Return the tokens of rendered chats."""
    tokenizer = open_tokenizer(spec)
    ids = {number for encoding in encodings(tokenizer, chats) for number in encoding.ids}
    return {tokenizer.id_to_token(number) for number in ids}


def _named(spec: Mapping[str, Any], base: Path) -> set[str]:
    """Return the tokens that the base's configs name, by id or by text (bos, eos, pad, ...)."""
    paths = [base / name for name in CONFIGS]
    ids = {number for path in paths if path.exists() for number in ids_named(read_json(path))}
    by_id = {token for token, number in tokens_of(spec).items() if number in ids}
    config = base / "tokenizer_config.json"
    return by_id | set(tokens_named(read_json(config)) if config.exists() else ())


def _facts(job: Job, spec: Mapping[str, Any], trimmed: Trimmed, share: float) -> dict[str, Any]:
    """Return the figures of the vocabulary, and what trimming costs each language."""
    languages, counted = lines_by_language(job.inputs["corpus"].path, job.seed)
    old, new = open_tokenizer(spec), open_tokenizer(trimmed.spec)
    return {
        "line": f"trimmed from {trimmed.size_before:,} to {len(trimmed.kept):,} tokens",
        "reason": _ended(trimmed, job.settings),
        "tokens_before": trimmed.size_before,
        "tokens_after": len(trimmed.kept),
        "unreachable_removed": trimmed.unreachable,
        "next_removal_costs": trimmed.rarest,
        "counted_share": share,
        "languages": fertility_cost(old, new, languages),
        "measured_on_counted_text": counted,
    }


def _ended(trimmed: Trimmed, settings: ExtendSettings) -> str:
    """Say what ended the pruning before the size asked for; "" when that was reached."""
    if settings.trim_to and len(trimmed.kept) <= settings.trim_to:
        return ""
    if trimmed.rarest is None:
        return "the tokens that are left have to stay"
    return (
        f"the next token to go would add {trimmed.rarest} tokens to the counted text, "
        f"and trim_min_count is {settings.trim_min_count}"
    )
