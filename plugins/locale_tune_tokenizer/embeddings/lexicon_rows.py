"""`lexicon`: a word that is one new token starts half way to its translations.

The translations are words of a language the model knows (trans-tokenizers, COLM 2024; dictionary
transfer for low-resource languages, arXiv 2506.01535).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from locale_tune.api import Record, read_records
from locale_tune_tokenizer.embeddings.first_rows import (
    First,
    Sight,
    counted,
    edge,
    edge_weights,
    summed,
)
from locale_tune_tokenizer.formats.styles import Style

BETWEEN = ";"
Translations = Mapping[str, tuple[str, ...]]


def lexicon(sight: Sight) -> First:
    """Start half from `edge` and half from the mean `edge` row of a word's translations.

    A token stands for a word when it spells the whole of it, after a space or without one. A token
    that is no word of the lexicon starts as `edge`.
    """
    rows = edge(sight)
    words = [_word(sight.style, token) for token in sight.tokens]
    found = look_up({word for word, _ in words}, read_records(sight.corpus / "lexicon"))
    hits = 0
    for place, (word, space) in enumerate(words):
        cuts = [_cut(sight, space + translation) for translation in found.get(word, ())]
        if cuts := [ids for ids in cuts if ids]:
            rows.input[place] = (rows.input[place] + _meant(sight.input, cuts, "input")) / 2
            rows.output[place] = (rows.output[place] + _meant(sight.output, cuts, "output")) / 2
            hits += 1
    return First(rows.input, rows.output, counted(len(words), lexicon=hits))


def _meant(table: Tensor, cuts: list[list[int]], side: str) -> Tensor:
    mean: Tensor = torch.mean(summed(table.detach(), cuts, edge_weights, side), dim=0)
    return mean


def _word(style: Style, token: str) -> tuple[str, str]:
    """Return the word a token spells ("" for a part of a letter), and the space before it."""
    try:
        text = style.to_bytes(token).decode()
    except UnicodeDecodeError:
        return "", ""
    word = text.removeprefix(" ")
    return unicodedata.normalize("NFC", word), text[: len(text) - len(word)]


def look_up(words: set[str], records: Iterable[Record]) -> Translations:
    """Return the distinct translations of each word that the records hold.

    A word is found as it is written; only when it is nowhere so, without regard to case.
    """
    folded = {word.casefold() for word in words}
    exact: dict[str, dict[str, None]] = {}
    loose: dict[str, dict[str, None]] = {}
    for record in records:
        form = unicodedata.normalize("NFC", record.text.strip())
        if form and form.casefold() in folded:
            meant = dict.fromkeys(filter(None, map(str.strip, record.translation.split(BETWEEN))))
            exact.setdefault(form, {}).update(meant)
            loose.setdefault(form.casefold(), {}).update(meant)
    found = {word: exact.get(word) or loose.get(word.casefold(), {}) for word in words}
    return {word: tuple(meant) for word, meant in found.items() if word and meant}


def _cut(sight: Sight, text: str) -> list[int]:
    """Return the old ids of a text inside a line: no space is put before it."""
    old: Any = sight.old
    if sight.style.every_split:
        # Its normalizer may begin every text with a space; the model itself does not.
        return [piece.id for piece in old.model.tokenize(text.replace(" ", "\u2581"))]
    ids: list[int] = old.encode(text, add_special_tokens=False).ids
    return ids
