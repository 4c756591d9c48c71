"""Tokens become coloured blocks of whole letters: marks, conjuncts and ligatures stay together."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizer_support import toy_sentencepiece, toy_spec
from tokenizers import Tokenizer, models

from locale_tune_release.clusters import borders
from locale_tune_release.pieces import blocks, shared
from locale_tune_tokenizer.learning.segments import open_tokenizer

# Letters, marks, joiners, viramas, flags, skin tones and line ends of many scripts.
CHARS = "ab é́ẹ̀ \r\n كتبَُّلاآ‌‍ हिन्दीकृषश্ক ক্ষ ಕ್ಷ മ്പ ខ្មែរ မြန်မာ ไทยกำ ກຳ አበበ 한국ᄒ ᅡᆫ 👩🏽‍👩‍👧 🇨🇭🇸🇦 ️⃣"
TEXT = st.text(alphabet=CHARS, max_size=14)


def parts(text: str) -> list[str]:
    places = borders(text)
    return [text[start:end] for start, end in pairwise(places)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("ab", ["a", "b"]),
        ("كَتَبَ", ["كَ", "تَ", "بَ"]),
        ("جَدَّتِهِ", ["جَ", "دَّ", "تِ", "هِ"]),
        ("الأرمي", ["ا", "لأ", "ر", "م", "ي"]),
        ("لَا", ["لَا"]),
        ("هلا", ["ه", "لا"]),
        ("ل‌ا", ["ل‌", "ا"]),
        ("می‌خواهم", ["م", "ی‌", "خ", "و", "ا", "ه", "م"]),
        ("हिन्दी", ["हि", "न्दी"]),
        ("क्षत्रिय", ["क्ष", "त्रि", "य"]),
        ("क्‌ष", ["क्‌", "ष"]),
        ("क्‍ष", ["क्‍ष"]),
        ("தமிழ்", ["த", "மி", "ழ்"]),
        ("ಕ್ಷ", ["ಕ್ಷ"]),
        ("ខ្មែរ", ["ខ្មែ", "រ"]),
        ("กำ", ["กำ"]),
        ("ọ̀nà", ["ọ̀", "n", "à"]),
        ("አበበ", ["አ", "በ", "በ"]),
        ("👩🏽‍👩‍👧!", ["👩🏽‍👩‍👧", "!"]),
        ("🇨🇭🇸🇦", ["🇨🇭", "🇸🇦"]),
        ("a\r\nb", ["a", "\r\n", "b"]),
    ],
)
def test_letters_keep_their_marks(text: str, expected: list[str]) -> None:
    assert parts(text) == expected


@given(TEXT)
def test_no_extended_grapheme_cluster_is_cut(text: str) -> None:
    """Compare with the library `regex`, whose \\X follows Unicode's own rules."""
    regex = pytest.importorskip("regex", reason="needs the package regex")
    ends, place = {0}, 0
    for cluster in regex.findall(r"\X", text):
        place += len(cluster)
        ends.add(place)
    assert set(borders(text)) <= ends


def test_tokens_that_share_a_letter_are_one_block() -> None:
    assert blocks("شو", [(0, 1), (0, 1), (1, 2)]) == [("ش", 2), ("و", 1)]
    assert blocks("a b", [(0, 1), (2, 3)]) == [("a", 1), (" ", 0), ("b", 1)]
    assert blocks("abc", [(0, 2), (1, 3)]) == [("abc", 2)]
    assert blocks("ab", [(0, 0), (-3, 1), (1, 99)]) == [("a", 1), ("b", 1)]


def test_a_mark_in_a_token_of_its_own_is_coloured_with_its_letter() -> None:
    text = "كَتَبَ"
    single = [(place, place + 1) for place in range(len(text))]
    assert blocks(text, single) == [("كَ", 2), ("تَ", 2), ("بَ", 2)]


def test_tokens_that_cut_across_letters_fall_into_one_block() -> None:
    # As Llama-3 cuts it: each mark joins the next letter, so no cut lies between two letters.
    assert blocks("كَتَبَ", [(0, 1), (1, 3), (3, 5), (5, 6)]) == [("كَتَبَ", 4)]


def test_lam_and_alef_are_never_torn() -> None:
    assert blocks("هلا", [(0, 2), (2, 3)]) == [("هلا", 2)]
    assert blocks("هلا", [(0, 1), (1, 2), (2, 3)]) == [("ه", 1), ("لا", 2)]


def test_devanagari_conjuncts_stay_whole() -> None:
    # Byte-level: two tokens for the first letter, then marks and conjuncts in tokens of their own.
    pairs = [(0, 1), (0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 8), (7, 8)]
    assert blocks("हिन्दी म", pairs) == [("हि", 3), ("न्दी", 4), (" म", 2)]


def test_a_leading_space_belongs_to_its_token() -> None:
    tokenizer = open_tokenizer(toy_sentencepiece())
    text = "the people"
    offsets = tokenizer.encode(text, add_special_tokens=False).offsets
    found = blocks(text, offsets)
    assert all(count == 1 for _, count in found)
    assert any(part.startswith(" p") for part, _ in found)


def test_byte_fallback_repeats_offsets_and_is_one_block_with_its_count() -> None:
    tokenizer = open_tokenizer(toy_sentencepiece())
    found = tokenizer.encode("a ت", add_special_tokens=False)
    assert "<0xD8>" in found.tokens
    assert blocks("a ت", found.offsets)[-1] == ("ت", 2)


def test_a_space_put_before_the_text_counts_with_the_first_letter() -> None:
    tokenizer = open_tokenizer(toy_sentencepiece(prepend=True))
    found = tokenizer.encode("ك", add_special_tokens=False)
    assert blocks("ك", found.offsets) == [("ك", len(found.ids))]


def test_byte_level_tokens_that_hold_a_space_and_half_a_letter() -> None:
    vocab = {token: number for number, token in enumerate(["a", "Ġ", "Ø", "ª", "ĠØ"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[("Ġ", "Ø")]))
    tokenizer.pre_tokenizer = open_tokenizer(toy_spec()).pre_tokenizer
    found = tokenizer.encode("a ت")
    assert found.tokens == ["a", "ĠØ", "ª"]
    assert blocks("a ت", found.offsets) == [("a", 1), (" ت", 2)]


@given(TEXT, st.lists(st.tuples(st.integers(-2, 16), st.integers(-2, 16)), max_size=20))
def test_blocks_spell_the_text_count_every_token_and_cut_between_letters(
    text: str, offsets: list[tuple[int, int]]
) -> None:
    found = blocks(text, offsets)
    assert "".join(part for part, _ in found) == text
    assert all(part for part, _ in found)
    clipped = [(max(0, start), min(len(text), end)) for start, end in offsets]
    assert sum(count for _, count in found) == sum(start < end for start, end in clipped)
    place, allowed = 0, set(borders(text))
    for part, _ in found:
        assert place in allowed
        place += len(part)


def test_shared_blocks_are_counted_in_words() -> None:
    assert shared([("a", 1), (" ", 0), ("b", 1)]) == ""
    assert shared([("a", 2)]) == "striped stretch: 1 of 2 pieces"
    several = [("a", 3), ("b", 2), ("c", 1), ("d", 2)]
    assert shared(several) == "striped stretches: 2 of 2 pieces, 1 of 3 pieces"
