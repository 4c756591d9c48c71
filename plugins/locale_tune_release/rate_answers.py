"""Read what raters send back. The files come from anywhere, so nothing in them is believed."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from locale_tune.api import LocaleTuneError

from .plain import clean
from .rate_items import FORMAT
from .rate_page import CHOICES

MOST_BYTES = 1_000_000
LONGEST = {"comment": 2_000, "rater": 100}
# Embeddings, overrides and isolates would turn the text around them; marks and joiners stay.
STEERING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
WORDS = {"both good": "tie", "both bad": "both bad"}


class BadAnswers(LocaleTuneError):
    """A file of answers cannot be taken as it is."""


def read_answers(path: Path, key: Mapping[str, Any]) -> dict[str, Any]:
    """Return {page, rater, answers: [{item, choice, comment}]} of one file, checked and cleaned.

    Raises BadAnswers for what is too large, no JSON, of another page or run, or names an item or a
    choice that is not on the page.
    """
    value = _json(path)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise _bad(path, "it holds no answers", "give the file that the page saved")
    page = value.get("page")
    if not isinstance(page, str) or page not in key["pages"]:
        raise _bad(
            path,
            "these are answers to a page of another run, or of this run before it was built anew",
            "add them to the run whose page it was",
        )
    answers = value.get("answers")
    if not isinstance(answers, list) or not answers:
        raise _bad(path, "nothing is answered in it", "leave the file out")
    items = key["pages"][page]["items"]
    checked = [_answer(path, answer, items) for answer in answers]
    names = [answer["item"] for answer in checked]
    if len(set(names)) < len(names):
        raise _bad(path, "it answers one question twice", "save the page again")
    return {
        "format": FORMAT,
        "page": page,
        "rater": " ".join(_text(path, value.get("rater", ""), "rater").split()),
        "answers": sorted(checked, key=lambda answer: list(items).index(answer["item"])),
    }


def ratings(sets: Sequence[Mapping[str, Any]], key: Mapping[str, Any], samples: Any) -> list[Any]:
    """Return one {prompt, choice, rater, comment} per answer: who is A is looked up here.

    `choice` is "before", "after", "tie" or "both bad".
    """
    found = []
    for one in sorted(sets, key=lambda one: key["pages"][one["page"]]["rater"]):
        page = key["pages"][one["page"]]
        for answer in one["answers"]:
            place = page["items"][answer["item"]]
            found.append(
                {
                    "prompt": samples[place["prompt"]]["prompt"],
                    "choice": WORDS.get(answer["choice"]) or place[answer["choice"]],
                    "rater": one["rater"] or f"rater {page['rater']}",
                    "comment": answer["comment"],
                }
            )
    return found


def _json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _bad(path, f"it cannot be read: {error.strerror}", "look at the path") from error
    if len(content) > MOST_BYTES:
        raise _bad(path, "it is too large to be answers", "give the file that the page saved")
    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _bad(path, "it is no JSON in UTF-8", "give the file that the page saved") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _answer(path: Path, answer: Any, items: Mapping[str, Any]) -> dict[str, str]:
    if not isinstance(answer, dict) or not _is_one_of(answer.get("item"), items):
        raise _bad(path, "it answers a question that is not on its page", "save the page again")
    if not _is_one_of(answer.get("choice"), CHOICES):
        known = ", ".join(CHOICES)
        raise _bad(path, "it holds a choice that the page does not offer", f"there are {known}")
    comment = _text(path, answer.get("comment", ""), "comment").strip()
    return {"item": answer["item"], "choice": answer["choice"], "comment": comment}


def _is_one_of(value: Any, known: Mapping[str, Any]) -> bool:
    return isinstance(value, str) and value in known


def _text(path: Path, value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST[what]:
        raise _bad(
            path, f"its {what} is no text, or too long", f"at most {LONGEST[what]:,} letters"
        )
    return clean(unicodedata.normalize("NFC", value)).translate(STEERING).replace("\ufffd", "")


def _bad(path: Path, problem: str, remedy: str) -> BadAnswers:
    return BadAnswers(problem, remedy, clean(path.name))
