"""Render report.html: one file, no script, nothing loaded from anywhere.

Every text from packs, models and data is escaped (Jinja2 autoescape); no template uses `safe`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from locale_tune.api import Locale

from . import (
    certificate,
    charts,
    corpora,
    extras,
    facts,
    fertility_curve,
    figures,
    first_rows,
    pieces,
    script,
    trimmed,
    view,
    vocabulary,
)
from .settings import ReleaseSettings
from .wording import Wording

TEMPLATES = Path(__file__).parent / "templates"
NEW_TOKENS = 40
# In the page's order; those that are there are its menu. A section's id is its label's too.
SECTIONS = (
    "results",
    "reliability",
    "tokenizer",
    "varieties",
    "samples",
    "collapse",
    "more",
    "data",
    "cost",
    "training",
    "raw",
)


def render_page(said: Mapping[str, Any], settings: ReleaseSettings) -> str:
    """Return the report page for what `gather` collected, in the pack's language if it has one."""
    locale = Locale(**{name: said["pack"][name] for name in Locale.model_fields})
    own = settings.page_language == "pack"
    labels = tuple(said["pack"].get("ui", {}).items()) if own else ()
    parts = _parts(said, settings, locale)
    shown = [name for name in SECTIONS if parts.get(name, True)]
    page = environment(locale, labels).get_template("page.html")
    return page.render(said=said, raw=raw_json(said), sections=shown, **parts)


@cache
def environment(locale: Locale, own: tuple[tuple[str, str], ...] = ()) -> Environment:
    """Return the Jinja environment; text functions already know the pack and the page's words.

    `own` are the labels in the pack's language; without them the page speaks English.
    """
    says = Wording(locale, own)
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    env.globals |= {
        "says": says,
        "t": says.text,
        "plain": says.plain,
        "num": says.number,
        "strong": Markup("<b>{}</b>").format,
        "runs": partial(script.runs, locale=locale),
        "spoken": partial(script.spoken, locale=locale),
        "blocks": pieces.blocks,
        "shared": pieces.shared,
        "locale": locale,
    }
    env.filters |= {
        "number": figures.number,
        "percent_of": figures.percent,
        "size": figures.size,
        "count": figures.count,
        "dtype": view.dtype,
    }
    return env


def raw_json(said: Mapping[str, Any]) -> str:
    """Return report.json's text, one value a line, so that native text stands alone."""
    return json.dumps(said, indent=1, ensure_ascii=False)


def _parts(said: Mapping[str, Any], settings: ReleaseSettings, locale: Locale) -> dict[str, Any]:
    return {
        "groups": view.grouped(view.finding_rows(said)),
        "holm": any(finding.get("p_holm") is not None for finding in said["findings"]),
        "worse": view.worse(said),
        "notes": list(dict.fromkeys(f["note"] for f in said["findings"] if f["note"])),
        "diagrams": charts.diagrams(said["reliability"]),
        "tokens": _tokenizer_parts(said, settings, locale),
        "varieties": extras.varieties(said),
        "samples": said["samples"][: settings.samples],
        "ratings": extras.ratings(said),
        "collapse": extras.collapse(said),
        "more": extras.more(said),
        "cost": extras.cost(said),
        "sources": view.source_rows(said),
        "missing": view.missing_sources(said),
        "licence_sentence": view.licence_sentence(said["licence"]),
        "prices": view.price_rows(said["licence"]),
        "steps": view.step_views(said),
        "confusions": corpora.confusions(said),
        "choice": corpora.choice(said),
    }


def _tokenizer_parts(
    said: Mapping[str, Any], settings: ReleaseSettings, locale: Locale
) -> dict[str, Any]:
    extension, tokenizer = said["extension"], said["tokenizer"]
    measures = vocabulary.measures(tokenizer, extension)
    checks = certificate.certificate_rows(facts.part(extension, "certificate"))
    return {
        "answer": vocabulary.answer(extension),
        "added": vocabulary.new_tokens(extension),
        "first": readable_tokens(facts.entries(extension, "tokens"), locale)[:NEW_TOKENS],
        "notes": [str(note) for note in facts.entries(extension, "notes")],
        "cuts": tokenizer.get("rows", [])[: settings.sentences],
        "measures": measures,
        "one_sided": all(row["before"] == row["after"] for row in measures),
        "upgrade": vocabulary.upgrade(extension),
        "curve": fertility_curve.chart(extension),
        "story": first_rows.story(extension),
        "losses": first_rows.losses(extension),
        "trimming": trimmed.trimming(extension),
        "checks": checks,
        "tally": certificate.tally(checks),
    }


def readable_tokens(tokens: list[Any], locale: Locale) -> list[str]:
    """Return the tokens that hold a letter of the pack's script, whole and without spaces."""
    texts = [text for token in tokens if "\ufffd" not in (text := str(token).strip())]
    kept = [text for text in texts if any(script.is_script(char, locale.script) for char in text)]
    return list(dict.fromkeys(kept))
