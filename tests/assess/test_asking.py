"""Which prompts are asked, and in which variety."""

from __future__ import annotations

from language_support import Speaker

from locale_tune.api import write_records
from locale_tune_assess.asking import Asked, answers, asked, without_echo
from locale_tune_assess.settings import AssessSettings


def test_the_prompts_of_the_corpus_are_asked_with_their_variety(make_context, doc):
    records = [doc("a", " Tge? ").model_copy(update={"variety": "rm-rumgr"}), doc("b", "Co?")]
    context = make_context(prompts=("Nua?",))
    assert asked(context) == [Asked("prompt-0", "Nua?", "rm")]
    write_records(context.corpus / "prompts", records)
    assert asked(context) == [Asked("a", "Tge?", "rm-rumgr"), Asked("b", "Co?", "rm")]


def test_prompts_in_another_language_are_not_asked(make_context, doc):
    context = make_context(prompts=("Nua?",))
    write_records(context.corpus / "prompts", [doc("a", "Tge?"), doc("b", "Where?", "en")])
    assert [one.text for one in asked(context)] == ["Tge?"]


def test_at_most_so_many_are_asked(make_context, doc):
    context = make_context(settings=AssessSettings(max_prompts=3))
    write_records(context.corpus / "prompts", [doc(str(i), f"Tge è {i}?") for i in range(9)])
    assert len(asked(context)) == 3


def test_both_models_answer_the_same_prompts(make_context):
    context = make_context(
        Speaker("before", "gea"), Speaker("after", "na"), prompts=("Co?", "Nua?")
    )
    assert answers(context, asked(context)) == (["gea", "gea"], ["na", "na"])
    assert context.before.asked == context.after.asked == ["Co?", "Nua?"]


def test_a_part_of_the_prompt_is_an_echo_too():
    assert without_echo("Tge è in lai?\n\nAua.", "Di: Tge è  in lai? Curt.") == "\nAua."
    assert without_echo("", "Tge?") == ""
