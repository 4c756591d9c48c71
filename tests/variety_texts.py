"""Real texts of near varieties, from the packs and from LOCALE_TUNE_MIRROR."""

from __future__ import annotations

import csv
import json
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from corpus_support import parts

from locale_tune import assets
from locale_tune.api import Record, read_pack

LANGUAGES = Path(__file__).parents[1] / "languages"
Row = tuple[str, str, str]
# Written down before any of these texts was looked at. Words of several dialects are in no list.
WORDS = {
    "ar-gulf": (
        "شلون شلونك شلونكم وشلون وش ايش شنو ويش الحين مو مب موب يبي ابي تبي نبي ابغى يبغى تبغى "
        "واجد وايد زين كذا ترى توه عساك خوي عيال يبه مدري هالحين علشان وشو قاعد اباه"
    ),
    "arb": (
        "الذي التي الذين اللذين سوف لماذا ماذا ليس ليست لست لقد حيث لذلك ايضا يجب هذه ذلك تلك "
        "عندما منذ نحن سيكون لدي لديه لديها لكنني اين يزال جدا فقط"
    ),
    "arz": (
        "ايه مش ازاي ازيك عايز عاوز عايزه دلوقتي كده كدا ده دي دا بتاع بتاعت ليه فين اوي بقى "
        "النهارده مفيش معلش برضه برضو احنا اهو حاجه دول امبارح بكره"
    ),
    "apc": (
        "شو هيك هلق هلا كتير منيح بدي بدك بدو بدنا كيفك لسا هاد هاي هدول عم رح متل هون تبع لح "
        "يلي مبارح ليك هلأ منشان كرمال"
    ),
}
MARKERS = {label: words.split() for label, words in WORDS.items()}


IDIOMS = {
    "Sursilvan": "rm-sursilv",
    "Sutsilvan": "rm-sutsilv",
    "Surmiran": "rm-surmiran",
    "Puter": "rm-puter",
    "Vallader": "rm-vallader",
}


def folder() -> Path:
    return Path(os.environ["LOCALE_TUNE_MIRROR"])


def of_pack(name: str) -> Iterator[Row]:
    """Yield (language, variety, text) of a pack's texts and of what it is told apart from."""
    pack = read_pack(LANGUAGES / name / f"locale_tune_{name.replace('-', '_')}")
    files = {item.source: item.path for item in assets.locate_all(pack) if item.path}
    for source in pack.sources:
        own, path = source.role == "text", files.get(source.id)
        if path and (own or source.role in ("contrast", "control", "replay")):
            for item in parts().source_kinds[source.kind].read(source, path, pack.locale):
                if isinstance(item, Record) and item.text:
                    yield (pack.locale.id if own else source.lang), source.variety, item.text


def romansh() -> Iterator[Row]:
    """Yield the texts of the pack, and the declaration of human rights in each variety."""
    yield from of_pack("rm")
    for path in sorted((folder() / "udhr-parallel").glob("roh_*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield "rm", path.stem.replace("roh_", "rm-"), line


def swiss_german() -> Iterator[Row]:
    """Yield Swiss German of an encyclopedia and of news, and Standard German of news and law."""
    tree = ElementTree.parse(folder() / "gsw-noah" / "wiki.xml")
    for sentence in tree.iter("s"):
        yield "gsw", "", " ".join(word.text or "" for word in sentence.iter("w"))
    for variety in ("gsw-BE", "gsw-ZH"):
        path = folder() / "ntrex-parallel" / f"newstest2019-ref.{variety}.txt"
        for line in path.read_text(encoding="utf-8").splitlines():
            yield "gsw", variety, line
    for name in ("ntrex-parallel/newstest2019-ref.deu.txt", "rm-constitution-5lang/de.senttok"):
        for line in (folder() / name).read_text(encoding="utf-8").splitlines():
            yield "de", "", line


def school_books() -> Iterator[tuple[str, str]]:
    """Yield (variety, text) of Romansh school books: none of the classifier's own sources."""
    path = folder() / "rm-mediomatix" / "valid.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        turns = json.loads(line)["messages"]
        for ask, answer in zip(turns[::2], turns[1::2], strict=False):
            found = re.search(
                r"into (\w+)\. The (\w+) segment:\s*```(.*?)```", ask["content"], re.S
            )
            if found:
                yield IDIOMS[found[1]], answer["content"].strip("`\n ")
                yield IDIOMS[found[2]], found[3].strip()


def tweets() -> Iterator[tuple[str, str]]:
    """Yield (variety, text) of Gulf, Egyptian and Levantine tweets, and of their translations."""
    for name, variety in (("glf", "ar-gulf"), ("egy", "arz"), ("lev", "apc")):
        path = folder() / "ar-gulf-dial2msa" / f"{name}_dev.csv"
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield variety, row["cleanedtweet2"]
                yield "arb", row.get("msa_verified") or row.get("msa", "")


def lessons() -> Iterator[tuple[str, str]]:
    """Yield (language, text) of Swiss German and German lines that say the same."""
    path = folder() / "gsw-dialogues-learn" / "dialogues.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        for spoken in json.loads(line)["lines"]:
            yield "gsw", spoken["swissGerman"]
            yield "de", spoken["german"]
