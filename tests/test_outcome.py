"""What `extend` says about itself: figures, reasons and notes, also when the answer is zero."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from locale_tune.api import read_json
from locale_tune_tokenizer.formats.model_folder import copy_model
from locale_tune_tokenizer.formats.styles import SENTENCEPIECE
from locale_tune_tokenizer.learning.bpe import Learned
from locale_tune_tokenizer.learning.new_tokens import Sized
from locale_tune_tokenizer.learning.segments import Figures
from locale_tune_tokenizer.outcome import LISTED, Outcome, write_outcome

BEFORE, AFTER = Figures(100, 2.5, 1.0, 3.0), Figures(100, 1.5, 1.0, 4.5)
LEARNED = Learned([("a", "b"), ("Ġ", "ab")], ["ab", "Ġab"], [90, 60], Counter(digit=2))
TAKEN = Sized(LEARNED, [(0, 2.5), (2, 1.50004)], knee=3, frequent=2, reason="seen too seldom")


def blast(replay: float, control: float) -> dict:
    shares = {"replay": replay, "control": control}
    return {"passed": True, "limit": 0.005} | {
        name: {"lines": 200, "share": share, "within_limit": share <= 0.005}
        for name, share in shares.items()
    }


def found(**more: object) -> Outcome:
    return Outcome(
        min_frequency=50, text_bytes=10, before=BEFORE, after=BEFORE, **more
    ).with_learned(TAKEN)


def test_an_extension_gives_figures_before_and_after():
    facts = found().extended(AFTER, {"blast radius": blast(0, 0)}, {"steps": 3}).facts()
    assert (facts["new_tokens"], facts["merges"]) == (2, 2)
    assert (facts["fertility_before"], facts["fertility_after"]) == (2.5, 1.5)
    assert (facts["bytes_per_token_before"], facts["bytes_per_token_after"]) == (3.0, 4.5)
    assert (facts["reason"], facts["rarest"]) == ("seen too seldom", 60)
    assert (facts["knee"], facts["frequent"]) == (3, 2)
    assert facts["curve"] == [
        {"new_tokens": 0, "tokens_per_word": 2.5},
        {"new_tokens": 2, "tokens_per_word": 1.5},
    ]
    assert facts["refused_pairs"] == {"digit": 2}
    assert facts["checks"] == {"blast radius": True}
    assert facts["notes"] == []


def test_each_sample_beyond_the_limit_has_its_note():
    outcome = found(notes=("first",)).extended(AFTER, {"blast radius": blast(0.02, 0.01)}, {})
    first, replay, control = outcome.facts()["notes"]
    assert first == "first"
    assert replay.startswith("2.0 % of 200 replay lines get other ids, more than 0.5 %")
    assert control.startswith("1.0 % of 200 control lines")


def test_zero_keeps_its_reason_and_what_was_refused():
    facts = found().because("nothing frequent").facts()
    assert (facts["new_tokens"], facts["merges"]) == (0, 0)
    assert facts["reason"] == "nothing frequent"
    assert facts["refused_pairs"] == {"digit": 2}
    assert facts["fertility_after"] == facts["fertility_before"] == 2.5


def test_a_tokenizer_never_opened_has_no_figures():
    facts = Outcome(reason="not extended: the tokenizer is Unigram").facts()
    assert facts["fertility_before"] is facts["floor"] is facts["bytes_per_token_after"] is None


def test_tokens_are_listed_as_text_up_to_a_limit(tmp_path: Path):
    many = Learned([("a", str(n)) for n in range(300)], ["Ġé"[:1] + "a"] * 300, [9] * 300)
    write_outcome(tmp_path, Outcome().with_learned(Sized(many)))
    assert read_json(tmp_path / "extension.json")["tokens"] == [" a"] * LISTED


def test_pieces_of_sentencepiece_are_listed_without_its_marks(tmp_path: Path):
    learned = Learned(tokens=["\u2581quai", "ün"], letters=["ñ"])
    write_outcome(tmp_path, Outcome(style=SENTENCEPIECE).with_learned(Sized(learned)))
    assert read_json(tmp_path / "extension.json")["tokens"] == ["ñ", " quai", "ün"]


def test_an_older_certificate_does_not_speak_for_a_model_passed_on(tmp_path: Path):
    (tmp_path / "certificate.json").write_text("{}")
    write_outcome(tmp_path, Outcome(reason="too little text"))
    assert not (tmp_path / "certificate.json").exists()
    write_outcome(tmp_path, found().extended(AFTER, {"blast radius": blast(0, 0)}, {}))
    assert read_json(tmp_path / "certificate.json")["blast radius"]["passed"]


def test_copying_leaves_weights_out_only_when_they_are_rewritten(tmp_path: Path):
    source, whole, rest = (tmp_path / name for name in ("source", "whole", "rest"))
    for folder in (source / "notes", whole, rest):
        folder.mkdir(parents=True)
    names = ("config.json", "model-1.safetensors", "model.safetensors.index.json", "vocab.json")
    for name in (*names, "MANIFEST.json", "notes/origin.txt"):
        (source / name).write_text(name)
    copy_model(source, whole, weights=True)
    copy_model(source, rest, weights=False)
    assert {path.name for path in whole.iterdir()} == {*names, "notes"}
    assert {path.name for path in rest.iterdir()} == {"config.json", "notes"}
    assert (rest / "notes" / "origin.txt").read_text() == "notes/origin.txt"
