"""Promise D4: no evaluation item in training data, as it stands, respelt or lightly reworded.

Hand-written items; `test_d4_real.py` has real ones.
"""

from __future__ import annotations

import pickle
import random

from leaking import found, leaked, protecting, respelt, reworded, verbatim

from locale_tune.api import Record

TEXTS = (
    "Il lev da Segl è gelà en pli da l’enviern, ed ils uffants van cun skis fin a l’auter ur.",
    "En la stalla dal vischin stattan traidesch chauras e dus asens ch’el ha cumprà a Cuira.",
    "Mia tatta fa mintga onn l’emprim di da december petta da pair tenor in vegl recept.",
    "أبوي كان يطلع البحر من الفجر ويرجع قبل المغرب ومعه سمك يكفي الفريج كله",
    "في القرية القديمة مدرسة واحدة فقط، يمشي إليها الأطفال نصف ساعة كل صباح",
    "الجو اليوم في المدينة مغبر، وأرصاد المنطقة قالت إن المطر يبدأ ليلة الخميس الساعة 9",
    "The ferry leaves the old harbour at seven and comes back with the mail before noon.",
    "Mvuvi huyu anaamka kabla ya jua kuchomoza na kurudi nyumbani na samaki wa kutosha jioni.",
)
QUESTIONS = (
    ("Tge fan ins en Engiadina il prim da mars per chatschar l’enviern?", "Chalandamarz"),
    ("Sin tge autezza sa chatta la staziun dal tren a Bergün/Bravuogn?", "1373 meters"),
    ("وش يسمون أهل الخليج ليلة النص من رمضان اللي يدور فيها العيال على البيوت؟", "القرقيعان"),
    ("ما اسم السفينة الشراعية التي كان الغواصون يبحرون بها بحثًا عن اللؤلؤ؟", "السنبوك"),
    ("Which grain is ground for the flat bread that is baked here at harvest time?", "barley"),
    ("Je, wavuvi wa pwani huita vipi mashua ndogo yenye tanga moja la pembetatu?", "ngalawa"),
)
ITEMS = [
    *(Record(id=f"t{n}", source="held", text=text) for n, text in enumerate(TEXTS)),
    *(
        Record(id=f"q{n}", source="quiz", question=ask, choices=("?", right), answer=1)
        for n, (ask, right) in enumerate(QUESTIONS)
    ),
]
VOCABULARY = "chasa baumgarten 1999 الكتاب سيارة nyumba kubwa window never".split()  # noqa: SIM905 (a list of words reads better so)


def test_each_item_is_found_and_named() -> None:
    leaks = protecting(ITEMS)
    pick = random.Random(0)
    for item in ITEMS:
        kind = "question and its answer" if item.question else "held-out text"
        train = leaked(item, pick, item.question or item.text)
        assert leaks.find(train) == f"holds a {kind}: {item.source} {item.id}"


def test_spelling_hides_no_item() -> None:
    assert found(protecting(ITEMS), ITEMS * 15, respelt) == 1


def test_nine_in_ten_items_are_found_after_one_change() -> None:
    def change(text: str, pick: random.Random) -> str:
        return reworded(text, pick, VOCABULARY)

    assert found(protecting(ITEMS), ITEMS * 15, change) >= 0.95


def test_the_items_are_not_taken_for_each_other() -> None:
    for number, item in enumerate(ITEMS):
        leaks = protecting([*ITEMS[:number], *ITEMS[number + 1 :]])
        train = leaked(item, random.Random(0), item.question or item.text)
        assert leaks.find(train) == ""


def test_an_index_can_be_sent_to_another_process() -> None:
    leaks = pickle.loads(pickle.dumps(protecting(ITEMS)))
    assert found(leaks, ITEMS, verbatim) == 1
