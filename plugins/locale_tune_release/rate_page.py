"""Render a page for one rater: one file, works from a memory stick and on paper.

Its script only turns the marks into a small file. The policy in the page names that script by its
digest, so no other script can run there, whatever a model has written.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from locale_tune.api import Locale

from .page import TEMPLATES, environment
from .plain import clean, plain
from .rate_items import FORMAT
from .rate_words import words

CHOICES = {
    "A": "rate-a-better",
    "B": "rate-b-better",
    "both good": "rate-both-good",
    "both bad": "rate-both-bad",
}


def render(
    name: str,
    page: Mapping[str, Any],
    samples: Sequence[Mapping[str, Any]],
    locale: Locale,
    ui: Mapping[str, str],
) -> str:
    """Return the HTML of the page `name` of a key (see `rate_items.key_of`).

    `samples` are clean already (`rate_command.samples_of`).
    """
    said, lang, direction = words(plain(ui), locale)
    locale = locale.model_copy(update={"endonym": clean(locale.endonym)})
    script = (TEMPLATES / "rate.js").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        environment(locale)
        .get_template("rate.html")
        .render(
            page=name,
            number=page["rater"],
            format=FORMAT,
            items=[
                {"id": item, **_shown(samples[place["prompt"]], place)}
                for item, place in page["items"].items()
            ],
            choices=CHOICES,
            w=said,
            lang=lang,
            direction=direction,
            script_text=Markup(script),
            digest=digest,
        )
    )


def _shown(sample: Mapping[str, Any], place: Mapping[str, str]) -> dict[str, str]:
    return {
        "prompt": sample["prompt"],
        "a": sample[place["A"]],
        "b": sample[place["B"]],
        "lang": sample["lang"],
        "direction": sample["direction"],
    }
