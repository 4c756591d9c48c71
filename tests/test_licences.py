"""Licences become SPDX, get a rank, and the strictest one trained on decides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from locale_tune.licences import Rank, hub_id, normalise, price_list, rank, roll_up, told

TABLE = [
    ("CC0-1.0", "CC0-1.0", Rank.FREE, "cc0-1.0"),
    ("cc0", "CC0-1.0", Rank.FREE, "cc0-1.0"),
    ("Public Domain", "LicenseRef-Public-Domain", Rank.FREE, "other"),
    ("official text (Swiss URG art. 5)", "LicenseRef-URG-Art5", Rank.FREE, "other"),
    ("MIT-0", "MIT-0", Rank.FREE, "other"),
    ("pddl", "PDDL-1.0", Rank.FREE, "pddl"),
    ("mit", "MIT", Rank.ATTRIBUTION, "mit"),
    ("apache-2.0", "Apache-2.0", Rank.ATTRIBUTION, "apache-2.0"),
    ("bsd", "BSD-3-Clause", Rank.ATTRIBUTION, "bsd-3-clause"),
    ("CC BY 4.0", "CC-BY-4.0", Rank.ATTRIBUTION, "cc-by-4.0"),
    ("odc-by", "ODC-By-1.0", Rank.ATTRIBUTION, "odc-by"),
    ("Unicode-3.0", "Unicode-3.0", Rank.ATTRIBUTION, "other"),
    ("CC BY-SA 3.0", "CC-BY-SA-3.0", Rank.SHARE_ALIKE, "cc-by-sa-3.0"),
    ("gpl-3.0", "GPL-3.0", Rank.SHARE_ALIKE, "gpl-3.0"),
    ("AGPL-3.0-or-later", "AGPL-3.0-or-later", Rank.SHARE_ALIKE, "agpl-3.0"),
    ("mpl-2.0", "MPL-2.0", Rank.SHARE_ALIKE, "mpl-2.0"),
    ("gfdl", "GFDL-1.3-or-later", Rank.SHARE_ALIKE, "gfdl"),
    ("odbl", "ODbL-1.0", Rank.SHARE_ALIKE, "odbl"),
    ("llama3.1", "LicenseRef-llama3.1", Rank.SHARE_ALIKE, "llama3.1"),
    ("gemma", "LicenseRef-Gemma", Rank.SHARE_ALIKE, "gemma"),
    ("cc-by-nc-4.0", "CC-BY-NC-4.0", Rank.NON_COMMERCIAL, "cc-by-nc-4.0"),
    ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0", Rank.NON_COMMERCIAL, "cc-by-nc-sa-4.0"),
    ("CC-BY-ND-4.0", "CC-BY-ND-4.0", Rank.RESEARCH_ONLY, "cc-by-nd-4.0"),
    ("CC-BY-NC-ND-4.0", "CC-BY-NC-ND-4.0", Rank.RESEARCH_ONLY, "cc-by-nc-nd-4.0"),
    ("for research purposes only", "LicenseRef-Research-Only", Rank.RESEARCH_ONLY, "other"),
    ("LicenseRef-Acme", "LicenseRef-Acme", Rank.UNKNOWN, "other"),
    ("other", "LicenseRef-Unknown", Rank.UNKNOWN, "other"),
    ("", "LicenseRef-Unknown", Rank.UNKNOWN, "other"),
    ("no idea (ask them)", "LicenseRef-Unknown", Rank.UNKNOWN, "other"),
    ("MIT OR GPL-3.0-only", "MIT OR GPL-3.0-only", Rank.ATTRIBUTION, "mit"),
    ("MIT AND CC-BY-NC-4.0", "MIT AND CC-BY-NC-4.0", Rank.NON_COMMERCIAL, "other"),
    (
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        Rank.SHARE_ALIKE,
        "other",
    ),
    (
        "(MIT AND CC-BY-SA-4.0) OR CC-BY-NC-4.0",
        "(MIT AND CC-BY-SA-4.0) OR CC-BY-NC-4.0",
        Rank.SHARE_ALIKE,
        "other",
    ),
]


@pytest.mark.parametrize(("written", "spdx", "expected", "hub"), TABLE)
def test_table(written: str, spdx: str, expected: Rank, hub: str) -> None:
    assert normalise(written) == spdx
    assert rank(spdx) is expected
    assert hub_id(spdx) == hub


@pytest.mark.parametrize("written", [row[0] for row in TABLE])
def test_normalise_is_idempotent(written: str) -> None:
    assert normalise(normalise(written)) == normalise(written)


def source(name: str, licence: str, size: int, role: str = "text", kept: int = 5) -> dict[str, Any]:
    return {"id": name, "licence": licence, "bytes": size, "role": role, "kept": kept}


def test_one_small_source_forces_the_licence() -> None:
    found = roll_up([source("forum", "CC-BY-4.0", 993), source("stories", "CC-BY-NC-4.0", 7)])
    assert found.licence == "CC-BY-NC-4.0"
    assert found.card == "cc-by-nc-4.0"
    assert found.forced_by == ("stories",)
    assert found.share == pytest.approx(0.007)
    assert found.words == "no commercial use"


@pytest.mark.parametrize("role", ["questions", "control", "parallel", "contrast"])
def test_text_that_is_only_measured_with_does_not_bind_the_model(role: str) -> None:
    used = source("exam", "LicenseRef-Research-Only", 50, role=role)
    assert roll_up([source("forum", "MIT", 10), used]).forced_by == ("forum",)


def test_a_source_of_which_nothing_was_kept_does_not_count() -> None:
    lost = source("lost", "CC-BY-NC-4.0", 0, kept=0)
    assert roll_up([source("forum", "MIT", 10), lost]).licence == "MIT"


def test_share_alike_wins_among_equals_then_bytes_then_name() -> None:
    nc, ncsa = source("a", "CC-BY-NC-4.0", 90), source("b", "CC-BY-NC-SA-4.0", 10)
    found = roll_up([nc, ncsa])
    assert (found.licence, found.also) == ("CC-BY-NC-SA-4.0", ("CC-BY-NC-4.0",))
    assert found.forced_by == ("b", "a")
    assert found.share == 1.0
    assert roll_up([source("a", "MIT", 1), source("b", "Apache-2.0", 2)]).licence == "Apache-2.0"
    assert roll_up([source("a", "MIT", 1), source("b", "Apache-2.0", 1)]).licence == "Apache-2.0"


def test_an_unknown_licence_is_the_strictest() -> None:
    found = roll_up([source("a", "CC-BY-NC-4.0", 9), source("b", "ask them", 1)])
    assert found.rank is Rank.UNKNOWN
    assert found.card == "other"
    assert found.forced_by == ("b",)


def test_no_trained_source_leaves_the_licence_unknown() -> None:
    found = roll_up([])
    assert (found.rank, found.forced_by, found.share) == (Rank.UNKNOWN, (), None)


def test_the_base_takes_part_when_its_licence_is_known() -> None:
    found = roll_up([source("a", "MIT", 9)], base_licence="gemma")
    assert (found.card, found.forced_by, found.share) == ("gemma", ("the base model",), 0.0)
    assert roll_up([source("a", "CC-BY-NC-4.0", 9)], base_licence="mit").forced_by == ("a",)


LADDER = [
    source("forum", "CC-BY-4.0", 600),
    source("wiki", "CC-BY-SA-4.0", 300),
    source("stories", "CC-BY-NC-4.0", 70),
    source("poems", "CC-BY-NC-4.0", 20),
    source("tales", "CC-BY-NC-SA-4.0", 10),
]


def test_each_milder_licence_has_its_price_in_bytes() -> None:
    rungs = [(p.licence, p.dropped, p.lost, p.share, p.then) for p in price_list(LADDER)]
    assert rungs == [
        ("CC-BY-NC-SA-4.0", {"tales": 10}, 10, 0.01, "CC-BY-NC-4.0"),
        ("CC-BY-NC-4.0", {"stories": 70, "poems": 20}, 100, 0.1, "CC-BY-SA-4.0"),
        ("CC-BY-SA-4.0", {"wiki": 300}, 400, 0.4, "CC-BY-4.0"),
    ]
    assert [p.asks for p in price_list(LADDER)][-1] == "attribution"


def test_licences_that_only_ask_for_attribution_go_together() -> None:
    text = [source("a", "MIT", 5), source("b", "CC-BY-4.0", 7), source("c", "CC0-1.0", 9)]
    (rung,) = price_list(text)
    assert (rung.licence, rung.lost, rung.then) == ("CC-BY-4.0, MIT", 12, "CC0-1.0")


def test_no_price_where_nothing_would_be_left_or_nothing_is_asked() -> None:
    assert price_list([source("a", "CC-BY-NC-4.0", 9)]) == []
    assert price_list([source("a", "CC0-1.0", 9)]) == []
    assert price_list([]) == []


def test_what_the_base_forces_cannot_be_dropped() -> None:
    text = [source("a", "MIT", 5), source("b", "CC-BY-NC-4.0", 5)]
    assert [p.then for p in price_list(text, "gemma")] == ["LicenseRef-Gemma"]
    assert price_list(text, "cc-by-nc-4.0") == []


def test_a_source_that_is_only_measured_with_costs_nothing_and_is_not_dropped() -> None:
    exam = source("exam", "LicenseRef-Research-Only", 50, role="questions")
    assert price_list([*LADDER, exam]) == price_list(LADDER)


def test_what_is_told_is_json() -> None:
    facts = json.loads(json.dumps(told(LADDER)))
    assert (facts["spdx"], facts["without"]) == ("CC-BY-NC-SA-4.0", "CC-BY-SA-4.0")
    assert facts["prices"][0]["dropped"] == {"tales": 10}
