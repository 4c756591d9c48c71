"""Row D3: personal data is found and replaced, and nothing else is."""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter
from pathlib import Path

import phonenumbers
import pytest
from corpus_support import GULF, ROMANSH, source
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_support import KINDS, Planted, planted

from locale_tune.api import Locale, Message, PackError, Record
from locale_tune_corpus import identifiers, phones
from locale_tune_corpus.folded_digits import folded, poured
from locale_tune_corpus.privacy import Scrubber, _replaced, guard, told
from locale_tune_corpus.settings import CollectSettings

# What the planted numbers belong to: the Gulf, Switzerland and Italy, in texts of either locale.
REGIONS = ["AE", "SA", "KW", "QA", "BH", "OM", "CH", "IT"]
GULF_TEXT = Scrubber(GULF, {"phone_regions": REGIONS})
ROMANSH_TEXT = Scrubber(ROMANSH, {"phone_regions": REGIONS[::-1]})
ENGLISH = Locale(id="en", tag="en", script="Latn", name="E", endonym="English", direction="ltr")
CLEAN = [
    "Nossa lia è vegnida fundada l'onn 1919 e renovada 2015-2017.",
    "Ils 12.05.2024 a las 14:30 avain nus bavì 1,5 liters vin per 27.50 francs.",
    "Il gieu è finì 3:2 (1:0, 1:1, 1:1); aspectaturs: 12'345.",
    "ISBN 978-3-16-148410-0, p. 123-145, 2. ediziun 1998",
    "ISBN 9783161484100 und ISSN 2049-3630",
    "ISBN 978-0-25-059410-8, 978-3-02-833856-0 ed 0-306-40615-2; EAN 4003994155486",
    "Populaziun: 2 023 680 857 (cun 6 031 371 454 e 7 058 782 584 en l'onn 2011)",
    "La fatura 2024-0812-5213407, il pachet 99-044-6681234-1 e la part INV-0791234567",
    "Die Anlage kostete 1'250'000 Franken, der Kredit 12 500 000 Franken.",
    "Art. 12 Abs. 3 lit. b BV (SR 101), AS 2010 3821; BBl 2005 4623, 2008 5241",
    "AS 2010 3821; BBl 2008 5241, 2009 4371 4377 4379 8719).",
    "CH94 0076 2011 6238 5295 7 ed AE08 0331 2345 6789 0123 456 èn fallads",
    "Ils 01.02.2024 12 uras; avert 08.00-12.00 14 uras; la rait 178.82.0.0/15",
    "Il pachet 0791234567-1234 e 0812521234-9",
    "Öffnungszeiten: 08.00-12.00 und 13.30-17.30 Uhr",
    "Version 4.18.0.193 ist am 01.02.2024 12:30 erschienen.",
    "Installed Python 3.11.7, numpy 2.4.6 and Chrome/120.0.6099.71 on it.",
    "Populaziun: 1.205.443 (1990), 2.336.055 (2000), 2.698.651 (2010)",
    "Dar es Salaam 1.205.443 2.336.055 2.698.651 Dar es Salaam",
    "pi = 3.14159265358979, e = 2.718281828459045, 0.0123456789",
    "Coordinates: 46.8508 N, 9.5320 E; 25.276987, 55.296249",
    "سنة ١٩٩٠-٢٠٢٤ وفي عام 1445/2024 صدر القانون رقم 12345678",
    "﴿وَلَا تَمْشِ فِي الْأَرْضِ مَرَحًا﴾ [الإسراء: ٣٧] سورة البقرة ٢:٢٥٥",
    "السعر ٣٥٠٠-٤٥٠٠ درهم، والعدد 1,250,000 نسمة تقريبا",
    "فاز العين ٣-١ في الدقيقة ٩٠+٤ وحضر 25000 متفرج",
    "المادة 23 من القانون الاتحادي رقم (5) لسنة 1985 بتاريخ 15/12/1985",
    "من 2019 2020 الى 5000 6000 ريال",
    "2010 3821 و 2000 1319 1471 و 1445 9912",
    "الراتب 12000000 دينار والباقي 50012345 دينار",
    "رقم الطلب A-99123456 ورقم الفاتورة INV20240115001",
    "https://x.com/user/status/1234567890123456789 شوفوا",
    "https://example.com/item?id=4111111111111111&page=2",
    "order no. 1012345678, batch 20240115, lot 784512",
    "The network 10.0.0.1/8, 192.168.1.20 and 127.0.0.1 are not on the internet.",
    "user@example.org asked @ahmad_2001 about icon@2x.png at 5pm",
    "std::string s = std::vector<int>::value_type{}; 12:30:45 10:20:30:40",
    "2 + 2 = 4; 10 000 000 : 4 = 2 500 000; 1-2-3-4-5-6-7-8-9",
    "Tel Aviv 1909, Natal 1999; mobile 2020",
    "1.2.3.4 Scope; 12.3.1.2 Exceptions; 4.5.1.2 Rules",
    "EU 2016/679, C-311/18, 2019/1937, RS 0.101.09",
    "timestamp 1700000000 1700086400 1700172800",
    "ቁጥር 1,234,567 እና 2016 ዓ.ም.",
    "٠٫١٢٣٤٥٦٧٨٩ و ١٢٬٣٤٥٬٦٧٨",
]


def scrubber(item: Planted) -> Scrubber:
    return GULF_TEXT if item.locale == "ar-gulf" else ROMANSH_TEXT


def signs(text: str) -> str:
    return "".join(c for c in folded(text).text.casefold().replace("(0)", "") if c.isalnum())


def test_a_thousand_planted_items_are_found() -> None:
    items = list(planted(1000))
    missed = []
    for item in items:
        text, found = scrubber(item).scrub(item.line)
        framed = text.startswith(item.before) and text.endswith(item.after)
        if found != {item.kind: 1} or item.core in signs(text) or not framed:
            missed.append((item.kind, item.line, text))
        assert item.core in signs(item.line)  # the plant is there, or nothing would be shown
    assert {item.kind for item in items} == {"phone", *KINDS}
    assert len(missed) <= 10, missed


def test_stand_ins_have_the_shape_of_what_they_replace() -> None:
    for item in planted(1000, seed=1):
        text, _ = scrubber(item).scrub(item.line)
        if item.kind not in ("e-mail", "ip"):
            shape = [re.sub(r"[^\W_]", "0", line) for line in (item.line, text)]
            assert shape[0] == shape[1]
            zeros = [{ord(c) - int(c) for c in line if c.isdecimal()} for line in (item.line, text)]
            assert zeros[0] == zeros[1]


def test_a_second_pass_changes_nothing() -> None:
    for item in planted(1500, seed=2):
        text, _ = scrubber(item).scrub(item.line)
        assert scrubber(item).scrub(text) == (text, Counter())


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([item.line for item in planted(300, seed=3)]),
            st.text("0123456789٠١٢٣ +-./()@:abAE\u200f\u00a0", max_size=30),
            st.sampled_from(CLEAN),
        ),
        max_size=4,
    ),
    st.sampled_from([" ", "\n", "", "-", "/"]),
)
def test_a_second_pass_changes_nothing_whatever_stands_side_by_side(
    parts: list[str], between: str
) -> None:
    for scrub in (GULF_TEXT.scrub, ROMANSH_TEXT.scrub):
        text, _ = scrub(between.join(parts))
        assert scrub(text) == (text, Counter())


@settings(max_examples=100, deadline=None)
@given(st.text("0123456789٠١٢٣ +-./()@[]:atAE\u200f\u00a0", max_size=40))
def test_the_quick_look_never_hides_a_find(text: str) -> None:
    slow = Scrubber(GULF, {"phone_regions": REGIONS})
    slow._suspicious = lambda line: True  # type: ignore[method-assign]
    assert GULF_TEXT.scrub(text) == slow.scrub(text)


def test_a_stand_in_that_looks_like_another_number_beside_others_is_replaced_as_well() -> None:
    line = "جوال وما رد علي من أمس-014/840.90621-"
    once = _replaced(line, GULF_TEXT._search(""), Counter())
    assert _replaced(once, GULF_TEXT._search(""), Counter()) != once  # one pass is not enough
    text, found = GULF_TEXT.scrub(line)
    assert found == {"phone": 1}
    assert GULF_TEXT.scrub(text) == (text, Counter())


def test_order_and_shards_change_no_byte() -> None:
    lines = [item.line for item in planted(400, seed=4)] + CLEAN
    whole = dict(zip(lines, (GULF_TEXT.scrub(line)[0] for line in lines), strict=True))
    random.Random(0).shuffle(lines)
    shards = [lines[shard::7] for shard in range(7)]
    for shard in shards:
        fresh = Scrubber(GULF, {"phone_regions": REGIONS})
        assert [fresh.scrub(line)[0] for line in shard] == [whole[line] for line in shard]
        assert fresh.scrub("\n".join(shard))[0] == "\n".join(whole[line] for line in shard)


@pytest.mark.parametrize("line", CLEAN)
def test_other_numbers_stay(line: str) -> None:
    for scrubber in (Scrubber(GULF, {}), Scrubber(ROMANSH, {}), Scrubber(ENGLISH, {})):
        assert scrubber.scrub(line) == (line, Counter())


@pytest.mark.parametrize(
    "forms",
    [
        ["+971 50 123 4567", "00971501234567", "050-1234567", "٠٥٠ ١٢٣ ٤٥٦٧", "+971 (0)50 1234567"],
        ["ali.hassan@gmail.com", "Ali.Hassan@Gmail.com", "ali.hassan[at]gmail.com"],
        ["4111 1111 1111 1111", "4111111111111111", "٤١١١١١١١١١١١١١١١"],
        ["784-1985-1234567-3", "784198512345673"],
        ["AE070331234567890123456", "AE07 0331 2345 6789 0123 456"],
    ],
)
def test_one_value_has_one_stand_in_however_it_is_written(forms: list[str]) -> None:
    ends = {signs(Scrubber(GULF, {}).scrub(f"رقمه {form}")[0])[-6:] for form in forms}
    assert len(ends) == 1


def test_many_numbers_share_a_stand_in() -> None:
    lines = "\n".join(f"+97150{number:07d}" for number in range(5_000_000, 5_003_000))
    texts = set(GULF_TEXT.scrub(lines)[0].split("\n"))
    assert 920 <= len(texts) <= 1000


def test_another_key_chooses_others() -> None:
    line = "اكتب لي على ali@gmail.com"
    texts = {Scrubber(GULF, {"key": key}).scrub(line)[0] for key in ("a", "b", "c", "d")}
    assert len(texts) > 1


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


def test_a_pack_can_add_kinds() -> None:
    scrub = Scrubber(ROMANSH, {"patterns": {"plate": r"\bGR ?\d{4,6}\b"}}).scrub
    text, found = scrub("L'auto GR ٤٥٦٧٨٩ steva qua.")
    assert re.fullmatch(r"L'auto XX ٠٠٠[٠-٩]{3} steva qua\.", text)
    assert found == {"plate": 1}
    assert scrub(text) == (text, Counter())


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"patterns": {"x": "(["}}, "no regular expression"), ({"phone": ["AE"]}, "phone")],
)
def test_a_mistake_in_the_options_is_told(options: dict[str, object], problem: str) -> None:
    with pytest.raises(PackError, match=problem):
        Scrubber(GULF, options)


def test_settings_refuse_an_unknown_option_when_a_build_is_planned() -> None:
    with pytest.raises(ValueError, match="phones"):
        CollectSettings(privacy_options={"phones": ["AE"]})


def test_every_text_of_a_record_is_scrubbed() -> None:
    mail = "jon.doe@gmail.com"
    record = Record(
        id="1",
        source="s",
        lang="afb",
        text=f"a {mail}",
        translation=f"b {mail}, 079 123 45 67",
        question=f"c {mail}",
        choices=(f"d {mail}", "e"),
        answer=1,
        messages=(Message(role="user", content=f"f {mail}"),),
        meta={"translation_lang": "rm", "title": "t"},
    )
    made, found = Scrubber(GULF, {}).scrub_record(record)
    assert found == {"e-mail": 5, "phone": 1}
    assert "doe" not in made.model_dump_json()
    assert (made.id, made.choices[1], made.answer, made.meta) == ("1", "e", 1, record.meta)
    assert told(found) == "personal data: e-mail, phone"


def test_a_record_is_scrubbed_left_out_or_kept_as_the_setting_says() -> None:
    record = Record(id="1", source="s", text="Scriva a jon.doe@gmail.com")
    clean = Record(id="2", source="s", text="Bun di a tuts")
    kept, reason, found = guard(ROMANSH, "replace", {})(record)
    assert (kept != record, reason, found) == (True, "", {"e-mail": 1})
    assert guard(ROMANSH, "drop", {})(record) == (record, "personal data: e-mail", found)
    assert guard(ROMANSH, "drop", {})(clean) == (clean, "", Counter())
    assert guard(ROMANSH, "off", {})(record) == (record, "", Counter())


def test_a_clean_record_is_the_same_object() -> None:
    record = Record(id="1", source=source().id, text="Bun di a tuts")
    made, found = Scrubber(ROMANSH, {}).scrub_record(record)
    assert made is record
    assert told(found) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    [
        "1 ",
        "12-",
        "+971501234567 ",
        "a.",
        "a@",
        "a@b.co ",
        "1:",
        "2001:",
        "(at)",
        "AE07 ",
        "1.2.",
        "٠ ",
    ],
)
def test_a_long_line_of_anything_takes_little_time(part: str) -> None:
    line = (part * 100_000)[:100_000]
    spent = time.process_time()
    Scrubber(GULF, {}).scrub(line)
    assert time.process_time() - spent < 5


def test_digits_are_poured_into_what_was_written() -> None:
    assert poured("٠٥٠-۱２ (3)", "912345") == "٩١٢-۳４ (5)"


MIRROR = os.environ.get("LOCALE_TUNE_MIRROR", "")
REAL = {
    "ar-saudi-sa7r-tweets": GULF,
    "ar-gulf-dialogues": GULF,
    "ar-commonvoice-msa": GULF,
    "ar-saudi-absher-mcq": GULF,
    "rm-wikipedia": ROMANSH,
    "rm-constitution-5lang": ROMANSH,
    "rm-de-cantonal": ROMANSH,
    "rm-commonvoice": ROMANSH,
}


@pytest.mark.mirror
@pytest.mark.slow
@pytest.mark.skipif(not MIRROR, reason="LOCALE_TUNE_MIRROR is not set: no real text is read")
def test_real_text_is_left_alone_and_read_fast() -> None:
    lines = hits = size = 0
    spent = time.process_time()
    for folder, locale in REAL.items():
        scrub = Scrubber(locale, {}).scrub
        for path in sorted(Path(MIRROR, folder).iterdir()):
            if path.suffix == ".md" or path.name == "LICENSE":
                continue
            for line in path.read_text(encoding="utf-8").split("\n"):
                lines += bool(line.strip())
                size += len(line.encode())
                hits += bool(scrub(line)[1])
    spent = time.process_time() - spent
    print(f"{hits} of {lines:,} lines, {size / 1e6 / spent:.1f} MB/s")
    assert lines > 50_000
    assert hits <= 0.005 * lines


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
