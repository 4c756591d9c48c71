"""Numbers and texts of a small build, in Gulf Arabic and Romansh; every number is made up.

All texts are written for these tests.
"""

from __future__ import annotations

import math
from typing import Any

from locale_tune.api import Locale

GULF = Locale(
    id="ar-gulf",
    tag="afb",
    script="Arab",
    name="Gulf Arabic",
    endonym="العربية الخليجية",
    direction="rtl",
    contrasts=("arb",),
)
ROMANSH = Locale(
    id="rm",
    tag="rm",
    script="Latn",
    name="Romansh",
    endonym="rumantsch",
    direction="ltr",
)
TEXTS = {
    "ar-gulf": (
        "شلونك اليوم يا خوي، وين رايح الحين؟",
        "أبغي أروح City Centre باجر الساعة 7:30، تيي وياي؟",
        "يدّتي كانت تسوّي لنا خبز رقاق كل يوم الصبح.",
        "السوق اليوم زحمة وايد، خلنا نرد البيت.",
    ),
    "rm": (
        "Bun di, co vai cun tai oz?",
        "Mia tatta fa mintga dumengia capuns per l'entira famiglia.",
        "La damaun va il tren a Cuira mintga mes'ura.",
        "Nus giain en muntogna, sche l'aura resta bella.",
    ),
}
ANSWERS = {
    "ar-gulf": (
        (
            "شنو تسوون في القرقيعان؟",
            "القرقيعان is a festival. The festival is a festival of the festival.",
            "اليهال يلبسون دراريع ويدورون على بيوت الفريج، ويغنون ونعطيهم مكسرات وحلاو.",
        ),
        (
            "عطني وصفة مجبوس سهلة.",
            "I am sorry, I do not understand.",
            "نقلي البصل ويّا البهارات، ونحط اللحم والماي، وعقب نطبخ العيش في المرق.\nوالدقوس ويّاه.",
        ),
        ("كم صلاة العيد ركعة؟", "أربع ركعات كما هو معروف في كل مكان.", "ركعتين، وعقبها خطبة."),
    ),
    "rm": (
        (
            "Co fan ins capuns?",
            "Capuns are a kind of pasta.",
            "I dovra mangold, pasta e charn setga.",
        ),
        (
            "Tge è il Chalandamarz?",
            "Chalandamarz is.",
            "Ils uffants chatschan l'enviern cun zampuogns.",
        ),
    ),
}
SECTIONS = {"knowledge": "knowledge", "ece": "calibration", "tokens_per_word": "tokenizer"}
SCORES = {
    "confidence": 0.521,
    "overconfidence": 0.139,
    "smooth_ece": 0.091,
    "adaptive_ece": 0.104,
    "rms": 0.123,
    "mce": 0.311,
    "nll": 1.234,
    "nll_scaled": 1.201,
    "dev": 840,
    "selective": {"0.5": 0.621, "0.8": 0.517, "risk_area": 0.433},
    "intervals": {"smooth_ece": [0.07, 0.12], "brier": [0.69, 0.78]},
}
COLLAPSE = [
    {
        "over": "per prompt",
        "metric": "distinct_2",
        "before": 0.512,
        "after": 0.604,
        "ratio": 1.18,
    },
    {
        "over": "across prompts",
        "metric": "vendi",
        "before": 0,
        "after": 3.1,
        "ratio": None,
    },
]
CULTURE = [
    {"on": "rm", "theme": "food", "n": 12, "before": 25.0, "after": 58.3, "chance": 25.0},
    {"on": "rm", "theme": "feasts", "n": 9, "before": 33.3, "after": 44.4, "chance": 25.0},
]
RATINGS = [
    {"prompt": prompt, "choice": choice, "rater": rater, "comment": ""}
    for prompt, choices in (
        ("one", "after after before"),
        ("two", "after tie after"),
        ("three", "before tie tie"),
    )
    for rater, choice in zip(("a", "b", "c"), choices.split(), strict=True)
]


def varieties(locale: Locale) -> dict[str, Any]:
    """Return what answers were taken for: asked in the language, and in two of its varieties."""
    tag = locale.tag
    return {
        "asked": [tag, f"{tag}-x-one"],
        "labels": [f"{tag}-x-one", f"{tag}-x-two", "arb", "unknown"],
        "own": [f"{tag}-x-one", f"{tag}-x-two"],
        "before": [[10, 2, 20, 8], [1, 1, 37, 1]],
        "after": [[20, 12, 5, 3], [30, 6, 2, 2]],
        "guarded_out": [3, 1],
    }


def findings(locale: Locale) -> list[dict[str, Any]]:
    """Return findings of every verdict."""
    on, name = locale.tag, locale.name
    return [
        finding("knowledge", on, f"{name} questions", 38.2, 44.9, (4.4, 9.0), 842, unit="%"),
        finding("knowledge", "en", "English questions", 55.1, 54.6, (-1.9, 0.9), 1172, unit="%"),
        finding(
            "knowledge",
            "arb",
            "Standard Arabic",
            49.8,
            48.1,
            (-2.9, -0.5),
            1000,
            unit="%",
        ),
        finding(
            "bits_per_byte",
            on,
            f"Held-out {name} text",
            1.42,
            1.11,
            (-0.325, -0.295),
            2000,
            unit="bits per UTF-8 byte",
            lower_is_better=True,
        ),
        finding("ece", on, "ECE", 0.212, 0.081, (-0.16, -0.1), 842, lower_is_better=True),
        finding(
            "tokens_per_word",
            on,
            f"Held-out {name} text, tokens per word",
            3.1,
            1.71,
            None,
            2000,
            unit="tokens",
            lower_is_better=True,
            note="a property of the tokenizer, not a score",
        ),
        finding("rare", on, "Rare words spelled right", 12.0, 14.0, (-3.0, 7.5), 120, unit="%"),
    ]


def finding(
    check: str,
    on: str,
    label: str,
    before: float | None,
    after: float,
    interval: tuple[float, float] | None,
    n: int,
    **more: Any,
) -> dict[str, Any]:
    """Return one entry of findings.json with its verdict."""
    lower = bool(more.get("lower_is_better"))
    verdict = "measured"
    if interval is not None:
        clear = interval[0] > 0 or interval[1] < 0
        good = "better" if (interval[1] < 0) == lower else "worse"
        verdict = good if clear else "no clear change"
    change = None if before is None else after - before
    return {
        "check": check,
        "on": on,
        "label": label,
        "before": before,
        "after": after,
        "change": change,
        "interval": interval,
        "n": n,
        "verdict": verdict,
        **more,
    }


def reliability(locale: Locale) -> list[dict[str, Any]]:
    """Return two groups, before too sure, after near the diagonal."""
    return [
        side
        for on, lang, gap in (("knowledge", locale.tag, 0.24), ("control", "en", 0.07))
        for side in (
            curve(on, lang, "before", gap, 842),
            curve(on, lang, "after", gap / 3, 842),
        )
    ]


def curve(on: str, lang: str, side: str, gap: float, n: int) -> dict[str, Any]:
    """Return one side of a diagram: 15 bins, the first three empty as with four choices."""
    weights = [0, 0, 0, *(math.exp(-(((i - 7) / 3.2) ** 2)) for i in range(3, 15))]
    bins = []
    for index, weight in enumerate(weights):
        count = round(n * weight / sum(weights))
        mid = (index + 0.5) / 15
        share = max(0.0, mid - gap * mid + 0.02 * math.sin(3 * index)) if count else 0.0
        half = 1.96 * math.sqrt(max(share * (1 - share), 0.01) / count) if count else 0.5
        low, high = max(0.0, share - half), min(1.0, share + half)
        bins.append([count, mid if count else 0.0, share, low, high])
    return {
        "on": on,
        "lang": lang,
        "side": side,
        "n": n,
        "accuracy": 0.382 if side == "before" else 0.449,
        "ece": round(gap / 1.2, 3),
        "ece_interval": [round(gap / 1.2 - 0.03, 3), round(gap / 1.2 + 0.03, 3)],
        "brier": 0.74 - gap / 10,
        "temperature": 1.18,
        "ece_scaled": round(gap / 4, 3),
        "smooth_ece": round(gap / 1.3, 3),
        "adaptive_ece": round(gap / 1.25, 3),
        "rms": round(gap / 1.1, 3),
        "mce": round(gap * 1.5, 3),
        "nll": 1.2 + gap,
        "confidence": 0.45 + gap / 2,
        "overconfidence": -0.05 if side == "after" else gap,
        "dev": 790,
        "selective": {"0.5": 0.52, "0.8": 0.47, "risk_area": 0.55},
        "bins": bins,
    }


def tokenizer(locale: Locale) -> dict[str, Any]:
    """Return sentences cut by a byte-level base (two tokens a letter) and by words of pieces."""
    return {
        "rows": [
            {
                "text": text,
                "lang": locale.tag,
                "direction": locale.direction,
                "before": byte_level(text),
                "after": word_pieces(text),
            }
            for text in TEXTS[locale.id]
        ],
        "fertility_before": 3.1,
        "fertility_after": 1.71,
        "bytes_per_token_before": 2.2,
        "bytes_per_token_after": 4.9,
        "parity_before": 2.4,
        "parity_after": 1.3,
    }


def byte_level(text: str) -> list[list[int]]:
    """Cut as a byte-level tokenizer without native merges does: an Arabic letter is two tokens."""
    offsets = []
    for index, char in enumerate(text):
        if not char.isspace():
            offsets += [[index, index + 1]] * min(2, len(char.encode()))
    return offsets if any(len(c.encode()) > 1 for c in text) else [list(p) for p in _every(text, 2)]


def word_pieces(text: str) -> list[list[int]]:
    """Cut each word after at most five letters."""
    return [list(pair) for pair in _every(text, 5)]


def _every(text: str, length: int) -> list[tuple[int, int]]:
    pairs, start = [], 0
    for word in text.split(" "):
        for offset in range(0, len(word), length):
            pairs.append((start + offset, start + min(offset + length, len(word))))
        start += len(word) + 1
    return pairs


def samples(locale: Locale) -> list[dict[str, Any]]:
    """Return the pack's prompts with both answers."""
    return [
        {
            "prompt": prompt,
            "lang": locale.tag,
            "direction": locale.direction,
            "before": before,
            "after": after,
        }
        for prompt, before, after in ANSWERS[locale.id]
    ]


def sources(locale: Locale) -> list[dict[str, Any]]:
    """Return sources.json of the corpus: free, non-commercial, only measured with, and missing."""
    return [
        source("forum", "CC-BY-4.0", "text", 1_100_000, 412_000, 180_000_000, lang=locale.tag),
        source("stories", "CC BY-NC 4.0", "text", 3_200, 3_100, 1_400_000, lang=locale.tag),
        source("english", "CC-BY-SA-4.0", "replay", 50_000, 50_000, 60_000_000, lang="en"),
        source("exam", "LicenseRef-Research-Only", "questions", 900, 842, 200_000),
        {
            **source("tweets", "CC0-1.0", "text", 0, 0, 0),
            "missing": True,
            "problem": "the file was not found on this machine",
        },
    ]


def source(
    name: str, licence: str, role: str, seen: int, kept: int, size: int, **more: Any
) -> dict[str, Any]:
    """Return one entry of sources.json; what was not kept was in another language or a copy."""
    lost = seen - kept
    rejected = {"another language": lost - lost // 4, "near-duplicate": lost // 4} if lost else {}
    return {
        "id": name,
        "kind": "jsonl",
        "uri": f"https://texts.example/{name}/releases/download/2025-11/{name}.jsonl",
        "licence": licence,
        "role": role,
        "lang": "",
        "variety": "",
        "origin": "native",
        "credit": f"The {name} people, 2025",
        "sha256": "ab" * 32,
        "seen": seen,
        "kept": kept,
        "bytes": size,
        "rejected": {reason: count for reason, count in rejected.items() if count},
        "missing": False,
        "problem": "",
        **more,
    }
