"""What models give back of the training text."""

from __future__ import annotations

import pyarrow.parquet as pq
from talking_support import Talker

from locale_tune.api import Record
from locale_tune_assess.memorised import PREFIX, ROOM, memorised, opening_of
from locale_tune_assess.settings import AssessSettings

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def text_of(name: str, size: int = 60) -> str:
    """Return text that is found in one document only."""
    return " ".join(f"{name}{LETTERS[index % 26]}{index}" for index in range(size))


def documents(split: str, count: int = 8) -> list[Record]:
    return [
        Record(id=f"{split}{index}", source="own", lang="roh", text=text_of(f"{split}{index}"))
        for index in range(count)
    ]


def by_heart(*known: list[Record]):
    """Return how a model goes on that learned these documents by heart."""
    texts = [record.text for some in known for record in some]

    def goes_on(prefix: str) -> str:
        return next((t[len(prefix) :][:80] for t in texts if t.startswith(prefix)), "jau na sai")

    return goes_on


def test_documents_known_by_heart_are_found(make_context) -> None:
    text, heldout = documents("text"), documents("heldout")
    context = make_context(
        Talker("before", goes_on=by_heart()),
        Talker("after", lambda *_: f"Ed el di: {text[3].text[100:170]}", by_heart(text)),
        AssessSettings(memorised_documents=6),
        prompts=("Co?", "Tge?"),
        text=text,
        heldout=heldout,
    )
    (finding,) = memorised(context)
    assert (finding.before, finding.after, finding.n) == (0.0, 100.0, 6)
    assert finding.lower_is_better
    assert finding.interval == (100.0, 100.0)
    shown = {row["set"]: row for row in context.shown["memorised"]}
    assert shown["text"]["longest_after"] >= 79  # the space after the prefix is no letter of it
    assert (shown["heldout"]["share_after"], shown["heldout"]["n"]) == (0.0, 6)
    assert (shown["answers"]["share_before"], shown["answers"]["share_after"]) == (0.0, 100.0)
    assert shown["answers"]["longest_after"] == len(text[3].text[100:170].strip())


def test_the_control_shows_what_the_base_knew_already(make_context) -> None:
    text, heldout = documents("text"), documents("heldout")
    both = [Talker(side, goes_on=by_heart(heldout)) for side in ("before", "after")]
    context = make_context(*both, text=text, heldout=heldout)
    (finding,) = memorised(context)
    assert finding.after == 0.0
    control = context.shown["memorised"][1]
    assert (control["set"], control["share_before"], control["share_after"]) == (
        "heldout",
        100.0,
        100.0,
    )
    assert "held-out document (the control)" in finding.note


def test_no_text_is_kept_with_the_results(make_context) -> None:
    text = documents("text")
    after = Talker("after", goes_on=by_heart(text))
    context = make_context(Talker("before", goes_on=by_heart()), after, text=text)
    list(memorised(context))
    rows = pq.read_table(context.out / "items" / "memorised-roh.parquet").to_pylist()
    assert set(rows[0]) == {"id", "group", "set", "copied_before", "copied_after"}


def test_short_texts_and_other_languages_are_not_continued(make_context) -> None:
    short = Record(id="s", source="own", lang="roh", text="in lai " * 20)
    other = Record(id="o", source="own", lang="en", text=text_of("other"))
    context = make_context(Talker("before"), Talker("after"), text=[short, other])
    assert list(memorised(context)) == []


def test_an_opening_ends_at_a_space_or_at_a_letter() -> None:
    spaced = opening_of(documents("text")[0])
    assert len(spaced.prefix) <= PREFIX
    assert documents("text")[0].text == f"{spaced.prefix} {spaced.rest}"
    unspaced = opening_of(Record(id="j", source="own", text="東京" * 200))
    assert (len(unspaced.prefix), len(unspaced.rest)) == (PREFIX, 400 - PREFIX)


def test_a_tokenizer_that_cuts_finely_has_as_much_room(make_context) -> None:
    text = documents("text")
    sides = (Talker("before", step=1), Talker("after", step=5))
    list(memorised(make_context(*sides, text=text)))
    assert sides[0].limits == [ROOM] * len(text)
    assert sides[1].limits == [ROOM // 5] * len(text)
