"""Self-Instruct: from a few tasks written in the language, a model makes more of them.

Wang et al. 2022 (arXiv:2212.10560; github.com/yizhongw/self-instruct at 0b26cca). The released
filter drops every task that starts with a letter outside ASCII, counts words by spaces, lowers
letters, and takes no two Arabic or Chinese tasks for alike; here the language decides.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

from pydantic import Field

from locale_tune.api import Record, Settings
from locale_tune_curation.lists import items, numbered
from locale_tune_curation.rouge import Known, units, word_count
from locale_tune_curation.synthetic import CUT, Check, filled
from locale_tune_curation.teacher import Answer, Prompt, Sampling, Teacher, ask

OPENERS = "¿¡"  # with quotation marks, the only punctuation that a task may start with


class SelfInstructSettings(Settings):
    """How a teacher makes tasks from the tasks of the corpus, and lessons from these tasks."""

    tasks: int = Field(0, ge=0, description="how many tasks to make; 0: none")
    seeds: tuple[str, ...] = Field(
        (), description="tasks written in the language, besides the questions of the lessons"
    )
    prompt: str = Field(
        "{tasks}\n{next}",
        description="what asks for more tasks, in the language: {tasks} is a numbered list, "
        "{next} the number that follows",
    )
    seeds_shown: int = Field(6, ge=1, description="tasks that people wrote, in each prompt")
    made_shown: int = Field(2, ge=0, description="tasks that were made, in each prompt")
    prompts_per_round: int = Field(8, ge=1, description="prompts between two looks at the tasks")
    patience: int = Field(3, ge=1, description="rounds without a new task before it stops")
    least_words: float = Field(4, ge=0, description="shorter tasks are left out")
    most_words: float = Field(150, gt=0, description="longer tasks are left out")
    keywords: tuple[str, ...] = Field(
        (), description="words and phrases of tasks that text alone cannot answer"
    )
    starts: tuple[str, ...] = Field((), description="words that no task may start with")
    similarity: float = Field(
        0.7, ge=0, le=1, description="a task is left out if its ROUGE-L with another is above"
    )
    top_p: float = Field(0.5, gt=0, le=1, description="tasks are drawn from this share of chances")
    presence_penalty: float = Field(
        0.0,
        description="lowers what was said before; more than 0 harms languages whose words "
        "the tokenizer cuts into bytes",
    )
    ask_labels: str = Field("", description="asks for the possible answers of {task}, as a list")
    ask_labelled: str = Field("", description="asks for an input of {task} that {label} answers")
    ask_input: str = Field("", description="asks for an input of {task}; none: tasks have none")


class Task(NamedTuple):
    """A task that was made, and the prompt that the teacher made it from."""

    text: str
    prompt: Prompt


def seed_tasks(records: Iterable[Record], settings: SelfInstructSettings) -> list[str]:
    """Return the tasks of the settings and the first questions of native lessons, none twice.

    Questions that were made by a model are no seeds.
    """
    asked = (
        next((m.content for m in record.messages if m.role == "user"), "")
        for record in records
        if record.meta.get("origin", "native") == "native"
    )
    tasks = (" ".join(text.split()) for text in (*settings.seeds, *asked))
    return list(dict.fromkeys(t for t in tasks if t and word_count(t) <= settings.most_words))


def make_tasks(
    seeds: Sequence[str],
    teacher: Teacher,
    settings: SelfInstructSettings,
    check: Check,
    seed: int,
    sampling: Sampling,
    rejected: Counter[str],
) -> list[Task]:
    """Return at most `settings.tasks` tasks; `rejected` counts why others were left out.

    Stops early after `patience` rounds that bring none, or when there is no seed.
    """
    if not seeds:
        return []
    pool = Pool(seeds, settings, check)
    sampling = sampling._replace(top_p=settings.top_p, presence_penalty=settings.presence_penalty)
    turn = idle = 0
    while len(pool.made) < settings.tasks and idle < settings.patience:
        before = len(pool.made)
        draw = Random(f"{seed} {turn}")
        prompts = [pool.prompt(draw) for _ in range(settings.prompts_per_round)]
        answers = teacher.generate(prompts, 1, seed + turn, sampling)
        for prompt, answer in zip(prompts, answers, strict=True):
            pool.take(prompt, answer, rejected)
        turn += 1
        idle = 0 if len(pool.made) > before else idle + 1
    return pool.made[: settings.tasks]


class Pool:
    """The seeds and the tasks made so far. A task enters it that is sound and like no other."""

    def __init__(self, seeds: Sequence[str], settings: SelfInstructSettings, check: Check) -> None:
        self.made: list[Task] = []
        self._seeds, self._settings, self._check = seeds, settings, check
        self._known = Known(units(task) for task in seeds)

    def prompt(self, draw: Random) -> Prompt:
        """Return a prompt that shows some of the tasks, those made among those written."""
        settings = self._settings
        made = draw.sample(self.made, min(settings.made_shown, len(self.made)))
        wanted = settings.seeds_shown + settings.made_shown - len(made)
        shown = [task.text for task in made]
        shown += draw.sample(self._seeds, min(wanted, len(self._seeds)))
        draw.shuffle(shown)
        text = filled(settings.prompt, tasks=numbered(shown), next=f"{len(shown) + 1}.")
        return ask(text)

    def take(self, prompt: Prompt, answer: Answer, rejected: Counter[str]) -> None:
        """Add the tasks of an answer, or count why not; one that was cut ends with half a task.

        The answer is checked as a whole first: a single task may be too short to tell a language.
        """
        continued = self._settings.prompt.rstrip().endswith("{next}")
        found = items(answer.text, continued)
        if found and not answer.ended:
            rejected[f"task: {CUT}"] += 1
            found.pop()
        reason = self._check("\n".join(found)) if found else ""
        for text in found:
            why = reason or self.flaw(text)
            if why:
                rejected[f"task: {why}"] += 1
            else:
                self._known.add(units(text))
                self.made.append(Task(unicodedata.normalize("NFC", text), prompt))

    def flaw(self, text: str) -> str:
        """Return why a task is left out, or an empty string."""
        found = flaw_of_task(text, self._settings) or self._check(text)
        if not found and self._known.closest(units(text), self._settings.similarity):
            found = f"ROUGE-L above {self._settings.similarity:g} with another task"
        return found


def flaw_of_task(text: str, settings: SelfInstructSettings) -> str:
    """Return what is wrong with a task by itself, or an empty string."""
    words = word_count(text)
    if words < settings.least_words:
        return f"under {settings.least_words:g} words"
    if words > settings.most_words:
        return f"over {settings.most_words:g} words"
    if not _may_start(text[0]):
        return "starts with punctuation"
    if text.rstrip()[-1] in ":：":
        return "announces a list"
    said = _bare(text)
    if any(_stands(_bare(phrase), said) for phrase in settings.keywords):
        return "a keyword"
    if any(said[: len(start)] == start for start in map(_bare, settings.starts)):
        return "starts with a word of the list"
    return ""


def _may_start(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind[0] not in "PSCZ" or kind in ("Pi", "Pf") or char in f"{OPENERS}\"'„‚「『"


def _bare(text: str) -> list[str]:
    """Return the units of a text without the punctuation around them."""
    return [bare for unit in units(text) if (bare := _stripped(unit))]


def _stripped(unit: str) -> str:
    kept = [n for n, char in enumerate(unit) if unicodedata.category(char)[0] not in "PS"]
    return unit[kept[0] : kept[-1] + 1] if kept else ""


def _stands(phrase: list[str], said: list[str]) -> bool:
    size = len(phrase)
    return any(said[n : n + size] == phrase for n in range(len(said) - size + 1)) and size > 0
