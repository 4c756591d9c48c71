"""What a model is tested on is found in training text, also when it is spelt otherwise (D4)."""

from __future__ import annotations

import random

import pytest

from locale_tune.api import Message, Record
from locale_tune_corpus.leaks import Leaks
from locale_tune_corpus.near import Frames

WORDS = [f"{a}{b}{c}" for a in "bcdfglmnprst" for b in "aeiou" for c in ("r", "l", "ntg", "sch")]


def text(seed: int, words: int) -> str:
    pick = random.Random(seed)
    return " ".join(pick.choice(WORDS) for _ in range(words))


def record(content: str, **more: object) -> Record:
    return Record.model_validate({"id": "1", "source": "s", "text": content, **more})


def protecting(*items: Record) -> Leaks:
    leaks = Leaks()
    for item in items:
        leaks.protect(item)
    return leaks


@pytest.mark.parametrize("words", [1, 3, 4, 7, 8, 25, 26, 200])
def test_a_held_out_text_is_found_in_a_longer_one(words: int) -> None:
    leaks = protecting(*(record(text(seed, words)) for seed in range(50)))
    found = [bool(leaks.find(record(text(seed, words)))) for seed in range(50)]
    assert all(found)
    if words >= 4:
        inside = (
            record(f"{text(900, 9)} {text(seed, words)} {text(901, 9)}") for seed in range(50)
        )
        assert all(leaks.find(item) == "holds a held-out text: s 1" for item in inside)


def test_spelling_does_not_hide_it() -> None:
    held = "أُعلِنت النتائج في المدرسة أمس، وحضر الحفل جمعٌ كبير من الأهالي والطلاب في الساحة"
    seen = "اعلنت النتائج في المدرسه امس وحضر الحفل جمع كبيـــر من الاهالي والطلاب في الساحه"
    assert protecting(record(held)).find(record(seen))


def test_nine_of_ten_light_paraphrases_are_found() -> None:
    found = 0
    for seed in range(200):
        words = text(seed, 60).split()
        pick = random.Random(seed)
        for place in pick.sample(range(60), 3):
            words[place] = pick.choice(WORDS)
        found += bool(protecting(record(text(seed, 60))).find(record(" ".join(words))))
    assert found >= 180


def test_other_text_is_hardly_ever_taken_for_a_leak() -> None:
    leaks = protecting(*(record(text(seed, 5 + seed % 60)) for seed in range(300)))
    hits = sum(bool(leaks.find(record(text(10_000 + seed, 60)))) for seed in range(1000))
    assert hits <= 1


def test_a_question_leaks_only_with_its_answer() -> None:
    quiz = record("", question="Tge è la munaida dal Giapun?", choices=("euro", "yen"), answer=1)
    leaks = protecting(quiz)
    found = leaks.find(record("Tge è la munaida dal Giapun? Yen!"))
    assert found == "holds a question and its answer: s 1"
    assert leaks.find(record("Tge è la munaida dal Giapun? Jau na sai betg.")) == ""
    assert leaks.find(record("La munaida è yen.")) == ""


def test_questions_of_one_template_do_not_find_each_other() -> None:
    ask = "Tge è la munaida da quest pajais: {}?"
    places = ("Saint Lucia", "Kenia", "Nepal")
    quiz = (record("", question=ask.format(p), choices=("x", "y"), answer=0) for p in places)
    leaks = protecting(*quiz)
    assert leaks.find(record(ask.format("Saint Martin") + " x")) == ""
    assert leaks.find(record(ask.format("Togo") + " x")) == ""
    assert leaks.find(record("Di, tge è la munaida da lez pajais: Kenia? x"))


def test_a_question_with_another_number_is_another_question() -> None:
    ask = "Quant autas èn las muntognas che stattan davos nossa chasa da {} meters?"
    quiz = record("", question=ask.format(1200), choices=("pli autas", "y"), answer=0)
    assert protecting(quiz).find(record(ask.format("1200") + " Pli autas!"))
    assert protecting(quiz).find(record(ask.format("1300") + " Pli autas!")) == ""


def test_the_answer_of_a_reworded_question_stands_near_it() -> None:
    quiz = record("", question=text(1, 12), choices=("gea", "na"), answer=0)
    words = text(1, 12).split()
    words[3] = "auter"
    changed = " ".join(words)
    assert protecting(quiz).find(record(f"{changed} gea"))
    assert protecting(quiz).find(record(f"{changed} {text(2, 200)} gea")) == ""
    assert protecting(quiz).find(record(f"{text(1, 12)} {text(2, 200)} gea"))


@pytest.mark.parametrize("place", range(12))
def test_one_change_at_any_place_is_seen_through(place: int) -> None:
    words = text(3, 12).split()
    leaks = protecting(record(text(3, 12)))
    swapped = [*words[:place], *words[place : place + 2][::-1], *words[place + 2 :]]
    for changed in (
        [*words[:place], "auter", *words[place + 1 :]],
        [*words[:place], "auter", *words[place:]],
        [*words[:place], *words[place + 1 :]],
        swapped,
    ):
        inside = f"{text(900, 9)} {' '.join(changed)} {text(901, 9)}"
        assert leaks.find(record(inside)), changed


def test_two_changes_make_another_sentence() -> None:
    words = text(3, 12).split()
    words[2], words[9] = "auter", "auter"
    assert protecting(record(text(3, 12))).find(record(" ".join(words))) == ""


def test_of_a_long_answer_eight_words_in_a_row_are_enough() -> None:
    answer = text(5, 20)
    quiz = record("", question=text(4, 9), choices=(answer, "y"), answer=0)
    leaks = protecting(quiz)
    part = " ".join(answer.split()[5:13])
    assert leaks.find(record(f"{text(4, 9)} {part}"))
    assert leaks.find(record(f"{text(4, 9)} {' '.join(answer.split()[5:12])}")) == ""


def test_chats_are_searched_and_both_sides_of_a_pair_protected() -> None:
    leaks = protecting(record(text(1, 9), translation=text(2, 9)))
    turns = (Message(role="user", content="?"), Message(role="assistant", content=text(2, 9)))
    assert leaks.find(Record(id="2", source="s", messages=turns))
    assert leaks.find(record(text(1, 9)))


def test_a_short_item_counts_only_as_the_whole_text() -> None:
    leaks = protecting(record("Bun di!"))
    assert leaks.find(record("bun di"))
    assert leaks.find(record("Bun di, co vai cun tai?")) == ""


@pytest.mark.parametrize(
    ("held", "before", "after"),
    [
        ("渔夫们每天清晨出海打鱼傍晚带着满船的鱼回到村里的小码头", "昨天", "大家都很高兴"),
        ("ชาวประมงออกทะเลก่อนรุ่งสางและกลับมาพร้อมปลาเต็มลำเรือ", "เมื่อวาน", "ทุกคนดีใจ"),
        ("りょうしは毎朝早く海へ出て夕方には魚をたくさん持って村へ帰る", "昨日は", "みんな喜んだ"),
    ],
)
def test_scripts_without_spaces_are_searched_too(held: str, before: str, after: str) -> None:
    leaks = protecting(record(held))
    assert leaks.find(record(f"{before}{held}{after}"))
    assert leaks.find(record(before + held[: len(held) // 2] + after)) == ""
    quiz = record("", question=held, choices=("港", "x"), answer=0)
    assert protecting(quiz).find(record(f"{before}{held}港{after}"))
    assert protecting(quiz).find(record(f"{before}{held}{after}")) == ""
    assert protecting(record("你好吗")).find(record("你好吗"))
    assert protecting(record("你好吗")).find(record("你好吗我的朋友")) == ""


def test_of_a_long_text_without_spaces_thirteen_words_of_four_letters_are_enough() -> None:
    held = "".join(random.Random(2).choices([chr(0x4E00 + n) for n in range(500)], k=300))
    leaks = protecting(record(held))
    assert leaks.find(record("前言" + held[101:153] + "后记"))
    assert leaks.find(record("前言" + held[101:152] + "后记")) == ""


def test_items_of_one_template_are_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared, whole = [], Frames._compared

    def counted(frames: Frames, words: tuple[str, ...]) -> set[int]:
        compared.append(words)
        return whole(frames, words)

    monkeypatch.setattr(Frames, "_compared", counted)
    index = Leaks()
    ask = "Co ha num la chapitala dal pajais {} en l'Europa?"
    for n in range(30):
        asked = ask.format(WORDS[n])
        record = Record(id=str(n), source="q", question=asked, choices=(f"citad{n}", "x"), answer=0)
        index.protect(record)
    for n in range(50):
        text = ask.format(WORDS[99 + n]) + f" Citad{n}."
        assert index.find(Record(id=str(n), source="t", text=text)) == ""
    assert len(compared) == len(set(compared)) == 30
