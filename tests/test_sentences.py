"""Sentences in any script, by marks and by what stands beside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locale_tune.api import joined, sentences


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("Il di è bel. Ella vegn.", "rm", ["Il di è bel.", "Ella vegn."]),
        (
            "Ils 3. da mars vegn Art. 5 en vigur. Gea!",
            "",
            ["Ils 3. da mars vegn Art. 5 en vigur.", "Gea!"],
        ),
        (
            "En il nov. 2019 u p.ex. pli tard. Schi.",
            "",
            ["En il nov. 2019 u p.ex. pli tard.", "Schi."],
        ),
        ("Quai era il 1999. Uss è tut auter.", "", ["Quai era il 1999.", "Uss è tut auter."]),
        (
            "«Tge?» dumonda ella. «Na.» El tascha.",
            "",
            ["«Tge?» dumonda ella.", "«Na.»", "El tascha."],
        ),
        ("J. S. Bach è mort. Dr. Meier è là.", "", ["J. S. Bach è mort.", "Dr. Meier è là."]),
        ("Na… fin.\nSchi", "", ["Na… fin.", "Schi"]),
        ("كيف حالك؟ أنا بخير. شكراً!", "afb", ["كيف حالك؟", "أنا بخير.", "شكراً!"]),
        ("قال د. محمد كلاما. هو جا.", "afb", ["قال د. محمد كلاما.", "هو جا."]),
        ("یہ گھر ہے۔ وہ آیا۔", "ur", ["یہ گھر ہے۔", "وہ آیا۔"]),
        (
            "今天天气很好。我们去公园吧！「好。」他说。",
            "zh",
            ["今天天气很好。", "我们去公园吧！", "「好。」", "他说。"],
        ),
        ("वह घर गया। वह सो गया।", "hi", ["वह घर गया।", "वह सो गया।"]),
        ("ሰላም ነው።እሺ።", "am", ["ሰላም ነው።", "እሺ።"]),
        ("Τι κάνεις; Καλά είμαι.", "el", ["Τι κάνεις;", "Καλά είμαι."]),
        ("Ün; Duos.", "rm", ["Ün; Duos."]),
        ("", "", []),
        (" \n ", "", []),
        ("3.14 è pi", "", ["3.14 è pi"]),
    ],
)
def test_marks_end_sentences(text: str, lang: str, expected: list[str]) -> None:
    assert sentences(text, lang) == expected


def test_nothing_is_lost_but_spaces() -> None:
    text = "«Gea?» Na… (Schi.) 今天。「好」 คำ ที่ 3."
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@given(st.text(alphabet="aB3.!?؟。「」»«)… \n\u0e01", max_size=60))
def test_no_letter_is_lost_or_moved_in_any_text(text: str) -> None:
    found = sentences(text)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(part and part == part.strip() for part in found)
    assert all("\n" not in part for part in found)


def test_thai_is_cut_at_spaces_between_long_stretches() -> None:
    stretch = "ประชาชนทุกคนมีสิทธิได้รับการศึกษาอย่างเท่าเทียมกัน"
    assert sentences(f"{stretch} {stretch} {stretch}", "th") == [stretch] * 3
    assert sentences("สวัสดี ครับ", "th") == ["สวัสดี ครับ"]


def test_sentences_are_joined_as_their_script_does() -> None:
    for text in ("今天很好。「好。」他说。", "Gea. «Na!» Schi.", "كيف؟ بخير."):
        assert joined(sentences(text)) == text
    assert joined([]) == ""
