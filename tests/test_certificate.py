"""The certificate passes a right extension and names the check a wrong one fails."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
from tokenizer_support import ARABIC, ENGLISH, ROMANSH, no_samples, sentences, toy_spec

from locale_tune.api import StageFailed
from locale_tune_tokenizer.checks.case import Case, CheckFailed, bytes_by_id, options_of
from locale_tune_tokenizer.checks.certificate import CHECKS, certify, examine
from locale_tune_tokenizer.checks.converter import CHECK_TEXT
from locale_tune_tokenizer.formats.bytelevel import added_ids, merges_of
from locale_tune_tokenizer.formats.model_folder import Extension, extended
from locale_tune_tokenizer.formats.styles import style_of
from locale_tune_tokenizer.learning.bpe import Learned, learn
from locale_tune_tokenizer.learning.segments import count_segments, open_tokenizer, pairs

SPEC = toy_spec()
OLD = open_tokenizer(SPEC)
TEXT = sentences(ROMANSH, 200) + sentences(ARABIC, 200)
CHATS = ["<|im_start|>user\nHello.<|im_end|>\n"]
PROTECTED = [ENGLISH[0]]


def right() -> Extension:
    learned = learn(
        count_segments(OLD, TEXT),
        merges_of(SPEC),
        SPEC["model"]["vocab"],
        protected=pairs(OLD, [*PROTECTED, *CHATS, CHECK_TEXT]),
        max_new=80,
        min_count=20,
    )
    return extended(SPEC, learned)


def case(extension: Extension, **more: list[str]) -> Case:
    lines = {"target": TEXT[:50], "protected": PROTECTED, "replay": list(ENGLISH[1:]), **more}
    new = open_tokenizer(extension.spec)
    return Case(OLD, new, SPEC, extension.spec, no_samples(**lines), CHATS, 0.005)


def test_a_right_extension_passes_every_check_with_figures():
    found = certify(case(right(), control=["winter bells"]))
    assert list(found) == list(CHECKS)
    assert all(check["passed"] for check in found.values())
    assert found["reachability"]["tokens"] == 80
    assert found["id stability"]["new_tokens"] == 80
    assert found["added tokens"]["added_tokens"] == 3
    assert found["fuzz"]["texts"] > 400
    assert found["blast radius"]["protected_lines"] == 1
    assert found["blast radius"]["replay"]["lines"] == 2


def fresh_merges_first(spec: dict) -> None:
    """New merges before the old ones, as the Llama-3 path of a reference does."""
    old = len(SPEC["model"]["merges"])
    merges = spec["model"]["merges"]
    spec["model"]["merges"] = [*merges[old:], *merges[:old]]


def one_merge_missing(spec: dict) -> None:
    spec["model"]["merges"].pop()


def a_special_token_moved(spec: dict) -> None:
    largest = max(spec["model"]["vocab"].values()) + 1
    spec["model"]["vocab"]["<|im_end|>"] = largest
    spec["added_tokens"][2]["id"] = largest


def an_old_token_moved(spec: dict) -> None:
    vocab = spec["model"]["vocab"]
    vocab["!"], vocab["#"] = vocab["#"], vocab["!"]


def a_decoder_that_strips(spec: dict) -> None:
    strip = {"type": "Strip", "content": "b", "start": 1, "stop": 0}
    spec["decoder"] = {"type": "Sequence", "decoders": [spec["decoder"], strip]}


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (one_merge_missing, "reachability"),
        (a_special_token_moved, "id stability"),
        (an_old_token_moved, "id stability"),
        (a_decoder_that_strips, "round trip"),
    ],
)
def test_a_wrong_extension_is_stopped_by_name(spoil: Callable[[dict], None], check: str):
    extension = right()
    spec = copy.deepcopy(extension.spec)
    spoil(spec)
    with pytest.raises(StageFailed, match=f"'{check}'") as failure:
        certify(case(Extension(spec, extension.ids)))
    assert "leave 'extend' out" in failure.value.remedy


def test_merges_ranked_above_the_old_ones_cut_old_tokens():
    assert [part.value for part in OLD.model.tokenize("people")][-2:] == ["op", "le"]
    extension = extended(SPEC, Learned([("p", "l")], ["pl"], [100]))
    fresh_merges_first(extension.spec)
    with pytest.raises(StageFailed, match=r"'coarsening': .*people"):
        certify(case(extension, target=["two people"], protected=[]))


def test_a_protected_line_that_changes_stops_the_build():
    learned = Learned([("7", "9")], ["79"], [100])
    with pytest.raises(StageFailed, match="'blast radius': protected text changed: 'room 79'"):
        certify(case(extended(SPEC, learned), protected=["room 79"]))


def test_a_template_that_changes_stops_the_build():
    learned = Learned([("7", "9")], ["79"], [100])
    wrong = replace(case(extended(SPEC, learned)), chats=["<|im_start|>79<|im_end|>"])
    with pytest.raises(StageFailed, match="'template'"):
        certify(wrong)


def test_other_lines_that_change_are_counted_not_refused():
    learned = Learned([("7", "9")], ["79"], [100])
    control = ["room 79", "room 3", "bell", "snow"]
    wide = case(extended(SPEC, learned), control=control, replay=["79 bells"])
    found = certify(wide)["blast radius"]
    assert found["control"] == {"lines": 4, "changed": 1, "share": 0.25, "within_limit": False}
    assert found["replay"]["within_limit"] is False


def test_added_tokens_are_those_of_the_file():
    assert set(added_ids(SPEC)) <= set(OLD.get_vocab())


def test_a_merge_inside_the_check_text_of_the_converter_stops_the_build():
    learned = Learned([("3", "3")], ["33"], [100])
    with pytest.raises(StageFailed, match="'converter text'"):
        certify(case(extended(SPEC, learned)))


def test_a_failure_says_which_check_and_on_what():
    learned = Learned([("7", "9")], ["79"], [100])
    with pytest.raises(CheckFailed) as failure:
        certify(case(extended(SPEC, learned), protected=["room 79"]))
    assert failure.value.check == "blast radius"
    assert failure.value.example == "protected text changed: 'room 79'"


def test_examining_goes_on_after_a_failure_and_keeps_the_figures():
    learned = Learned([("7", "9"), ("3", "3")], ["79", "33"], [100, 100])
    found = examine(case(extended(SPEC, learned), protected=["room 79"]))
    wrong = {name for name, entry in found.items() if entry["passed"] is False}
    assert wrong == {"blast radius", "converter text"}
    assert list(found) == list(CHECKS)
    assert found["reachability"] == {"passed": True, "tokens": 2, "old_tokens_revived": 0}


def test_an_old_token_that_a_new_merge_makes_must_form_too():
    spec = copy.deepcopy(SPEC)
    spec["model"]["vocab"]["79"] = 400
    revived = extended(spec, Learned([("7", "9")], [], [100]))
    assert revived.spec["model"]["vocab"]["79"] == 400
    tokenizers = open_tokenizer(spec), open_tokenizer(revived.spec)
    right = Case(*tokenizers, spec, revived.spec, no_samples(), [], 0.005)
    assert certify(right)["reachability"] == {
        "passed": True,
        "tokens": 0,
        "old_tokens_revived": 1,
    }


def upgraded(learned: Learned) -> Case:
    """A case whose pre-tokenizer was changed on purpose to one that puts digits apart."""
    cut_spec = {**SPEC, "pre_tokenizer": toy_spec(digits=True)["pre_tokenizer"]}
    extension = extended(cut_spec, learned)
    tokenizers = OLD, open_tokenizer(extension.spec)
    lines = no_samples(target=["room 79"], protected=list(ENGLISH), replay=["a bell"])
    cut_by = open_tokenizer(cut_spec)
    return Case(*tokenizers, SPEC, extension.spec, lines, CHATS, 0.005, cut_by=cut_by)


def test_an_upgraded_pre_tokenizer_is_judged_against_itself():
    found = certify(upgraded(Learned([("#", "#")], ["##"], [100])))
    assert found["options"]["upgraded_pre_tokenizer"]
    assert found["coarsening"]["passed"]


def test_an_upgrade_that_the_converter_cannot_name_is_not_called_passed():
    spec = toy_spec()
    merges = [["3", "3"], ["33", "3"]]
    spec["model"]["merges"] += merges
    spec["model"]["vocab"] |= {"33": 400, "333": 401}
    cut_spec = {**spec, "pre_tokenizer": toy_spec(digits=True)["pre_tokenizer"]}
    old, new = open_tokenizer(spec), open_tokenizer(cut_spec)
    found = certify(Case(old, new, spec, cut_spec, no_samples(), [], 0.005, cut_by=new))
    assert found["converter text"]["passed"] is None
    assert "no name for the new one" in found["converter text"]["why"]


def test_bytes_are_compared_not_letters():
    """In the byte alphabet a letter outside ASCII is long; an added token is plain text."""
    spelt = bytes_by_id(OLD, style_of(SPEC))
    line = "sün <|im_end|> ü"
    assert b"".join(spelt(number) for number in OLD.encode(line).ids) == line.encode()


def test_options_that_mean_the_same_are_the_same():
    """Older files leave out what is the default now."""
    spec = copy.deepcopy(SPEC)
    for name in ("ignore_merges", "byte_fallback", "fuse_unk", "dropout"):
        del spec["model"][name]
    spec["model"] |= {"continuing_subword_prefix": "", "end_of_word_suffix": ""}
    assert options_of(open_tokenizer(spec)) == options_of(OLD)
