"""What report and model card say of an extension, sentence by sentence."""

from __future__ import annotations

from typing import Any

import pytest
from extension_facts import OFFER, OFFERED, ROWS, TRIMMED, certificate, extension_facts

from locale_tune_release.certificate import PROMISES, certificate_rows, passed, tally
from locale_tune_release.facts import amount, entries, part, told
from locale_tune_release.first_rows import losses, story
from locale_tune_release.trimmed import trimming
from locale_tune_release.vocabulary import answer, card_sentences, measures, upgrade
from locale_tune_tokenizer.checks.certificate import CHECKS

NONE_ADDED = {"new_tokens": 0, "reason": "already compact"}


def facts(**more: Any) -> dict[str, Any]:
    return extension_facts([], certificate=certificate(), **more)


def card(extension: dict[str, Any], **tokenizer: float) -> str:
    return " ".join(card_sentences({"extension": extension, "tokenizer": tokenizer}))


def rows(**more: Any) -> str:
    return " ".join(story(facts(rows=ROWS | more)))


@pytest.mark.parametrize(
    ("more", "lead", "why"),
    [
        ({"new_tokens": 1, "rarest": 60}, "1 token was added.", "The rarest was seen 60 times."),
        (
            {"letters": 40},
            "1,200 tokens were added, 40 of them letters that it lacked.",
            "from 1.74 to 1.61.",
        ),
        ({"reason": ""}, "1,200 tokens were added.", " The rarest was seen 112 times."),
        (NONE_ADDED, "No token was added.", "Why: already compact."),
        ({"new_tokens": 0, "reason": None}, "No token was added.", "No reason was given."),
    ],
)
def test_the_answer(more: dict[str, Any], lead: str, why: str) -> None:
    found = answer(facts(**more))
    assert found["lead"] == lead
    assert found["why"].endswith(why)


def test_no_extension_at_all() -> None:
    assert answer({})["lead"] == "The vocabulary of the base was kept; no token was added."
    assert measures({}, {}) == []
    assert upgrade({}) == ""
    assert story({}) == losses({}) == []
    assert trimming({}) is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, f"Not taken: {OFFERED}."),
        ({"replay_lines": 0}, "Its cost on other languages was not measured."),
        (
            {"reason": "it would change 12 of 300 replay lines", "replay_lines": 300},
            "Not taken: it would change 12 of 300 replay lines.",
        ),
        (
            {"reason": "it would not lower the floor", "floor_after": 1.36},
            "The pre-tokenizer was not upgraded: it would not lower the floor.",
        ),
        ({"floor_after": None}, f"The pre-tokenizer was not upgraded: {OFFER['reason']}."),
        ({"floor_after": None, "reason": ""}, ""),
        ({"accepted": True}, "3 of 600 replay lines have other ids (0.5\u00a0%)."),
    ],
)
def test_the_upgrade(more: dict[str, Any], expected: str) -> None:
    found = upgrade(facts(pretokenizer=OFFER | more))
    assert expected in found
    assert bool(found) == bool(expected)


def test_an_upgrade_accepted_without_new_tokens_was_not_written() -> None:
    found = upgrade(facts(**NONE_ADDED, pretokenizer=OFFER | {"accepted": True}))
    assert "would lower the floor" in found
    assert found.endswith("Not taken: no token was added.")


def test_figures_of_a_trimmed_base_say_so() -> None:
    (alone,) = [m for m in measures({}, facts(trimmed=TRIMMED)) if m["key"] == "words"]
    assert alone["how"].endswith("the base after trimming")


def test_one_initializer_needs_no_counts() -> None:
    assert story(facts(rows={"initializer": "mean", "rows_from": {"mean": 1_200}}))[0] == (
        "1,200 new rows began (initialiser mean): as the mean of their old pieces."
    )


def test_an_initializer_that_found_nothing_says_what_rows_came_from() -> None:
    found = rows(initializer="focus", rows_from={"focus": 0, "edge": 1_200})
    assert "(initialiser focus): 1,200 as their old pieces" in found
    assert "uses alike" not in found


def test_an_unknown_initializer_is_named() -> None:
    found = story({"rows": {"initializer": "own", "rows_from": {"own": 9}}})
    assert found[0] == "9 new rows began (initialiser own)."


def test_untied_tables_are_two() -> None:
    assert "1,200 new rows, in each of two tables, began" in rows(tied=False)


def test_rows_that_were_not_trained() -> None:
    found = rows(steps=0, trained_tokens=0)
    assert "They were not trained on their own before the model was." in found
    assert "probe" not in found


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"rows_loss_reason": "as set"}, "by next-token loss. The settings asked for this loss."),
        (
            {"rows_probe": None, "rows_loss_reason": "too few steps to compare two losses"},
            "Why this loss: too few steps to compare two losses.",
        ),
        ({"rows_loss": "distillation"}, "(and 51,200 read by the teacher), by token distillation."),
        (
            {"rows_loss_reason": ""},
            "decided: next-token loss 1.909, token distillation 1.905 bits per byte.",
        ),
    ],
)
def test_which_loss_and_why(more: dict[str, Any], expected: str) -> None:
    assert expected in rows(**more)


def test_old_rows_are_vouched_for_only_by_a_check_that_passed() -> None:
    assert "All 49,152 old rows" in rows()
    for outcome in (False, None):
        proof = certificate()
        proof["rows"]["passed"] = outcome
        assert "old rows" not in " ".join(story(extension_facts([], certificate=proof)))


def test_held_out_losses_that_were_not_measured_make_no_table() -> None:
    none = dict.fromkeys(("probe_loss_before", "probe_loss_after"))
    bits = dict.fromkeys(("bits_per_byte_before", "bits_per_byte_after"))
    assert losses(facts(rows=ROWS | none | bits)) == []
    assert [label for label, _ in losses(facts(rows=ROWS | bits))] == [
        "loss in nats per token \u2193"
    ]


def test_trimming_that_did_not_happen_has_its_reason_and_no_tables() -> None:
    found = trimming({"trimmed": {"reason": "not trimmed: no token is rare enough to go"}})
    assert found == {
        "words": ["Not trimmed: no token is rare enough to go."],
        "sizes": [],
        "saved": [],
        "languages": [],
    }


def test_trimming_says_how_much_was_counted_and_why_it_ended() -> None:
    found = trimming(facts(trimmed=TRIMMED | {"reason": "the tokens that are left have to stay"}))
    assert found is not None
    assert found["words"][1:] == [
        "Why it ended there: the tokens that are left have to stay.",
        "Use was counted in 50\u00a0% of the text.",
    ]


def test_facts_of_trimming_not_known_here_are_shown_too() -> None:
    found = trimming(facts(trimmed=TRIMMED | {"letters_kept": 80, "tables": {}}))
    assert found is not None
    assert ("letters kept", "80") in found["saved"]
    assert [size["label"] for size in found["sizes"]] == ["tokens of the vocabulary"]


def test_every_check_of_the_certificate_has_its_promise_in_words() -> None:
    later = {"trimming", "reload", "rows", "learning", "GGUF ids", "opens"}
    assert {*CHECKS, *later} <= set(PROMISES)


def test_results_are_counted() -> None:
    rows = certificate_rows(certificate())
    assert tally(rows) == "7 checks: 5 passed, 2 not run."
    assert tally(rows[:1]) == "1 check: 1 passed."
    assert passed(certificate(), "round trip")
    assert not passed(certificate(), "GGUF ids")
    assert not passed({"round trip": True}, "round trip")


def test_the_card_says_how_many_tokens_came_and_that_old_ids_stay() -> None:
    assert card(facts(), fertility_before=3.1, fertility_after=1.71) == (
        "1,200 new tokens came to the tokenizer; tokens per word went from 3.10 to 1.71. "
        "The ids of all 49,152 old tokens are unchanged."
    )


def test_the_card_takes_extends_figures_where_nothing_else_was_measured() -> None:
    assert "from 3.24 to 1.74." in card(facts())
    silent = {"fertility_before": None, "new_tokens": 1}
    assert card(facts(**silent)).startswith("1 new token came to the tokenizer. The ids")


@pytest.mark.parametrize("outcome", [False, None])
def test_the_card_vouches_for_ids_only_when_they_were_checked(outcome: bool | None) -> None:
    proof = certificate()
    proof["id stability"]["passed"] = outcome
    found = card(extension_facts([], certificate=proof))
    assert found.endswith("Whether old tokens kept their ids was not shown.")
    assert "unchanged" not in found


def test_the_card_of_a_trimmed_model_warns_of_adapters() -> None:
    for more in ({}, NONE_ADDED):
        found = card(facts(trimmed=TRIMMED, **more))
        assert found.endswith(
            "The base's vocabulary was trimmed from 49,152 to 30,000 tokens, so ids are not the "
            "base's: adapters and embeddings made for the base no longer fit."
        )
        assert "unchanged" not in found


def test_the_card_of_the_answer_zero_gives_the_reason() -> None:
    assert card(facts(**NONE_ADDED)) == "No token was added. Why: already compact."
    assert card({}) == "The vocabulary of the base was kept; no token was added."


def test_the_card_tells_of_an_upgrade_that_was_written() -> None:
    assert "upgrade" not in card(facts())
    assert "The pre-tokenizer was upgraded" in card(facts(pretokenizer=OFFER | {"accepted": True}))


@pytest.mark.parametrize("value", [None, "3", True, float("nan"), float("inf"), [1], {}])
def test_only_finite_numbers_are_amounts(value: object) -> None:
    assert amount({"a": value}, "a") is None


def test_parts_that_are_missing_are_empty() -> None:
    assert amount({"a": 3}, "a") == 3
    assert part({"a": [1]}, "a") == {}
    assert entries({"a": {"b": 1}}, "a") == []
    assert (told({}, "a"), told({"a": " why. "}, "a")) == ("", "why")
