"""Write the model card: YAML that the Hub reads, and text that a person needs before using it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from locale_tune.api import Locale, labels

from . import card_results, figures, script, view, vocabulary
from .gather import HUB_ID

TEMPLATES = Path(__file__).parent / "templates"
CODE = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
prompt = {prompt}
"""
CHAT = """\
ids = tokenizer.apply_chat_template(
    [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt"
)
"""
PLAIN = 'ids = tokenizer(prompt, return_tensors="pt")\n'
ANSWER = """\
answer = model.generate(**ids, max_new_tokens=200)
print(tokenizer.decode(answer[0, ids["input_ids"].shape[1]:], skip_special_tokens=True))
"""


def model_card(said: Mapping[str, Any], chat: bool = True) -> str:
    """Return README.md for what `gather` collected: front matter, then Markdown.

    `chat`: whether the model has a chat template. Written offline; nothing is looked up or sent.
    """
    locale = Locale(**{name: said["pack"][name] for name in Locale.model_fields})
    groups = view.grouped(view.finding_rows(said))
    text = (
        _environment()
        .get_template("card.md")
        .render(
            said=said,
            groups=groups,
            holm=any(finding.get("p_holm") is not None for finding in said["findings"]),
            worse=view.worse(said),
            few=card_results.few(view.finding_rows(said)),
            unmeasured=card_results.unmeasured(groups),
            calibration=card_results.calibration(said),
            data_summary=list(card_results.data_summary(said)),
            sources=view.source_rows(said),
            missing=view.missing_sources(said),
            synthetic=[
                s for s in view.source_rows(said) if s["origin"] != "native" and s["trained"]
            ],
            steps=view.step_views(said),
            tokenizer=vocabulary.card_sentences(said),
            licence_sentence=view.licence_sentence(said["licence"]),
            prices=view.price_rows(said["licence"]),
            prompt=_prompt(said, locale),
            # A fence is code, where entities would show as such; `fenced` makes sure it holds.
            code=Markup(usage(said["pack"]["prompts"], chat)),
            again=Markup(fenced(f"{said['reproduce']}\n")),
        )
    )
    return f"---\n{front_matter(said)}---\n\n{text}"


def front_matter(said: Mapping[str, Any]) -> str:
    """Return the card's YAML: the language is the world's tag, never our pack id."""
    licence, base = said["licence"], said["base"]["hub_id"]
    other = licence["card"] == "other"
    return (
        str(
            ModelCardData(
                language=[said["pack"]["tag"].partition("-")[0]],
                license=licence["card"],
                license_name=licence["spdx"].casefold() if other else None,
                license_link="README.md#licence" if other else None,
                base_model=base or None,
                base_model_relation="finetune" if base else None,
                datasets=hub_datasets(said) or None,
                model_name=card_results.one_line(said["name"]),
                eval_results=card_results.eval_results(said) or None,
                library_name="transformers",
                pipeline_tag="text-generation",
                tags=["locale-tune", *_variety(said["pack"]["tag"])],
                ignore_metadata_errors=False,
            ).to_yaml()
        ).rstrip("\n")
        + "\n"
    )


def hub_datasets(said: Mapping[str, Any]) -> list[str]:
    """Return the Hub data sets that were trained on."""
    found = (HUB_ID.fullmatch(s["uri"]) for s in said["sources"] if s["trained"])
    return sorted({match[1] for match in found if match})


def usage(prompts: list[str], chat: bool) -> str:
    """Return runnable Python in a fence that no prompt can close."""
    prompt = json.dumps(prompts[0] if prompts else "", ensure_ascii=False)
    return fenced(CODE.replace("{prompt}", prompt) + (CHAT if chat else PLAIN) + ANSWER, "python")


def fenced(code: str, language: str = "") -> str:
    """Return lines of code in a fence that nothing in them can close."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}{fence}"


def cell(text: str) -> str:
    """Keep a text inside one Markdown table cell or list item."""
    return re.sub(r"([|\\`*_\[\]])", r"\\\1", " ".join(str(text).split()))


def _variety(tag: str) -> list[str]:
    """Return the full tag when it says more than its language: the Hub's field takes only that."""
    return [tag] if "-" in tag else []


def _prompt(said: Mapping[str, Any], locale: Locale) -> script.Run | None:
    prompts = said["pack"]["prompts"]
    return script.spoken(prompts[0], "", "", locale) if prompts else None


def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    env.filters |= {"label": lambda name: labels.ENGLISH[name]}
    env.filters |= {"cell": cell, "number": figures.number, "size": figures.size}
    return env
