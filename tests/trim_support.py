"""Two small tokenizers to trim, one of each style, and text that uses parts of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tokenizer_support import ENGLISH, ROMANSH, SPECIAL, sentences, toy_spec
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from locale_tune_tokenizer.formats.bytelevel import LETTER_OF

CHAT = "<|im_start|>user\nHello.<|im_end|>\n"
HINDI = "हिन्दी में लिखा हुआ"
MIXED = [*ENGLISH, *sentences(ROMANSH, 20), f"{HINDI} and more", "flag \U0001f1e8\U0001f1ed!"]


def hand_spec(merges: Iterable[tuple[str, str]], *, ignore_merges: bool = False) -> dict[str, Any]:
    """Return a byte-level `tokenizer.json` with these merges and no others."""
    spec = toy_spec(vocabulary=0, ignore_merges=ignore_merges)
    pairs = list(merges)
    tokens = dict.fromkeys([*SPECIAL, *LETTER_OF.values(), *(a + b for a, b in pairs)])
    spec["model"]["vocab"] = {token: number for number, token in enumerate(tokens)}
    spec["model"]["merges"] = [list(pair) for pair in pairs]
    return spec


def with_token(spec: dict[str, Any], token: str) -> dict[str, Any]:
    """Return the spec with one more token in the vocabulary, which no merge makes."""
    vocab = {**spec["model"]["vocab"], token: len(spec["model"]["vocab"])}
    return {**spec, "model": {**spec["model"], "vocab": vocab}}


def piece_spec(size: int = 200) -> dict[str, Any]:
    """Return a SentencePiece-style `tokenizer.json`: byte fallback, a merge for every split."""
    pieces = _trained_pieces(size)
    order = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    vocab = {token: number for number, token in enumerate(order)}
    merges = [
        [piece[:cut], piece[cut:]]
        for piece in pieces
        for cut in range(1, len(piece))
        if piece[:cut] in vocab and piece[cut:] in vocab
    ]
    blank = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    spec: dict[str, Any] = json.loads(blank.to_str())
    spec["model"] |= {"vocab": vocab, "merges": merges}
    spec["added_tokens"] = [_added(token, vocab[token]) for token in order[:3]]
    spec["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    spec["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
        ],
    }
    spec["post_processor"] = template("<s>", vocab["<s>"])
    return spec


def template(token: str, number: int) -> dict[str, Any]:
    """Return a post-processor that puts one special token before a text."""
    text = {"Sequence": {"id": "A", "type_id": 0}}
    special = {"SpecialToken": {"id": token, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [special, text],
        "pair": [special, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }


def _trained_pieces(size: int) -> list[str]:
    """Return single characters, then pieces in the order of learning."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Split(Regex("\u2581[^\u2581]*"), "isolated")
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False)
    trained.train_from_iterator((line.replace(" ", "\u2581") for line in MIXED), trainer)
    vocab = trained.get_vocab()
    return sorted(vocab, key=vocab.__getitem__)


def _added(content: str, number: int) -> dict[str, Any]:
    no = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": content, **no, "special": True}
