"""Row D3: personal data is found and replaced, and nothing else is."""

from __future__ import annotations

import os
import random
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from corpus_support import GULF, ROMANSH, source
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_support import CLEAN, KINDS, Planted, planted

from locale_tune.api import Locale, Message, PackError, Record
from locale_tune_corpus.folded_digits import folded, poured
from locale_tune_corpus.privacy import Scrubber, _replaced, guard, told
from locale_tune_corpus.settings import CollectSettings

# What the planted numbers belong to: the Gulf, Switzerland and Italy, in texts of either locale.
REGIONS = ["AE", "SA", "KW", "QA", "BH", "OM", "CH", "IT"]
GULF_TEXT = Scrubber(GULF, {"phone_regions": REGIONS})
ROMANSH_TEXT = Scrubber(ROMANSH, {"phone_regions": REGIONS[::-1]})
ENGLISH = Locale(id="en", tag="en", script="Latn", name="E", endonym="English", direction="ltr")


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
    assert guard(ROMANSH, "drop", {})(record) == (kept, "personal data: e-mail", found)
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


def test_a_secret_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"key": "env:OUR_SECRET"}
    monkeypatch.delenv("OUR_SECRET", raising=False)
    with pytest.raises(PackError, match="environment variable OUR_SECRET, which is empty"):
        Scrubber(ROMANSH, options)
    monkeypatch.setenv("OUR_SECRET", "a long word that nobody knows")
    line = "Scriva a gian@bluewin.ch u telefona al 081 257 22 11."
    stated = Scrubber(ROMANSH, {"key": "a long word that nobody knows"})
    assert Scrubber(ROMANSH, options).scrub(line) == stated.scrub(line)
    assert stated.scrub(line) != ROMANSH_TEXT.scrub(line)
