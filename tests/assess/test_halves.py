"""Dev fits the temperature, test is reported, and no group stands on both sides."""

from __future__ import annotations

from locale_tune.api import Record
from locale_tune_assess.halves import halves


def asked(name: str, group: str = "", source: str = "own", **meta: str) -> Record:
    meta |= {"group": group} if group else {}
    return Record(id=name, source=source, question="?", choices=("a", "b"), answer=0, meta=meta)


def test_what_the_source_says_stays() -> None:
    records = [asked(f"{n}", split="dev" if n < 3 else "test") for n in range(10)]
    parts = halves(records, 0)
    assert (parts.dev, parts.test) == ([0, 1, 2], [*range(3, 10)])
    assert parts.how == "as the sources say"


def test_a_source_that_says_nothing_gets_half_drawn_by_seed_and_group() -> None:
    records = [asked(f"{n}", group=f"g{n // 4}") for n in range(400)]
    parts = halves(records, 0)
    assert parts == halves(records, 0)
    assert parts.dev != halves(records, 1).dev
    assert parts.how == "drawn by group"
    assert sorted(parts.dev + parts.test) == [*range(400)]
    assert not {n // 4 for n in parts.dev} & {n // 4 for n in parts.test}
    assert 120 < len(parts.dev) < 280


def test_the_same_group_of_two_silent_sources_is_on_one_side() -> None:
    records = [asked(f"{s}{n}", group=f"g{n}", source=s) for s in "xy" for n in range(50)]
    parts = halves(records, 0)
    assert {n % 50 for n in parts.dev} & {n % 50 for n in parts.test} == set()


def test_a_tested_group_fits_no_temperature() -> None:
    records = [
        asked("a", group="g", split="dev"),
        asked("b", group="g", split="test", source="other"),
        asked("c", group="h", split="dev"),
    ]
    parts = halves(records, 0)
    assert (parts.dev, parts.test) == ([2], [1])


def test_halves_drawn_by_collect_are_called_drawn() -> None:
    drawn = asked("a", split="dev", split_by="group")
    assert halves([drawn], 0).how == "drawn by group"
    both = halves([drawn, asked("b", split="test", source="other")], 0)
    assert both.how == "as the sources say, or drawn by group"


def test_of_a_source_that_says_it_of_some_the_others_are_test() -> None:
    parts = halves([asked("a", split="dev"), asked("b")], 0)
    assert (parts.dev, parts.test) == ([0], [1])
