"""Which groups are held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from locale_tune.api import Record
from locale_tune_corpus.fold import rank
from locale_tune_corpus.sides import capped, group_of, half, heldout_groups

COUNTS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4),
    st.dictionaries(st.sampled_from("xyz"), st.integers(1, 5), min_size=1),
    max_size=40,
)


def held(counts: dict[str, dict[str, int]], share: float, most: int, seed: int) -> set[str]:
    """Hold groups out by name, in the random order of the seed."""
    sizes: Counter[str] = Counter()
    for sources in counts.values():
        sizes.update(sources)
    order = sorted(counts, key=lambda name: rank(seed, name))
    numbered = ((number, counts[name]) for number, name in enumerate(order))
    return {order[number] for number in heldout_groups(numbered, sizes, share, most)}


def total(counts: dict[str, dict[str, int]], groups: Iterable[str]) -> Counter[str]:
    sizes: Counter[str] = Counter()
    for group in groups:
        sizes.update(counts[group])
    return sizes


@given(COUNTS, st.floats(0, 0.9), st.integers(0, 50), st.integers(0, 3))
def test_no_source_gives_more_than_its_share_and_all_stay_below_the_most(
    counts: dict[str, dict[str, int]], share: float, most: int, seed: int
) -> None:
    chosen = held(counts, share, most, seed)
    assert chosen <= set(counts)
    taken, all_ = total(counts, chosen), total(counts, counts)
    assert sum(taken.values()) <= most
    assert all(taken[source] <= share * size + 1 for source, size in all_.items())
    assert chosen == held(dict(reversed(counts.items())), share, most, seed)


def test_every_source_with_single_documents_gives_its_share() -> None:
    counts = {f"{source}{n}": {source: 1} for source in "xyz" for n in range(100)}
    assert total(counts, held(counts, 0.1, 400, 0)) == {"x": 10, "y": 10, "z": 10}


def test_a_small_source_is_not_crowded_out() -> None:
    counts = {f"big{n}": {"big": 1} for n in range(10_000)}
    counts |= {f"small{n}": {"small": 1} for n in range(50)}
    assert total(counts, held(counts, 0.1, 40, 0)) == {"big": 35, "small": 5}


def test_another_seed_holds_other_groups_out() -> None:
    counts = {f"g{n}": {"x": 1} for n in range(100)}
    assert held(counts, 0.1, 400, 0) != held(counts, 0.1, 400, 1)


def test_a_single_document_is_trained_on() -> None:
    assert held({"only": {"x": 1}}, 0.5, 10, 0) == set()


def test_dev_and_test_share_the_groups() -> None:
    sides = Counter(half(f"group {n}") for n in range(1000))
    assert 400 < sides["dev"] < 600
    assert sides["dev"] + sides["test"] == 1000


def test_a_cap_keeps_the_order_and_drops_the_rest() -> None:
    records = [Record(id=str(n), source="s") for n in range(50)]
    dropped: list[Record] = []
    kept = list(capped(records, 7, 0, dropped.append))
    assert [int(r.id) for r in kept] == sorted(int(r.id) for r in kept)
    assert len(kept) == 7
    assert sorted(r.id for r in kept + dropped) == sorted(r.id for r in records)
    assert {r.id for r in capped(reversed(records), 7, 0, dropped.append)} == {r.id for r in kept}


def test_no_cap_keeps_all() -> None:
    records = [Record(id="1", source="s")]
    assert list(capped(records, None, 0, lambda r: None)) == records


def test_a_record_without_a_group_stands_alone() -> None:
    assert group_of(Record(id="7", source="s")) == "7"
    assert group_of(Record(id="7", source="s", meta={"group": "g"})) == "g"
