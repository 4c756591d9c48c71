"""From a task to lessons: an input where it needs one, and an answer.

Input first for open tasks. Output first for classifications (Wang et al. 2022): the labels are
made first and then an input for each, or else nearly all inputs would have one label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from locale_tune.api import Record
from locale_tune_curation.lists import items
from locale_tune_curation.rouge import word_count
from locale_tune_curation.self_instruct import SelfInstructSettings, Task
from locale_tune_curation.synthetic import (
    Check,
    Marks,
    filled,
    lesson,
    passed,
    question,
    reply,
)
from locale_tune_curation.teacher import Sampling, Teacher, ask

FEWEST, MOST, LONGEST = 2, 10, 5  # labels of a classification, and the words of one


class Work(NamedTuple):
    """What all steps need."""

    teacher: Teacher
    settings: SelfInstructSettings
    check: Check
    marks: Marks
    seed: int
    sampling: Sampling
    rejected: Counter[str]

    def say(self, prompts: Sequence[str], what: str) -> list[str]:
        """Return what the teacher answers to each prompt, nothing where that is not usable."""
        made = self.teacher.generate([ask(p) for p in prompts], 1, self.seed, self.sampling)
        return [passed(answer, what, self.check, self.rejected) for answer in made]


def make_lessons(tasks: Sequence[Task], work: Work) -> list[Record]:
    """Return the lessons of tasks; each says in `meta` whether input or output came first."""
    labels = _labels(tasks, work)
    closed = [(task, found) for task, found in zip(tasks, labels, strict=True) if found]
    opened = [task for task, found in zip(tasks, labels, strict=True) if not found]
    return [*_output_first(closed, work), *_input_first(opened, work)]


def _labels(tasks: Sequence[Task], work: Work) -> list[list[str]]:
    """Return the labels of each task: a list of a few short ones, or none for an open task."""
    template = work.settings.ask_labels
    if not (template and work.settings.ask_labelled):
        return [[] for _ in tasks]
    prompts = [ask(filled(template, task=task.text)) for task in tasks]
    answers = work.teacher.generate(prompts, 1, work.seed, work.sampling)
    found = [list(dict.fromkeys(items(a.text))) if a.ended else [] for a in answers]
    return [labels if _are_labels(labels) else [] for labels in found]


def _are_labels(labels: Sequence[str]) -> bool:
    return FEWEST <= len(labels) <= MOST and all(word_count(one) <= LONGEST for one in labels)


def _output_first(tasks: Sequence[tuple[Task, list[str]]], work: Work) -> list[Record]:
    pairs = [(task, label) for task, labels in tasks for label in labels]
    template = work.settings.ask_labelled
    given = work.say([filled(template, task=t.text, label=label) for t, label in pairs], "input")
    made = ((t, told, label) for (t, label), told in zip(pairs, given, strict=True) if told)
    return [_lesson(task, told, label, work, "output") for task, told, label in made]


def _input_first(tasks: Sequence[Task], work: Work) -> list[Record]:
    given = [""] * len(tasks)
    if work.settings.ask_input:
        given = work.say([filled(work.settings.ask_input, task=t.text) for t in tasks], "input")
        both = zip(tasks, given, strict=True)
        tasks, given = _columns([(task, told) for task, told in both if told])
    answers = work.say([_asked(t, told) for t, told in zip(tasks, given, strict=True)], "answer")
    made = [
        _lesson(t, g, a, work, "input") for t, g, a in zip(tasks, given, answers, strict=True) if a
    ]
    return [record for record in made if _is_spoken(record, work)]


def _columns(pairs: list[tuple[Task, str]]) -> tuple[list[Task], list[str]]:
    return [task for task, _ in pairs], [told for _, told in pairs]


def _asked(task: Task, given: str) -> str:
    return f"{task.text}\n\n{given}" if given else task.text


def _lesson(task: Task, given: str, answer: str, work: Work, first: str) -> Record:
    turns = (question(_asked(task, given)), reply(answer))
    return lesson(work.marks, turns, task.prompt, first=first)


def _is_spoken(record: Record, work: Work) -> bool:
    """Whether question and answer together are of the language: each may be too short to tell."""
    reason = work.check("\n".join(message.content for message in record.messages))
    if reason:
        work.rejected[f"lesson: {reason}"] += 1
    return not reason
