"""What the packs' phrasings look like, and that nothing of another language is left in them."""

from __future__ import annotations

import re
import unicodedata

import pytest
from golden_lessons import GOLDEN, claim_sets, lessons, sets, shown, shown_claims, text_sets

from locale_tune.api import slots_of

SETS = {name: (pack, source) for name, pack, source in sets()}
TEXT_SETS = {name: (pack, made) for name, pack, made in text_sets()}
CLAIMS = dict(claim_sets())
ENGLISH = {"the", "is", "what", "which", "of", "options", "answer", "question", "and", "or", "word"}


def test_every_set_has_a_golden_file_and_every_file_a_set() -> None:
    assert len(SETS) == 5
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {*SETS, *TEXT_SETS, *CLAIMS}


@pytest.mark.parametrize("name", SETS)
def test_lessons_read_as_they_were_approved(name: str) -> None:
    pack, source = SETS[name]
    golden = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert shown(lessons(pack, source)) == golden, (
        "changed on purpose? python tests/golden_lessons.py"
    )


@pytest.mark.parametrize("name", TEXT_SETS)
def test_lessons_of_native_text_read_as_they_were_approved(name: str) -> None:
    golden = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    pack, made = TEXT_SETS[name]
    assert shown(made) == golden, "changed on purpose? python tests/golden_lessons.py"
    phrasings = pack.settings["select"]["text_phrasings"]
    kinds = [kind for kind in ("gap", "choice", "order") for _ in phrasings.get(kind, ())]
    assert len({record.meta["template"] for record in made}) == len(kinds)


@pytest.mark.parametrize(("name", "statements"), [("rm-claims", 8), ("ar-gulf-claims", 6)])
def test_lessons_on_claims_read_as_they_were_approved(name: str, statements: int) -> None:
    """Every statement on lessons of the pack finds some; those on word lists are not here."""
    golden = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert shown_claims(CLAIMS[name]) == golden, (
        "changed on purpose? python tests/golden_lessons.py"
    )
    assert len(CLAIMS[name]) == 2 * statements
    assert not re.search(r"[\"'“”{}]", golden)


@pytest.mark.parametrize("name", SETS)
def test_every_template_is_used_and_every_row_read(name: str) -> None:
    pack, source = SETS[name]
    templates = source.options["templates"]
    made = lessons(pack, source)
    rows = (pack.root / source.uri).read_text(encoding="utf-8").splitlines()
    assert len(made) == len(rows) * len({t["task"] for t in templates})
    assert len({record.meta["template"] for record in made}) == len(templates)


@pytest.mark.parametrize("name", SETS)
def test_quotes_digits_and_letters_are_those_of_the_language(name: str) -> None:
    pack, source = SETS[name]
    text = "\n".join(m.content for record in lessons(pack, source) for m in record.messages)
    assert not re.search(r"[\"'“”{}]", text)
    assert text.count("«") == text.count("»")
    assert not ENGLISH & set(text.lower().split())
    assert unicodedata.is_normalized("NFC", text)
    if pack.locale.direction == "rtl":
        assert not re.search(r"[A-Za-z0-9?,;]", text)
        assert "؟" in text
    else:
        assert not re.search(r"[\u0590-\u08ff]", text)


@pytest.mark.parametrize("name", SETS)
def test_phrasings_are_told_apart(name: str) -> None:
    templates = SETS[name][1].options["templates"]
    asked = {(t["task"], t["ask"]) for t in templates}
    assert len(asked) == len(templates)
    assert all(slots_of(t["ask"]) for t in templates)
