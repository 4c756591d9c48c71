"""Shares of languages and of replay: what was asked is what is drawn, at every moment."""

from __future__ import annotations

from collections import Counter
from itertools import islice, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locale_tune.api import Record, StageFailed
from locale_tune_training.mixing import Mixture, by_share, chosen, share_in_tokens, shares


def test_temperature_one_leaves_the_shares_as_they_are():
    assert shares({"rm": 30, "en": 70}) == pytest.approx({"rm": 0.3, "en": 0.7})


def test_temperature_is_the_power_of_the_shares():
    got = shares({"rm": 10, "en": 90}, temperature=2)
    assert got["rm"] / got["en"] == pytest.approx((10 / 90) ** 0.5)
    assert shares({"rm": 10, "en": 90}, temperature=1e9)["rm"] == pytest.approx(0.5)


def test_a_minimum_that_holds_changes_nothing():
    assert shares({"rm": 50, "en": 50}, least={"rm": 0.4}) == pytest.approx({"rm": 0.5, "en": 0.5})


def test_at_least_forty_percent_not_english():
    got = shares({"rm": 6, "de": 2, "en": 92}, least={"!en": 0.4})
    assert got == pytest.approx({"rm": 0.3, "de": 0.1, "en": 0.6})


def test_minimum_shares_hold_together():
    got = shares({"rm": 1, "de": 9, "en": 90}, least={"!en": 0.4, "rm": 0.35, "de": 0.2})
    assert got["rm"] >= 0.35 - 1e-6
    assert got["de"] >= 0.2 - 1e-6
    assert sum(got.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("least", "told"),
    [({"rm": 0.6, "en": 0.6}, "cannot all hold"), ({"fr": 0.1}, "no such text")],
)
def test_minimum_shares_that_cannot_be_are_refused(least, told):
    with pytest.raises(StageFailed, match=told):
        shares({"rm": 10, "en": 90}, least=least)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 10**6), min_size=2),
    st.floats(1, 10),
    st.floats(0, 0.45),
)
def test_shares_are_shares_and_keep_the_order_of_what_is_free(tokens, temperature, least):
    smallest = min(tokens, key=lambda name: (tokens[name], name))
    got = shares(tokens, temperature, {smallest: least})
    assert sum(got.values()) == pytest.approx(1)
    assert got[smallest] >= least - 1e-6
    free = sorted((n for n in tokens if n != smallest), key=lambda n: tokens[n])
    assert [got[n] for n in free] == sorted(got[n] for n in free)


def test_an_epoch_holds_the_shares_and_passes_are_even():
    languages = ["rm"] * 10 + ["en"] * 90
    lengths = [10] * 100
    order = by_share(lengths, languages, {"rm": 0.4, "en": 0.6}, seed=3)
    seen: Counter[int] = Counter()
    for epoch in range(5):
        drawn = order(epoch)
        assert drawn == order(epoch)
        assert Counter(languages[i] for i in drawn) == {"rm": 40, "en": 60}
        seen.update(drawn)
    assert {seen[i] for i in range(10)} == {20}, "every Romansh lesson equally often"
    assert max(seen[i] for i in range(10, 100)) - min(seen[i] for i in range(10, 100)) <= 1
    assert order(0) != by_share(lengths, languages, {"rm": 0.4, "en": 0.6}, seed=4)(0)


def test_shares_are_of_tokens_not_of_records():
    languages, lengths = ["rm"] * 50 + ["en"] * 50, [10] * 50 + [40] * 50
    drawn = by_share(lengths, languages, {"rm": 0.5, "en": 0.5}, seed=0)(0)
    tokens = Counter()
    for i in drawn:
        tokens[languages[i]] += lengths[i]
    assert tokens["rm"] / sum(tokens.values()) == pytest.approx(0.5, abs=0.02)


def mixture(share):
    return Mixture(repeat("n"), repeat("r"), share)


@pytest.mark.parametrize("share", [0.0, 0.2, 1 / 3])
def test_replay_keeps_its_share_at_every_moment(share):
    kinds = list(islice(mixture(share), 100))
    for n in range(1, 101):
        assert kinds[:n].count("r") == int(n * share)


def test_a_changed_share_holds_from_its_row_on_and_comes_again_after_a_crash():
    run = mixture(0.2)
    kinds = list(islice(run, 10))
    run.change(10, 0.5)
    kinds += islice(run, 10)
    assert kinds[:10].count("r") == 2
    assert kinds[10:].count("r") == 5
    assert run.replayed == 7
    again = mixture(0.2)
    again.change(10, 0.5)
    assert list(islice(again, 20)) == kinds
    with pytest.raises(ValueError, match="drawn already"):
        again.change(5, 0.9)


def test_the_anneal_takes_the_place_of_native_text_and_leaves_replay():
    run = mixture(0.25)
    run.anneal, run.anneal_from = repeat("a"), 8
    kinds = list(islice(run, 16))
    assert kinds[:8].count("a") == kinds[8:].count("n") == 0
    assert kinds[8:].count("a") == 6
    assert kinds.count("r") == 4


def test_a_share_of_bytes():
    """Replay of 4 bytes a token, native of 2: a fifth of the bytes is a ninth of the tokens."""
    share = share_in_tokens(0.2, "bytes", 2.0, 4.0)
    assert share == pytest.approx(1 / 9)
    assert 4 * share / (4 * share + 2 * (1 - share)) == pytest.approx(0.2)
    assert share_in_tokens(0.2, "tokens", 2.0, 4.0) == 0.2


def test_records_are_chosen_by_source_and_tag():
    record = Record(
        id="1", source="s", lang="rm", variety="sursilv", text="x", meta={"culture": "food"}
    )
    assert chosen(record, (), ())
    assert chosen(record, ("s",), ())
    assert not chosen(record, ("t",), ())
    for tag in ("culture", "culture=food", "lang=rm", "variety=sursilv"):
        assert chosen(record, (), (tag,)), tag
    for tag in ("culture=drink", "theme", "lang=de", "origin=synthetic"):
        assert not chosen(record, (), (tag,)), tag
    assert chosen(record, (), ("theme", "culture"))
    assert not chosen(record, ("t",), ("culture",))
