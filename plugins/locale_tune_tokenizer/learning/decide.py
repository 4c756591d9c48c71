"""Whether to extend at all. Zero is an answer, and it comes with its figures."""

from __future__ import annotations

from locale_tune_tokenizer.learning.new_tokens import Sized
from locale_tune_tokenizer.learning.segments import Figures
from locale_tune_tokenizer.settings import RECOMMENDED_BYTES, ExtendSettings


def reason_for_none(
    settings: ExtendSettings,
    text_bytes: int,
    native: Figures,
    compared: Figures | None,
    english: Figures | None,
) -> str:
    """Return why no token should be added, or "" when extending may pay.

    `native` measures the text at hand; `compared` measures native text beside `english`
    (the same sentences where the corpus has pairs).
    """
    if settings.max_new_tokens == 0:
        return "not asked for: max_new_tokens is 0"
    if text_bytes < settings.min_bytes:
        return (
            f"too little text: {_mb(text_bytes)} after filters, "
            f"{_mb(settings.min_bytes)} needed (setting min_bytes)"
        )
    if native.words == 0:
        return "no words: the text to measure on has no letters"
    if english and compared and english.words and compared.words:
        limit = settings.compact_ratio * english.fertility
        if compared.fertility < limit:
            return (
                f"already compact: {compared.fertility:.2f} tokens per word, English has "
                f"{english.fertility:.2f}, and extending pays from {limit:.2f} on "
                f"(setting compact_ratio)"
            )
    if native.fertility <= native.floor * (1 + settings.floor_margin):
        return (
            f"the floor, not the vocabulary: {native.fertility:.2f} tokens per word, and the "
            f"pre-tokenizer alone cuts {native.floor:.2f} pieces per word"
        )
    return ""


def notes(settings: ExtendSettings, text_bytes: int) -> list[str]:
    """Return what a reader of the report should know about lowered thresholds."""
    if settings.min_bytes <= text_bytes < RECOMMENDED_BYTES:
        return [
            f"learned from {_mb(text_bytes)} of text, less than the recommended "
            f"{_mb(RECOMMENDED_BYTES)} (setting min_bytes)"
        ]
    return []


def llamacpp_notes(trimmed: object, upgraded: object) -> list[str]:
    """Return what llama.cpp cannot do with the outcome of choices that change old ids."""
    reasons = {
        "the vocabulary is trimmed, so ids are others than its converter knows": trimmed,
        "the pre-tokenizer is changed, and it has a fixed list of them": upgraded,
    }
    return [f"not for llama.cpp: {reason}" for reason, chosen in reasons.items() if chosen]


def none_taken(sized: Sized, settings: ExtendSettings) -> str:
    """Return the reason when no token was worth adding."""
    if not sized.frequent:
        return (
            f"nothing frequent: no new merge is seen {settings.min_frequency} times "
            f"(setting min_frequency)"
        )
    return f"nothing saved: {sized.frequent:,} frequent merges shorten no held-out word"


def _mb(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count < 1e7 else f"{count / 1e6:.0f} MB"
