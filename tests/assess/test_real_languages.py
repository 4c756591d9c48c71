"""Near languages on real text: labels, word lists, markers. Run with -s to see every figure."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from variety_texts import LANGUAGES, of_pack

import locale_tune_corpus
from locale_tune.api import Record, read_pack, write_records
from locale_tune_assess.identifying import SHORT, Languages
from locale_tune_assess.markers import Markers

pytestmark = [
    pytest.mark.mirror,
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("LOCALE_TUNE_MIRROR"),
        reason="LOCALE_TUNE_MIRROR is not set: real texts are not read",
    ),
]
HELD = 10  # one text in ten is held out
WORDS = 30  # of a text, as long as an answer


@pytest.fixture(scope="module", params=["rm", "ar-gulf"])
def world(request, tmp_path_factory):
    """Return the pack, what tells languages apart, and held-out texts by language."""
    pack = read_pack(LANGUAGES / request.param / f"locale_tune_{request.param.replace('-', '_')}")
    folder = tmp_path_factory.mktemp(request.param)
    own: list[Record] = []
    others: list[Record] = []
    held: list[tuple[str, str]] = []
    for number, (lang, variety, text) in enumerate(of_pack(request.param)):
        mine = lang == pack.locale.id
        if number % HELD == 0:
            held.append(("own" if mine else lang, " ".join(text.split()[:WORDS])))
            continue
        tag = pack.locale.tag if mine else lang
        record = Record(id=str(number), source="s", lang=tag, variety=variety, text=text)
        (own if mine else others).append(record)
    write_records(folder / "text", own)
    write_records(folder / "contrast", others)
    filters = {each.name: each for each in locale_tune_corpus.locale_tune_filters()}
    known = Languages(pack.locale, folder, filters, "variety-id", folder / "work", 0)
    return pack, known, held


def shares(known, held):
    """Return, by language, how many held-out texts have a label and the share named right."""
    seen, right = Counter(), Counter()
    for lang, text in held:
        label = known.label(text)
        if label != SHORT:
            seen[lang] += 1
            right[lang] += label == lang or (lang == "own" and label in known.own)
    return {lang: (count, round(right[lang] / count, 3)) for lang, count in sorted(seen.items())}


def test_native_text_is_the_language_and_the_sibling_is_not(world):
    pack, known, held = world
    found = shares(known, held)
    print(pack.locale.id, found)
    assert found["own"][1] >= 0.95
    for contrast in pack.locale.contrasts:
        assert found[contrast][1] >= 0.85, contrast


def test_native_text_holds_few_foreign_words_and_the_sibling_many(world):
    pack, known, held = world
    share = {}
    for lang in ("own", *pack.locale.contrasts):
        texts = [text for name, text in held if name == lang]
        share[lang] = round(sum(bool(known.words.strange(text)) for text in texts) / len(texts), 3)
    print(pack.locale.id, share)
    assert share["own"] <= 0.08
    assert all(share[lang] >= 4 * share["own"] for lang in pack.locale.contrasts)


def test_markers_are_precise(world):
    pack, _, held = world
    markers = Markers(pack.settings["assess"]["markers"])
    for label in markers.lists:
        own = label == pack.locale.id
        names = {"own" if own else label}
        texts = {lang: [t for name, t in held if name == lang] for lang, _ in held}
        hits = {
            lang: round(sum(markers.says(t, [label]) for t in found) / len(found), 3)
            for lang, found in texts.items()
        }
        print(pack.locale.id, label, hits)
        rest = [hits[lang] for lang in ("own", *pack.locale.contrasts) if lang not in names]
        assert max(rest) <= 0.05, f"{label} is found elsewhere"
        assert min(hits[name] for name in names) > 2 * max(rest)
