"""The floor falls when marks stay with their letters, and only where replay text allows it."""

from __future__ import annotations

import json

import pytest
from tokenizer_support import ENGLISH, llama3_split, to_letters, toy_sentencepiece, toy_spec
from tokenizers import Tokenizer

from locale_tune_tokenizer.formats.pretokenizer import GPT2, marked, upgrade, with_marks
from locale_tune_tokenizer.learning.segments import open_tokenizer

HINDI = ["हिन्दी में लिखा हुआ पाठ", "मुझे किताबें पढ़ना पसंद है"]
EMOJI = "heart \u2764\ufe0f and family \U0001f468\u200d\U0001f469"


def llama3_spec() -> dict:
    spec = toy_spec()
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.pre_tokenizer = llama3_split()
    return json.loads(tokenizer.to_str())


def pieces(spec: dict, text: str) -> list[str]:
    found = open_tokenizer(spec).pre_tokenizer.pre_tokenize_str(text)
    return [text[start:end] for _, (start, end) in found]


@pytest.mark.parametrize("spec", [toy_spec(), toy_spec(digits=True), llama3_spec()])
def test_a_word_with_marks_becomes_one_piece(spec):
    better = marked(spec)
    assert better is not None
    assert len(pieces(spec, HINDI[0])) > 5
    assert pieces(better, HINDI[0]) == ["हिन्दी", " में", " लिखा", " हुआ", " पाठ"]


@pytest.mark.parametrize("spec", [toy_spec(), toy_spec(digits=True), llama3_spec()])
@pytest.mark.parametrize("text", [*ENGLISH, EMOJI, "42 don't! (x_y)  \n\t", "日本語 テキスト"])
def test_text_without_marks_after_letters_is_cut_as_before(spec, text):
    better = marked(spec)
    assert better is not None
    assert pieces(better, text) == pieces(spec, text)


def test_nothing_else_of_the_file_changes():
    spec = toy_spec(digits=True)
    better = marked(spec)
    assert better is not None
    assert {**better, "pre_tokenizer": None} == {**spec, "pre_tokenizer": None}


def test_sets_of_letters_stay_as_they_are():
    assert with_marks(r" ?[^\s\p{L}\p{N}]+|\p{L}+") == r" ?[^\s\p{L}\p{N}]+|\p{L}[\p{L}\p{M}]*"
    assert GPT2.count(r"\p{L}+") == 1


def test_there_is_nothing_to_upgrade_where_marks_stay_already():
    better = marked(toy_spec())
    assert better is not None
    assert marked(better) is None
    assert marked(toy_sentencepiece()) is None
    prefixed = toy_spec()
    prefixed["pre_tokenizer"]["add_prefix_space"] = True
    assert marked(prefixed) is None


def test_it_is_taken_when_it_helps_and_replay_keeps_its_ids():
    found = upgrade(toy_spec(), HINDI, list(ENGLISH), 0.005)
    assert found.spec is not None
    assert (found.floor_after, found.replay_lines, found.replay_changed) == (1.0, 3, 0)
    assert found.floor_before > 2
    assert found.facts()["accepted"] is True


def test_it_is_refused_when_too_much_replay_changes():
    spec = toy_spec()
    spec["model"]["merges"].append(["e", to_letters("\u0301")[0]])
    spec["model"]["vocab"]["e" + to_letters("\u0301")[0]] = 900
    replay = ["cafe\u0301", *ENGLISH]
    found = upgrade(spec, HINDI, replay, 0.2)
    assert found.spec is None
    assert "1 of 4 replay lines" in found.reason
    assert upgrade(spec, HINDI, replay, 0.25).spec is not None


def test_it_is_refused_without_need_and_without_replay():
    assert "would not lower" in upgrade(toy_spec(), list(ENGLISH), list(ENGLISH), 1.0).reason
    assert "no replay text" in upgrade(toy_spec(), HINDI, [], 1.0).reason
    kept = upgrade(toy_sentencepiece(), HINDI, list(ENGLISH), 1.0)
    assert "already" in kept.reason


def test_an_upgrade_nobody_asked_for_is_only_offered():
    offered = upgrade(toy_spec(), HINDI, list(ENGLISH), 0.005).only_offered()
    assert offered.spec is None
    assert offered.facts()["accepted"] is False
    assert offered.reason.startswith("offered, not asked for")
    refused = upgrade(toy_spec(), HINDI, [], 1.0)
    assert refused.only_offered() is refused
