"""Quality of running text in several scripts, and lines that many texts share."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from corpus_support import GULF, ROMANSH, parts, source

from locale_tune.api import Locale, PackError, Record
from locale_tune_corpus.quality import BoilerplateLines


def locale(tag: str, script: str) -> Locale:
    return Locale(id=tag, tag=tag, script=script, name=tag, endonym=tag, direction="ltr")


AMHARIC, THAI, HINDI = locale("am", "Ethi"), locale("th", "Thai"), locale("hi", "Deva")
RM = (
    "La stad passada essan nus stads sin l'alp cun ils uffants. La damaun mungiva il pader las "
    "vatgas, e la mamma fascheva chaschiel en la chascharia. Suenter l'ensolver gievan nus a "
    "tschertgar muntanialas, ma quellas eran bler pli sveltas che nus. Ina giada è vegnì in urezi "
    "uschè ferm ch'il tschiel era nair amez il di. Nus avain spetgà sut in grond pign, quai ch'ins "
    "na duess insumma betg far, ed avain chantà tut las chanzuns che nus enconuschevan."
)
AR = (
    "يوم كنا صغار كان جدي ياخذنا البحر قبل طلوع الشمس، ونركب الشوعي ونطلع ندور السمك. كانت الريح "
    "باردة والموي هادي، وجدي يسولف لنا عن أيام الغوص وكيف كانوا يغيبون شهور عن أهلهم. مرة صدنا "
    "هامور كبير ما قدرنا نشيله، فضحك علينا وقال: اللي يبي العالي يصبر على التعب. ومن يومها كل ما "
    "ضاقت علي الدنيا رحت السيف وقعدت أطالع الموج، وأتذكر صوته وهو ينادي علينا نرجع قبل الظهر."
)
AM = (
    "ባለፈው ክረምት ከአያቴ ጋር ወደ ገጠር ሄድኩ። ቤታቸው በተራራ ሥር ነው፤ ከፊት ለፊቱ ትንሽ ወንዝ ይፈስሳል። ጠዋት ጠዋት "
    "ከብቶቹን ወደ ሜዳ እናወጣ ነበር። አያቴ ስለ ድሮ ዘመን ብዙ ተረት ነገረችኝ፤ ስለ ጅብና ስለ ቀበሮ፣ ስለ ደፋሩ እረኛም። "
    "አንድ ቀን ዝናብ በጣም ስለ ዘነበ ድልድዩን ወሰደው፣ ስለዚህ ሦስት ቀን ወደ ገበያ መሄድ አልቻልንም። ሰዎቹ ግን ተሰብስበው "
    "በአንድ ላይ አዲስ ድልድይ ሠሩ። እኔም ድንጋይ በማቀበል ረዳሁ። ወደ ከተማ ስመለስ ያን ሁሉ ለጓደኞቼ ነገርኳቸው።"
)
TH = (
    "ตอนเด็กบ้านของเราอยู่ริมคลอง ทุกเช้าแม่จะพายเรือไปขายผักที่ตลาดน้ำ ส่วนพ่อออกไปทำนากับลุง "
    "ฉันกับน้องชายชอบกระโดดน้ำจากสะพานไม้เก่า แล้วว่ายไปเก็บสายบัวมาให้ยายแกงส้ม วันหนึ่งฝนตกหนักมาก "
    "น้ำท่วมสูงถึงใต้ถุนบ้าน เราต้องขนข้าวของขึ้นไปไว้ชั้นบน แต่เพื่อนบ้านก็มาช่วยกันจนเสร็จก่อนค่ำ "
    "หลังน้ำลดทุกคนช่วยกันล้างโคลน คืนนั้นเรานั่งล้อมวงกินข้าวต้มใต้แสงตะเกียง และฟังตาเล่าเรื่องผีกระสือ"
)
HI = (
    "बचपन में हम गर्मी की छुट्टियों में नानी के गाँव जाया करते थे। वहाँ आम के पेड़ों के नीचे चारपाई पर लेटकर हम "
    "कहानियाँ सुनते थे। शाम को सब बच्चे तालाब के किनारे खेलते और बड़े लोग चौपाल पर बैठकर खेती की बातें करते। "
    "एक बार तेज़ आँधी आई और सारे कच्चे आम गिर गए। नानी ने उनका अचार बनाया, जिसका स्वाद मुझे आज भी याद है। "
    "अब वह घर नहीं रहा, पर उन दिनों की महक मन में बसी हुई है।"
)
TEXTS = [(RM, ROMANSH), (AR, GULF), (AM, AMHARIC), (TH, THAI), (HI, HINDI)]
NAMES = ["rm", "ar", "am", "th", "hi"]


def reason(text: str, where: Locale = ROMANSH, name: str = "quality", **settings: Any) -> str:
    return parts().filters[name].make(where, settings)(Record(id="1", source="s", text=text))


@pytest.mark.parametrize(("text", "where"), TEXTS, ids=NAMES)
def test_text_passes_in_every_script(text: str, where: Locale) -> None:
    assert reason(text, where) == ""
    assert reason(text[:200], where) == ""


@pytest.mark.parametrize(("text", "where"), TEXTS, ids=NAMES)
def test_a_sentence_again_and_again_is_found_in_every_script(text: str, where: Locale) -> None:
    sentence = text[:60]
    assert "again and again" in reason(" ".join([sentence] * 12), where)
    assert "repeat" in reason(text + " " + text, where)


def test_a_short_text_is_short_in_words_not_in_letters() -> None:
    assert reason("ดีมาก" * 15, THAI) == ""
    assert "again and again" in reason("ดีมาก" * 50, THAI)


def test_words_of_a_script_without_spaces_are_not_judged_by_their_spaces() -> None:
    run = TH.replace(" ", "")
    assert reason(run, THAI) == ""
    assert "letters on average" in reason(run * 2, locale("th", "Latn"), least_words=1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("12 345 6.7 " * 12 + "anns da 1990 2000", "too few words with a letter"),
        (" ".join(f"#tag{i} bun" for i in range(40)), "too many symbols"),
        (" ".join("abcdefgh"[i % 8] for i in range(60)), "of 1.0 letters on average"),
        ("\n".join(f"- punct {i}" for i in range(9)), "nothing but a list"),
        ("\n".join(f"Leger vinavant {i}…" for i in range(9)), "lines that break off"),
        ("\n".join(["Bun di a tuts", "Adia"] * 4), "lines that repeat"),
        ("- in\n- dus", ""),
        ("Leger…", ""),
        ("", ""),
    ],
)
def test_what_is_no_running_text(text: str, why: str) -> None:
    assert (why in reason(text)) if why else reason(text) == ""


def test_long_words_pass_unless_the_pack_says_otherwise() -> None:
    text = " ".join(f"Gemeindeverwaltungsamt{chr(97 + i % 26) * 3}{i}" for i in range(60))
    assert "letters on average" in reason(text)
    assert reason(text, word_length=[1.5, 40]) == ""
    assert "letters on average" in reason(RM, word_length=[8, 20])


@pytest.mark.parametrize(
    ("text", "where", "ends"),
    [
        ("Bun di.\nAdia!", ROMANSH, True),
        ("«Bun di.»\n(Adia?)", ROMANSH, True),
        ("هل وصلت؟\nوصلت۔", GULF, True),
        ("ሰላም።\nደህና ነህ፧", AMHARIC, True),
        ("Chasa\nContact\nImpressum", ROMANSH, False),
    ],
)
def test_ends_of_sentences_are_those_of_the_script(text: str, where: Locale, ends: bool) -> None:
    assert (reason(text, where, punctuated_lines=0.12) == "") is ends
    assert reason(text, where) == ""


@pytest.mark.parametrize(
    ("text", "where", "stop_words"),
    [
        (RM, ROMANSH, ["ils", "nus", "la"]),
        (AR, GULF, ["كان", "من", "على"]),
        (AM, AMHARIC, ["ስለ", "ወደ"]),
        (TH, THAI, ["ที่", "และ", "ของ"]),
    ],
    ids=NAMES[:4],
)
def test_stop_words_are_those_that_the_pack_lists(
    text: str, where: Locale, stop_words: list[str]
) -> None:
    assert reason(text, where, stop_words=stop_words) == ""
    assert "stop words" in reason(text, where, stop_words=["xyz", "qwert"])
    assert reason(text, where, stop_words=["xyz"], min_stop_words=0) == ""


def test_stop_words_are_folded_like_the_text() -> None:
    assert reason(RM, stop_words=["LA"]) == ""
    assert reason(AR, GULF, stop_words=["أيّام"], min_stop_words=1) == ""


@pytest.mark.parametrize("name", ["quality", "boilerplate"])
def test_a_wrong_option_is_named(name: str) -> None:
    with pytest.raises(PackError, match="'lenght' of the filter"):
        reason("x", name=name, lenght=3)


MENU = ["Pagina da partenza", "Leger vinavant", "Questa pagina dovra cookies"]


def site(count: int = 20) -> list[str]:
    """Return pages that have a menu in common; every line of their own is theirs alone."""
    own = RM.split(". ")
    return [f"{MENU[0]}\n{own[i % len(own)]} {i:c}{i + 97:c}.\n{MENU[1]} {i}" for i in range(count)]


def common(pages: list[str], where: Locale = ROMANSH, **settings: Any) -> Any:
    texts = [(where.id, where.tag, page) for page in pages]
    return parts().filters["boilerplate"].make(where, {"texts": lambda: texts, **settings})


def kept(keep: Any, text: str) -> bool:
    return keep(Record(id="1", source="s", text=text)) == ""


def test_records_made_of_common_lines_are_left_out() -> None:
    keep = common(site())
    assert not kept(keep, f"{MENU[0]}\n{MENU[1]} 99")  # whatever number stands there
    assert kept(keep, f"{MENU[0]}\n{RM}\n{MENU[1]}")
    assert kept(keep, "In text\ncun lingias atgnas")
    assert kept(keep, MENU[0])  # one line is a matter of copies
    assert kept(common(site(9)), f"{MENU[0]}\n{MENU[1]} 99")
    assert not kept(common(site(9), documents=5), f"{MENU[0]}\n{MENU[1]} 99")
    assert kept(common(site(), share=1.0), f"{MENU[0]}\n{MENU[1]}")


def test_lines_of_other_languages_do_not_count() -> None:
    texts = [("de", "de", page) for page in site()]
    keep = parts().filters["boilerplate"].make(ROMANSH, {"texts": lambda: texts})
    assert kept(keep, f"{MENU[0]}\n{MENU[1]}")


def test_arabic_lines_are_the_same_with_and_without_vowel_signs() -> None:
    pages = [f"الصفحة الرئيسية\nاقرأ المزيد\nنص رقم {i}" for i in range(12)]
    assert not kept(common(pages, GULF), "الصَّفحة الرئيسيّة\nإقرأ المزيد")


def test_a_line_counts_once_in_a_text_and_in_any_order() -> None:
    pages = site(30)
    one, other = BoilerplateLines(1 << 10), BoilerplateLines(1 << 10)
    for page in pages:
        one.add(page + "\n" + page)
    random.Random(0).shuffle(pages)
    for page in pages:
        other.add(page)
    lines = ["pagina da partenza", "leger vinavant 0", "nagina"]
    assert [one.count(line) for line in lines] == [30, 30, 0]
    assert [other.count(line) for line in lines] == [30, 30, 0]


def test_a_count_is_never_too_low_however_small_the_memory() -> None:
    seen = BoilerplateLines(64)
    letters = "abcdefghijklmnopqrst"
    lines = [f"{a}{b}" for a in letters for b in letters]
    for line in lines:
        seen.add(line)
    assert all(seen.count(line) >= 1 for line in lines)


def test_collect_runs_both_filters(collect: Any) -> None:
    pages = [*site(), f"{MENU[0]}\n{MENU[1]} 99"]
    made = source("web", options={"mode": "paragraphs"})
    corpus = collect(
        {made: "\n\n".join(pages)},
        filters=("quality", "boilerplate"),
        filter_options={"quality": {"least_words": 5}},
        near_duplicates=0,
        heldout_share=0,
    )
    assert corpus.facts["rejected"] == {"mostly lines that 10 other texts have too": 1}
    assert corpus.facts["filters"]["boilerplate"] == {"documents": len(pages)}


def test_another_process_finds_the_counts_and_reads_no_text(tmp_path: Path) -> None:
    reads = []

    def texts() -> list[tuple[str, str, str]]:
        return [("rm", "rm", page) for page in site()]

    def counted() -> Iterator[tuple[str, str, str]]:
        reads.append(1)
        yield from texts()

    made = parts().filters["boilerplate"].make
    page = f"{MENU[0]}\n{MENU[1]} 99"
    for _ in range(2):
        facts: dict[str, Any] = {}
        keep = made(ROMANSH, {"texts": counted, "work": tmp_path, "facts": facts})
        assert not kept(keep, page)
        assert facts == {"documents": 20}
    assert reads == [1]
