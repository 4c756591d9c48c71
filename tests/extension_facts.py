"""What `extend` leaves beside a model, made by hand; every number is made up."""

from __future__ import annotations

from typing import Any

REASON = (
    "the knee of the curve: 1,200 more tokens would take tokens per word only from 1.74 to 1.61"
)
CURVE = {0: 3.24, 100: 2.91, 200: 2.7, 500: 2.31, 1000: 1.83, 1200: 1.74, 2000: 1.64, 2600: 1.6}
OFFERED = "offered, not asked for (setting pretokenizer)"
OFFER = {
    "accepted": False,
    "reason": f"{OFFERED}: it lowers the floor from 1.36 to 1.02",
    "floor_before": 1.36,
    "floor_after": 1.02,
    "replay_lines": 600,
    "replay_changed": 3,
}
ROWS = {
    "initializer": "lexicon",
    "tied": True,
    "rows_before": 49_152,
    "rows_after": 50_432,
    "rows_from": {"lexicon": 140, "edge": 1_060},
    "rows_loss": "next-token",
    "rows_loss_reason": "distillation 1.905 and next-token 1.909 bits per byte: closer than 0.005, "
    "and next-token needs no teacher",
    "rows_probe": {"steps": 100, "bits_per_byte": {"next-token": 1.909, "distillation": 1.905}},
    "trained_tokens": 200_064,
    "teacher_tokens": 51_200,
    "steps": 420,
    "loss_first": 9.1,
    "loss_last": 8.2,
    "probe_loss_before": 9.0045,
    "probe_loss_after": 7.2123,
    "bits_per_byte_unextended": 1.851,
    "bits_per_byte_before": 2.412,
    "bits_per_byte_after": 1.902,
    "held_out_tokens": 2_048,
}
TRIMMED = {
    "line": "trimmed from 49,152 to 30,000 tokens",
    "reason": "",
    "tokens_before": 49_152,
    "tokens_after": 30_000,
    "unreachable_removed": 12,
    "next_removal_costs": 7,
    "counted_share": 0.5,
    "languages": {
        "afb": {
            "lines": 300,
            "words": 5_883,
            "fertility_before": 3.2,
            "fertility_after": 3.24,
            "bytes_per_token_before": 2.0,
            "bytes_per_token_after": 1.98,
            "cost": 0.0131,
        },
        "en": {
            "lines": 60,
            "words": 900,
            "fertility_before": 1.01,
            "fertility_after": 1.09,
            "bytes_per_token_before": 4.7,
            "bytes_per_token_after": 4.4,
            "cost": 0.0792,
        },
        "und": {
            "lines": 5,
            "words": 0,
            "fertility_before": 0.0,
            "fertility_after": 0.0,
            "bytes_per_token_before": 1.0,
            "bytes_per_token_after": 1.0,
            "cost": 0.0,
        },
    },
    "measured_on_counted_text": ["en"],
    "tables": {
        "tied": True,
        "rows_before": 49_152,
        "rows_after": 30_080,
        "width": 576,
        "parameters_before": 134_515_008,
        "parameters_after": 123_529_536,
        "parameters_saved": 10_985_472,
        "bytes_saved": 43_941_888,
    },
}


def extension_facts(tokens: list[str], **more: Any) -> dict[str, Any]:
    """Return extension.json of an extension by 1,200 tokens."""
    return {
        "line": "1,200 new tokens, tokens per word 3.24 -> 1.74",
        "new_tokens": 1_200,
        "reason": REASON,
        "min_frequency": 100,
        "merges": 1_200,
        "letters": 0,
        "rarest": 112,
        "measured_on": "heldout",
        "words": 5_883,
        "fertility_before": 3.24,
        "fertility_after": 1.74,
        "fertility_english": 1.21,
        "curve": [{"new_tokens": n, "tokens_per_word": value} for n, value in CURVE.items()],
        "knee": 1_200,
        "frequent": 1_900,
        "floor": 1.36,
        "pretokenizer": dict(OFFER),
        "trimmed": {},
        "rows": dict(ROWS),
        "notes": ["0.7 % of 2,000 control lines get other ids"],
        "tokens": tokens,
        **more,
    }


def nothing_added(reason: str, **more: Any) -> dict[str, Any]:
    """Return extension.json of the answer zero, as `extend` writes it before it learns."""
    zero = {"line": reason, "new_tokens": 0, "reason": reason, "merges": 0, "rarest": None}
    empty: dict[str, Any] = {"curve": [], "knee": 0, "frequent": 0, "rows": {}}
    figures = {"fertility_before": 1.3, "fertility_after": 1.3, "floor": 1.1}
    kept = {"accepted": False, "reason": "the pre-tokenizer keeps marks with letters already"}
    floors = {"floor_before": 1.1, "floor_after": 1.1, "replay_lines": 0, "replay_changed": 0}
    return extension_facts(
        [], **zero, **empty, **figures, notes=[], pretokenizer={**kept, **floors}, **more
    )


def certificate() -> dict[str, Any]:
    """Return certificate.json: two checks could not run."""
    return {
        "id stability": {"passed": True, "old_tokens": 49_152, "new_tokens": 1_200},
        "reachability": {"passed": True, "tokens": 1_200, "old_tokens_revived": 0},
        "round trip": {"passed": True, "lines": 6_031, "exact": 6_030},
        "blast radius": {
            "passed": True,
            "limit": 0.005,
            "replay": {"lines": 182, "changed": 3, "share": 0.0165, "within_limit": False},
        },
        "GGUF ids": {
            "passed": None,
            "ran": False,
            "why": "not run: needs gguf and llama-cpp-python, not installed here",
        },
        "converter text": {
            "passed": None,
            "why": "not needed: sentencepiece files carry no such name",
        },
        "rows": {
            "passed": True,
            "old_rows_unchanged": 49_152,
            "new_rows": 1_200,
            "rows": 50_432,
        },
    }
