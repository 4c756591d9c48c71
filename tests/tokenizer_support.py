"""A small byte-level tokenizer and small texts, made here, for the tests of `extend`."""

from __future__ import annotations

import json
import random
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from locale_tune_tokenizer.formats.bytelevel import LETTER_OF
from locale_tune_tokenizer.texts import Samples

ENGLISH = (
    "the people of the valley speak their own language and they sing in it every winter",
    "when the snow is deep the children read old stories by the fire in the evening",
    "there are 12 houses, 3 barns and one small church with a very old bell",
)
ROMANSH = ("quai", "chasa", "lingua", "vallada", "bella", "cumün", "figl", "mats", "dun", "sün")
ARABIC = ("كتاب", "مدرسة", "البيت", "السوق", "مُعَلِّم", "يكتب", "جميل", "شوارع", "اليوم", "قهوة")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def toy_spec(
    *, digits: bool = False, ignore_merges: bool = False, high: bool = False, vocabulary: int = 330
) -> dict[str, Any]:
    """Return the `tokenizer.json` of a byte-level BPE trained on three English sentences.

    `digits` puts digits apart first; `high` keeps special tokens out of the vocabulary, at the
    ids after its last, as DeepSeek's are.
    """
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    apart = [pre_tokenizers.Digits(individual_digits=True), plain]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(apart) if digits else plain
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[] if high else SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(ENGLISH, trainer)
    spec: dict[str, Any] = json.loads(tokenizer.to_str())
    if high:
        first = len(spec["model"]["vocab"])
        spec["added_tokens"] = [
            {**_added(content), "id": first + place} for place, content in enumerate(SPECIAL)
        ]
    return spec


def _added(content: str) -> dict[str, Any]:
    no = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"content": content, **no, "special": True}


def to_letters(text: str) -> str:
    """Spell a text in the byte alphabet."""
    return "".join(LETTER_OF[byte] for byte in text.encode())


def llama3_split() -> Any:
    """Return a pre-tokenizer of the Llama-3 kind: letters without marks, then bytes."""
    pattern = Regex(r" ?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+")
    split = pre_tokenizers.Split(pattern, "isolated")
    return pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )


def sentences(words: tuple[str, ...], count: int, seed: int = 0) -> list[str]:
    """Return sentences of five words drawn with the seed."""
    chance = random.Random(seed)
    return [" ".join(chance.choices(words, k=5)) + "." for _ in range(count)]


def no_samples(**lines: list[str]) -> Samples:
    """Return samples that are empty but for those named."""
    empty: dict[str, Any] = {
        name: [] for name in ("target", "protected", "replay", "control", "english", "beside")
    }
    return Samples(target_from="heldout", **{**empty, **lines})


def toy_sentencepiece(*, prepend: bool = False, pieces: int = 120) -> dict[str, Any]:
    """Return the `tokenizer.json` of a SentencePiece-style BPE trained on three English sentences.

    Like Gemma's: spaces become U+2581, bytes stand in for letters without a piece, and there is a
    merge for every way to make up a piece. `prepend` puts a space before every text (Llama-2).
    """
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    trainer = trainers.BpeTrainer(vocab_size=pieces, show_progress=False)
    trained.train_from_iterator(ENGLISH, trainer)
    learned = sorted(trained.get_vocab(), key=lambda piece: trained.get_vocab()[piece])
    special = ["<unk>", "<s>", "</s>"]
    byte_pieces = [f"<0x{byte:02X}>" for byte in range(256)]
    vocab = {piece: n for n, piece in enumerate([*special, *byte_pieces, *learned])}
    splits = [
        (vocab[piece], cut, [piece[:cut], piece[cut:]])
        for piece in learned
        for cut in range(1, len(piece))
        if piece[:cut] in vocab and piece[cut:] in vocab
    ]
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    before = [{"type": "Prepend", "prepend": "\u2581"}] if prepend else []
    back = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prepend else []
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{**_added(name), "id": n} for n, name in enumerate(special)],
        "normalizer": {"type": "Sequence", "normalizers": [*before, space]},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}, *strip],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [pair for _, _, pair in sorted(splits)],
        },
    }
