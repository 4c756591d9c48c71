"""Rows from a lexicon: whole words are found as written first, the rest starts as `edge`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rowing import sight
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

from locale_tune.api import Record, write_records
from locale_tune_tokenizer.embeddings.first_rows import edge, edge_weights, summed
from locale_tune_tokenizer.embeddings.lexicon_rows import lexicon, look_up
from locale_tune_tokenizer.formats.styles import SENTENCEPIECE


def record(word: str, translation: str) -> Record:
    return Record(id=word, source="s", text=word, translation=translation)


def test_a_word_is_found_as_written_and_only_then_without_its_case():
    words = [record("Via", "street"), record("via", "way; road;way "), record("CHASA", "house")]
    found = look_up({"via", "Via", "VIA", "chasa", "vin", ""}, words)
    assert found == {
        "via": ("way", "road"),
        "Via": ("street",),
        "VIA": ("street", "way", "road"),
        "chasa": ("house",),
    }


def test_composed_and_decomposed_letters_are_one_word():
    assert look_up({"cumün"}, [record("cumu\u0308n", "village")]) == {"cumün": ("village",)}


def test_a_word_without_a_translation_is_not_found():
    assert look_up({"via"}, [record("via", " ; "), record(" ", "x")]) == {}


@pytest.fixture
def words(tmp_path: Path) -> Path:
    entries = [
        record("valley", "they; people"),
        record("Winter", "language"),
        record("sün", "sing"),
    ]
    write_records(tmp_path / "corpus" / "lexicon", entries)
    return tmp_path


def half_way(here: Any, place: int, translations: list[str]) -> torch.Tensor:
    cuts = [here.old.encode(text).ids for text in translations]
    meant = summed(here.input, cuts, edge_weights, "input").mean(dim=0)
    return (edge(here).input[place] + meant) / 2


def test_a_word_starts_half_way_to_the_mean_of_its_translations(words: Path):
    tokens = ["Ġvalley", "valley", "Ġwinter", "Ġvalle", "sÃ¼n", "Ã"]
    here = sight(words, tokens=tokens, pieces=[[5, 6]] * 6)
    first = lexicon(here)
    assert first.rows_from == {"lexicon": 4, "edge": 2}
    expected = [half_way(here, 0, [" they", " people"]), half_way(here, 1, ["they", "people"])]
    expected += [half_way(here, 2, [" language"])]
    torch.testing.assert_close(first.input[:3], torch.stack(expected))
    assert torch.equal(first.input[3], edge(here).input[3])
    torch.testing.assert_close(first.input[4], half_way(here, 4, ["sing"]))
    assert torch.equal(first.output[5], edge(here).output[5])


def test_each_side_uses_its_own_table_and_weights(words: Path):
    other = torch.randn(320, 8, generator=torch.Generator().manual_seed(4))
    here = sight(words, output=other, tokens=["Ġwinter"], pieces=[[5, 6]])
    cut = here.old.encode(" language").ids
    meant = summed(other, [cut], edge_weights, "output")[0]
    expected = (edge(here).output[0] + meant) / 2
    torch.testing.assert_close(lexicon(here).output[0], expected)


def test_in_sentencepiece_style_no_second_space_is_put_before_a_translation(tmp_path: Path):
    pieces = ["<unk>", "▁", "w", "o", "r", "d", "wo", "rd", "word", "▁word", "▁v", "v"]
    spec = models.BPE(
        vocab={piece: number for number, piece in enumerate(pieces)},
        merges=[("w", "o"), ("r", "d"), ("wo", "rd"), ("▁", "word")],
        unk_token="<unk>",
        byte_fallback=True,
    )
    old = Tokenizer(spec)
    old.add_special_tokens([AddedToken("<unk>")])
    old.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    old.decoder = decoders.ByteFallback()
    write_records(tmp_path / "corpus" / "lexicon", [record("v", "word")])
    table = torch.randn(len(pieces), 4, generator=torch.Generator().manual_seed(0))
    more = {"style": SENTENCEPIECE, "old": old, "new": old, "input": table, "output": table}
    here = sight(tmp_path, tokens=["▁v", "v"], pieces=[[1, 11], [11]], **more)
    first = lexicon(here)
    start = edge(here).input
    torch.testing.assert_close(first.input[0], (start[0] + table[9]) / 2)
    torch.testing.assert_close(first.input[1], (start[1] + table[8]) / 2)
    assert first.rows_from == {"lexicon": 2, "edge": 0}
