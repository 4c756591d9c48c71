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

from locale_tune.api import Locale

from . import charts, figures, script, view
from .settings import ReleaseSettings

TEMPLATES = Path(__file__).parent / "templates"
NEW_TOKENS = 40


def render_page(said: Mapping[str, Any], settings: ReleaseSettings) -> str:
    """Return the report page for what `gather` collected."""
    locale = Locale(**{name: said["pack"][name] for name in Locale.model_fields})
    page = environment(locale).get_template("page.html")
    return page.render(said=said, raw=raw_json(said), **_parts(said, settings, locale))


@cache
def environment(locale: Locale) -> Environment:
    """Return the Jinja environment; text functions already know the pack's language."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    env.globals |= {
        "runs": partial(script.runs, locale=locale),
        "spoken": partial(script.spoken, locale=locale),
        "blocks": script.blocks,
        "locale": locale,
    }
    env.filters |= {
        "number": figures.number,
        "percent_of": figures.percent,
        "size": figures.size,
        "count": figures.count,
        "dtype": view.dtype,
        "spaced": view.spaced,
    }
    return env


def raw_json(said: Mapping[str, Any]) -> str:
    """Return report.json's text, one value a line, so that native text stands alone."""
    return json.dumps(said, indent=1, ensure_ascii=False)


def _parts(said: Mapping[str, Any], settings: ReleaseSettings, locale: Locale) -> dict[str, Any]:
    tokens = said["extension"].get("tokens", [])
    return {
        "rows": view.finding_rows(said),
        "worse": view.worse(said),
        "notes": list(dict.fromkeys(f["note"] for f in said["findings"] if f["note"])),
        "diagrams": charts.diagrams(said["reliability"]),
        "cuts": said["tokenizer"].get("rows", [])[: settings.sentences],
        "cut_numbers": view.tokenizer_rows(said["tokenizer"]),
        "certificate": view.certificate_rows(said["extension"].get("certificate", {})),
        "new_tokens": readable_tokens(tokens, locale)[:NEW_TOKENS],
        "samples": said["samples"][: settings.samples],
        "sources": view.source_rows(said),
        "missing": view.missing_sources(said),
        "licence_sentence": view.licence_sentence(said["licence"]),
        "steps": view.step_views(said),
    }


def readable_tokens(tokens: list[str], locale: Locale) -> list[str]:
    """Return the tokens that hold a letter of the pack's script, without their spaces."""
    kept = [t.strip() for t in tokens if any(script.is_script(c, locale.script) for c in t)]
    return list(dict.fromkeys(kept))
