"""Options of filters: what no filter reads is told before the build."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from corpus_support import ROMANSH

from locale_tune.api import LanguagePack, PackError
from locale_tune_corpus import FILTERS
from locale_tune_corpus.options import KNOWN, check


def checked(options: dict[str, Any], *filters: str) -> None:
    step = SimpleNamespace(stage="collect", settings={"filter_options": options})
    pack = LanguagePack(
        locale=ROMANSH, base_model="", stages=(), sources=(), filters=filters, root=Path()
    )
    check(SimpleNamespace(steps=[step]), pack)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lenght": {"min": 9}}, "no filter 'lenght'.*\n.*did you mean 'length'"),
        ({"length": {"minn": 9}}, "'length' has no option 'minn'.*\n.*did you mean 'min'"),
        ({"hygiene": {"strict": True}}, "'hygiene' has no option 'strict'.*\n.*options are none"),
        ({"repetition": {}}, "no filter 'repetition'.*\n.*filters lists length, hygiene"),
    ],
)
def test_what_nothing_reads_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(PackError) as error:
        checked(options, "length", "hygiene")
    assert re.search(said, str(error.value)), error.value


def test_what_is_read_passes_and_others_check_their_own() -> None:
    checked({"length": {"min": 9}, "mine": {"words": 3}}, "length", "mine")
    assert KNOWN.keys() | {"quality", "boilerplate"} == FILTERS.keys()
