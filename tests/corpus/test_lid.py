"""Promise D6: a wrong language is caught, and a model file, even a damaged one, does no harm."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fasttext
import pytest
from corpus_support import ROMANSH
from lid_support import SECONDS, ask_damaged

from locale_tune.api import (
    PackError,
    PluginError,
    Record,
    SourceMissing,
    StageFailed,
    sha256_file,
)
from locale_tune_corpus.lid import Lid, lid
from locale_tune_corpus.native import only_one

TALK = {
    "rm": "chasa cudesch uffant muntogna stad enviern biala nova cun per da la en ina",
    "de": "haus buch kind gebirge sommer winter schöne neue mit für von die in eine",
}
WORDS = {language: words.split() for language, words in TALK.items()}


def sentence(language: str, seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS[language], k=12))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that tells two languages apart: 60 kB."""
    folder = tmp_path_factory.mktemp("lid")
    lines = [f"__label__{name} {sentence(name, seed)}" for seed in range(300) for name in WORDS]
    (folder / "train.txt").write_text("\n".join(lines), encoding="utf-8")
    trained = fasttext.train_supervised(
        str(folder / "train.txt"), dim=8, bucket=1000, minn=2, maxn=3, thread=1, verbose=0
    )
    trained.save_model(str(folder / "lid.bin"))
    return folder / "lid.bin"


@pytest.fixture
def package(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make the filter with the model in a package: `package(keep=["rm"])`."""
    (tmp_path / "toy_lid").mkdir()
    (tmp_path / "toy_lid" / "__init__.py").touch()
    (tmp_path / "toy_lid" / "lid.bin").write_bytes(model.read_bytes())
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(**options: Any) -> Any:
        given = {"model": "package:toy_lid/lid.bin", "sha256": sha256_file(model), **options}
        return lid(ROMANSH, given)

    return make


def judged(keep: Any, text: str) -> str:
    return str(keep(Record(id="1", source="s", text=text)))


def test_a_text_of_another_language_is_dropped(package: Callable[..., Any]) -> None:
    facts: dict[str, Any] = {}
    keep = package(facts=facts)
    assert judged(keep, sentence("rm", 1000)) == ""
    assert judged(keep, sentence("de", 1000)) == "de by lid.bin"
    assert judged(keep, sentence("de", 1000).replace(" ", "\n")) == "de by lid.bin"
    assert judged(keep, "haus buch") == ""
    assert facts["labels"] == {"rm": 1, "de": 2}


def test_labels_to_keep_or_to_drop(package: Callable[..., Any]) -> None:
    assert judged(package(keep=["de", "rm"]), sentence("de", 1)) == ""
    assert judged(package(drop=["rm"]), sentence("rm", 1)) == "rm by lid.bin"
    assert judged(package(drop=["rm"]), sentence("de", 1)) == ""
    assert judged(package(min=1.5), sentence("de", 1)) == ""
    with pytest.raises(PackError, match="either labels to keep or to drop"):
        package(keep=["rm"], drop=["de"])


def test_a_model_that_is_not_pinned_or_not_here_is_refused(package: Callable[..., Any]) -> None:
    with pytest.raises(PackError, match="not pinned"):
        package(sha256="")
    with pytest.raises(SourceMissing, match="another content"):
        package(sha256="0" * 64)
    with pytest.raises(SourceMissing, match="LOCALE_TUNE_MIRROR"):
        package(model="package:toy_lid/other.bin")
    with pytest.raises(PackError, match="needs the URI of a model"):
        package(model="")


def test_a_model_changed_after_it_was_found_is_not_loaded(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "lid.bin"
    copy.write_bytes(model.read_bytes())
    identifier = Lid(copy, sha256_file(copy))
    copy.write_bytes(model.read_bytes() + b"x")
    with pytest.raises(StageFailed, match="not loaded"):
        identifier.ask(sentence("rm", 1))


def test_a_child_that_dies_is_started_once_more(model: Path) -> None:
    identifier = Lid(model, sha256_file(model), SECONDS)
    first = identifier.ask(sentence("rm", 1))
    assert identifier._child
    identifier._child.kill()
    assert identifier.ask(sentence("rm", 1)) == first
    identifier._child.kill()
    with pytest.raises(StageFailed, match=r"lid\.bin cannot be used: .* signal 9, 2 times"):
        identifier.ask(sentence("rm", 1))


@pytest.mark.slow
def test_a_child_that_hangs_is_ended(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    identifier = Lid(model, sha256_file(model), 1)
    identifier.ask(sentence("rm", 1))
    assert identifier._child
    identifier._child.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    assert identifier.ask(sentence("rm", 1))[0][0] == "rm"
    assert time.monotonic() - started < 6


def test_a_child_has_only_the_memory_it_was_given(model: Path) -> None:
    with pytest.raises(StageFailed, match="cannot be used"):
        Lid(model, sha256_file(model), SECONDS, memory=50 << 20).ask(sentence("rm", 1))


def test_the_child_goes_with_the_identifier(model: Path) -> None:
    identifier = Lid(model, sha256_file(model))
    identifier.ask(sentence("rm", 1))
    child = identifier._child
    assert child
    del identifier
    assert child.poll() is not None


def test_two_distributions_of_one_module_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("toy-fast", "toy-faster"):
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "RECORD").write_text("toy_fast/__init__.py,,\ntoy_fast/more.py,,\n")
        if name == "toy-fast":
            only_one("toy_fast")
            only_one.cache_clear()
    with pytest.raises(PluginError, match="toy-fast and by toy-faster") as told:
        only_one("toy_fast")
    assert "pip uninstall toy-fast toy-faster" in str(told.value)


@pytest.mark.slow
@pytest.mark.chaos
def test_a_damaged_model_ends_in_an_answer_or_a_sentence(
    model: Path, tmp_path: Path, chaos_n: int
) -> None:
    ask_damaged(model, tmp_path / "damaged.bin", sentence("rm", 1), max(chaos_n, 6))
