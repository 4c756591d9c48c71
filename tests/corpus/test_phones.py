"""Which digits are a telephone or an identity number, and that stand-ins are neither."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import phonenumbers
import pytest
from corpus_support import GULF, ROMANSH

from locale_tune.api import Locale
from locale_tune_corpus import identifiers, phones
from locale_tune_corpus.privacy import Scrubber

ENGLISH = Locale(id="en", tag="en", script="Latn", name="E", endonym="English", direction="ltr")
MIRROR = os.environ.get("LOCALE_TUNE_MIRROR", "")


def test_nobody_has_the_numbers_that_are_written() -> None:
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        plans = [phonenumbers.PhoneMetadata.metadata_for_region(region, None) for region in regions]
        lengths = {n for p in plans if p and p.general_desc for n in p.general_desc.possible_length}
        for length in sorted(size for size in lengths if size >= phones.SHORTEST_NATIONAL):
            for number in range(0, 1000, 37):
                national = phones.nobodys(code, length, number)
                assert len(national) == length
                drama = len(phones.DRAMA.get(code, "")) == length
                assert drama or not phones._valid(f"+{code}{national}"), (code, national)


@pytest.mark.parametrize("kind", identifiers.IDENTIFIERS, ids=lambda kind: kind.kind)
def test_no_identifier_is_written_that_passes_its_check(kind: identifiers.Identifier) -> None:
    sizes = [size for size in range(7, 20) if kind.digits.fullmatch(_sample(kind, size))]
    assert sizes
    for size in sizes:
        for number in range(0, 1000, 7):
            made = identifiers.stand_in(_sample(kind, size), kind.keep, number, kind.valid)
            assert identifiers.is_stand_in(made)
            assert kind.valid is identifiers.always or not kind.valid(made)


def _sample(kind: identifiers.Identifier, size: int) -> str:
    """Return the beginning of some number of this kind, filled up with ones."""
    starts = {"id-ae": "7841985", "id-ch": "756", "card": "4", "id-eg": "29001011"}
    return starts.get(kind.kind, "2" if kind.kind != "id-bh" else "9001").ljust(size, "1")


@pytest.mark.parametrize(
    "line",
    [
        "971501234567 واتس",
        "راسلني 96599112233",
        "0️⃣5️⃣0️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣",
        "https://wa.me/971501234567",
        "هاتف: 04-3234567 الطابق الثاني",
        "+971.50.123.4567",
        "رقمي0501234567",
        "- هاتف,0501234567,دبي",
        "-0501234567",
        "للتواصل على tel:+971501234567",
    ],
)
def test_numbers_as_people_write_them(line: str) -> None:
    text, found = Scrubber(GULF, {}).scrub(line)
    assert found == {"phone": 1}
    assert Scrubber(GULF, {}).scrub(text) == (text, Counter())


@pytest.mark.parametrize(
    "line",
    [
        "Tel. 081 / 252 12 34",
        "(081) 252 12 34",
        "+41 (0) 81 252-12-34",
        "Natel 79 123 45 67",
        "telefonin: 347 123 4567",
        "0041812521234",
        "dial-079 123 45 67",
    ],
)
def test_numbers_as_people_in_grischun_write_them(line: str) -> None:
    text, found = Scrubber(ROMANSH, {}).scrub(line)
    assert found == {"phone": 1}
    assert Scrubber(ROMANSH, {}).scrub(text) == (text, Counter())


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("285010112358", True),
        ("285010112359", False),
        ("285130112344", False),  # the check digit of a month that there is not
        # ... and of a century that is not given out
        ("185010112341", False),
    ],
)
def test_a_kuwaiti_number_has_a_day_of_birth_and_a_check_digit(digits: str, valid: bool) -> None:
    assert identifiers.kuwait_civil(digits) is valid


def test_a_word_tells_what_bare_digits_are() -> None:
    scrub = Scrubber(GULF, {}).scrub
    assert scrub("جوال 50012345")[1] == {"phone": 1}
    assert scrub("عدد 50012345")[1] == {}
    assert scrub("رقم الهوية 1012345672")[1] == {"id-sa": 1}
    assert scrub("رقم الطلب 1012345672")[1] == {}


def test_numbers_without_a_code_count_in_the_regions_of_the_locale_and_of_the_text() -> None:
    line = "079 123 45 67"
    assert Scrubber(ROMANSH, {}).scrub(line)[1] == {"phone": 1}
    assert Scrubber(GULF, {}).scrub(line)[1] == {}
    assert Scrubber(GULF, {}).scrub(line, "gsw")[1] == {"phone": 1}
    assert Scrubber(GULF, {"phone_regions": []}).scrub("050 123 4567")[1] == {}
    assert phones.default_regions("xx", "xx-KE") == ("KE",)
    assert phones.default_regions("gsw-bern", "gsw") == ("CH", "LI", "AT", "DE")
    assert phones.default_regions("tlh", "tlh", "") == ()


@pytest.mark.mirror
@pytest.mark.slow
@pytest.mark.skipif(not MIRROR, reason="LOCALE_TUNE_MIRROR is not set: no real text is read")
@pytest.mark.parametrize(
    ("folder", "tag", "region"),
    [
        ("african-naijasenti", "ha", "NG"),
        ("ar-gulf-dial2msa", "ar-gulf", "AE"),
        ("ntrex-parallel", "en", "GB"),
        ("gsw-dialogues-learn", "gsw", "CH"),
    ],
)
def test_real_numbers_that_libphonenumber_finds_are_found(
    folder: str, tag: str, region: str
) -> None:
    scrub = Scrubber(Locale(**{**ENGLISH.model_dump(), "id": tag, "tag": tag}), {}).scrub
    known, missed = 0, []
    for path in sorted(Path(MIRROR, folder).iterdir()):
        if path.suffix == ".md" or path.name == "LICENSE":
            continue
        for line in path.read_text(encoding="utf-8").split("\n"):
            if sum(map(str.isdecimal, line)) < phones.SHORTEST:
                continue
            text = scrub(line)[0]
            for match in phonenumbers.PhoneNumberMatcher(line, region):
                known += 1
                missed += [match.raw_string] if match.raw_string in text else []
    assert known
    assert missed == []
