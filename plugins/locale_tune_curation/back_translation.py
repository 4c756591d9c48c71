"""Instruction back-translation: a native text is the answer, a model makes the question to it.

Li et al. 2023 (arXiv:2308.06259). What is learned from is then written by people; only the
question is not. For a variety that models confuse with a larger one this is the way to take:
answers that a model writes in it drift towards the larger one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from difflib import SequenceMatcher
from heapq import nsmallest

from pydantic import Field

from locale_tune.api import Locale, Record, Settings
from locale_tune_curation.rouge import units, word_count
from locale_tune_curation.selectors import rank
from locale_tune_curation.synthetic import Check, Marks, filled, lesson, passed, question, reply
from locale_tune_curation.teacher import Sampling, Teacher, ask

COPIED = 4  # words in a row that a question takes from its answer, if they are most of it
BACK, FORWARD = "back-translation", "forward"


class BackTranslationSettings(Settings):
    """How native texts become answers to questions that a teacher makes."""

    lessons: int = Field(0, ge=0, description="how many native texts to make into lessons; 0: none")
    ask: str = Field(
        "", description="asks, in the language, for the question that {text} is the answer to"
    )
    least_bytes: int = Field(200, ge=0, description="shorter texts are no answers")
    most_bytes: int = Field(2000, gt=0, description="longer texts are left out: an answer is whole")
    most_words: float = Field(60, gt=0, description="longer questions are left out")


def preferred(locale: Locale) -> str:
    """Return which way to make lessons: back from native text where varieties are confusable."""
    return BACK if locale.variety_of or locale.contrasts else FORWARD


def back_translated(
    texts: Iterable[Record],
    teacher: Teacher,
    settings: BackTranslationSettings,
    check: Check,
    marks: Marks,
    seed: int,
    sampling: Sampling,
    rejected: Counter[str],
) -> list[Record]:
    """Return lessons whose answers are native texts, unchanged; which texts, the seed decides.

    Language, variety, source and group are the text's own. Texts that are not native are left.
    """
    fit = (
        text
        for text in texts
        if "origin" not in text.meta
        and settings.least_bytes <= len(text.text.encode()) <= settings.most_bytes
    )
    chosen = nsmallest(settings.lessons, fit, key=lambda text: rank(seed, text.id))
    prompts = [ask(filled(settings.ask, text=text.text.strip())) for text in chosen]
    answers = teacher.generate(prompts, 1, seed, sampling)
    made = []
    for text, prompt, answer in zip(chosen, prompts, answers, strict=True):
        asked = passed(answer, "question", check, rejected)
        reason = flaw_of_question(asked, text.text, settings) if asked else ""
        if reason:
            rejected[f"question: {reason}"] += 1
        elif asked:
            own = marks._replace(
                lang=text.lang or marks.lang,
                variety=text.variety or marks.variety,
                source=text.source,
            )
            turns = (question(asked), reply(text.text.strip()))
            group = text.meta.get("group", text.id)
            more = {"from": text.id, "way": BACK, "answer": "native", "group": group}
            made.append(lesson(own, turns, prompt, **more))
    return made


def flaw_of_question(asked: str, text: str, settings: BackTranslationSettings) -> str:
    """Return why a question does not fit its answer, or an empty string."""
    if word_count(asked) > settings.most_words:
        return f"over {settings.most_words:g} words"
    said, told = units(asked), units(text)
    run = SequenceMatcher(None, said, told, autojunk=False).find_longest_match()
    copied = said[run.a : run.a + run.size]
    if 2 * run.size > len(said) and word_count(" ".join(copied)) >= COPIED:
        return "a piece of its answer"
    return ""
