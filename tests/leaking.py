"""Make training text out of tested items: as they stand, spelt otherwise, and reworded by rule."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from locale_tune.api import Message, Record
from locale_tune_corpus.leaks import Leaks

AROUND = ("Quest è in auter text davart insatge auter.", "E qua finescha la chaussa per oz.")
ALEF = re.compile("[اأإآ]")
ARABIC_LETTER = re.compile("[\u0628-\u064a]")
FATHA, SHADDA, TATWEEL = "\u064e", "\u0651", "\u0640"
MARKS = re.compile(r"[^\w\s\u0300-\u036f\u0900-\u0dff\u064b-\u0652]")


def respelt(text: str, pick: random.Random) -> str:
    """Write a text with other alef forms, signs, tatweel, capitals and digits."""
    text = ALEF.sub(lambda found: pick.choice("اأإ"), text)
    text = text.replace("ة", "ه") if pick.random() < 0.5 else text.replace("ه ", "ة ")
    text = text.replace("ى", "ي")
    text = ARABIC_LETTER.sub(
        lambda found: found[0] + pick.choice(["", "", FATHA, SHADDA + FATHA, TATWEEL]), text
    )
    if re.search("[\u0600-\u06ff]", text):
        text = text.translate({0x30 + digit: chr(0x660 + digit) for digit in range(10)})
    return text.upper() if pick.random() < 0.5 else text.title()


def reworded(text: str, pick: random.Random, vocabulary: list[str]) -> str:
    """Change the punctuation, and replace or drop one word, or swap two neighbours."""
    words = text.split()
    place = pick.randrange(len(words))
    rule = pick.choice(("replace", "drop", "swap"))
    if rule == "replace":
        words[place] = pick.choice(vocabulary)
    elif rule == "drop":
        del words[place]
    elif len(words) > 1:
        place = min(place, len(words) - 2)
        words[place : place + 2] = reversed(words[place : place + 2])
    return MARKS.sub(lambda found: pick.choice((found[0], " ", " – ", "! ")), " ".join(words))


def leaked(item: Record, pick: random.Random, words: str) -> Record:
    """Put an item into training text: between other text, and a question with its answer."""
    before, after = AROUND
    if not item.question:
        return Record(id="leak", source="train", text=f"{before}\n{words}\n{after}")
    assert item.answer is not None
    answer = item.choices[item.answer]
    if pick.random() < 0.5:
        turns = (Message(role="user", content=words), Message(role="assistant", content=answer))
        return Record(id="leak", source="train", messages=turns)
    choices = "\n".join(f"- {choice}" for choice in item.choices)
    return Record(
        id="leak", source="train", text=f"{before}\n{words}\n{choices}\n{answer}\n{after}"
    )


def protecting(items: Sequence[Record]) -> Leaks:
    """Return an index of the items."""
    leaks = Leaks()
    for item in items:
        leaks.protect(item)
    return leaks


def verbatim(text: str, pick: random.Random) -> str:
    """Write a text as it stands."""
    return text


def found(
    leaks: Leaks, items: Sequence[Record], write: Callable[[str, random.Random], str]
) -> float:
    """Return the share of items that are found once they stand in training text."""
    pick = random.Random(4)
    hits = 0
    for item in items:
        train = leaked(item, pick, write(item.question or item.text, pick))
        reason = leaks.find(train)
        assert not reason or reason.startswith(("holds a held-out text: ", "holds a question and "))
        hits += bool(reason)
    return hits / len(items)
