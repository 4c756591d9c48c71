"""docs/made-lessons.md says what the makers' settings are."""

from __future__ import annotations

import tomllib

import pytest
from docs_pages import blocks, page, rows, section, value_of

from locale_tune.api import Settings
from locale_tune_curation.back_translation import BackTranslationSettings
from locale_tune_curation.conversations import ConversationSettings
from locale_tune_curation.dialogues import DialogueSettings
from locale_tune_curation.self_instruct import SelfInstructSettings
from locale_tune_curation.teacher import TeacherSettings

PAGE = page("made-lessons.md")
TABLES = {
    "## Shared conversations": ConversationSettings,
    "## The teacher": TeacherSettings,
    "## Back-translation": BackTranslationSettings,
    "## Dialogues": DialogueSettings,
    "## Self-Instruct": SelfInstructSettings,
}


@pytest.mark.parametrize(("heading", "model"), TABLES.items())
def test_every_setting_has_a_row_with_its_default(heading: str, model: type[Settings]) -> None:
    table = rows(section(PAGE, heading))
    assert list(table) == list(model.model_fields)
    for name, field in model.model_fields.items():
        cell = table[name][1]
        told = None if cell == "none" else value_of(cell)
        assert told == (list(field.default) if isinstance(field.default, tuple) else field.default)


def test_the_example_holds_real_settings() -> None:
    [example] = blocks(PAGE, "toml")
    said = tomllib.loads(example)["settings"]["select"]
    assert said.keys() == {"teacher", "back_translation", "dialogues"}
    TeacherSettings(**said["teacher"])
    DialogueSettings(**said["dialogues"])
    assert "{text}" in BackTranslationSettings(**said["back_translation"]).ask
