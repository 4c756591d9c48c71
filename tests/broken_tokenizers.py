"""The ways to extend a tokenizer that break it, as people do them, and one right way."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, trainers

from locale_tune_tokenizer.checks.converter import CHECK_TEXT
from locale_tune_tokenizer.formats.bytelevel import merges_of
from locale_tune_tokenizer.formats.model_folder import extended
from locale_tune_tokenizer.formats.styles import style_of
from locale_tune_tokenizer.learning.bpe import learn
from locale_tune_tokenizer.learning.new_tokens import refuse_by
from locale_tune_tokenizer.learning.segments import count_segments, open_tokenizer, pairs

Spec = dict[str, Any]


def continued(spec: Spec, text: Iterable[str], max_new: int = 60, protected: Iterable[str] = ()):
    """Return the extension by continued BPE: the right way."""
    old = open_tokenizer(spec)
    learned = learn(
        count_segments(old, text),
        merges_of(spec),
        spec["model"]["vocab"],
        protected=pairs(old, [*protected, CHECK_TEXT]),
        refuse=refuse_by(spec, 24),
        max_new=max_new,
        min_count=5,
        every_split=style_of(spec).every_split,
    )
    return extended(spec, learned)


def added_words(spec: Spec, words: Iterable[str]) -> Spec:
    """Return the tokenizer after `add_tokens`, the call that most guides name."""
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.add_tokens(list(words))
    return json.loads(tokenizer.to_str())


def fresh_and_appended(spec: Spec, text: Iterable[str], count: int = 150) -> Spec:
    """Train a second tokenizer on the new text and append its tokens and merges to the first."""
    fresh = open_tokenizer(spec)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + count,
        initial_alphabet=[t for t in spec["model"]["vocab"] if len(t) == 1],
        show_progress=False,
    )
    fresh.train_from_iterator(text, trainer)
    theirs = json.loads(fresh.to_str())["model"]
    new = copy.deepcopy(spec)
    vocab = new["model"]["vocab"]
    first = max([*vocab.values(), *(t["id"] for t in spec["added_tokens"])]) + 1
    came = [t for t in sorted(theirs["vocab"], key=theirs["vocab"].get) if t not in vocab]
    vocab |= {t["content"]: t["id"] for t in spec["added_tokens"]}
    vocab |= {token: first + place for place, token in enumerate(came)}
    known = set(merges_of(spec))
    old = [list(pair) for pair in merges_of(spec)]
    more = [pair for pair in theirs["merges"] if tuple(pair) not in known]
    new["model"]["merges"] = old + more
    return new


def over_special_ids(spec: Spec, text: Iterable[str]) -> Spec:
    """Number new tokens after the vocabulary, where special tokens that it lacks have their ids."""
    right = continued(spec, text)
    new = copy.deepcopy(right.spec)
    plain = spec["model"]["vocab"]
    first = max(plain.values()) + 1
    came = {token: first + place for place, token in enumerate(right.ids)}
    new["model"]["vocab"] = plain | came
    return new


def merges_first(spec: Spec, text: Iterable[str]) -> Spec:
    """Rank the new merges above the old ones."""
    new = copy.deepcopy(continued(spec, text).spec)
    merges, old = new["model"]["merges"], len(spec["model"]["merges"])
    new["model"]["merges"] = merges[old:] + merges[:old]
    return new


def without_pre_tokenizer(spec: Spec, phrase: str) -> Spec:
    """Learn a token across words, as if there were no pre-tokenizer."""
    new = copy.deepcopy(spec)
    model, cut = new["model"], open_tokenizer(spec).encode(phrase).tokens
    while len(cut) > 1:
        model["merges"].append(cut[:2])
        cut[:2] = ["".join(cut[:2])]
        model["vocab"].setdefault(cut[0], max(model["vocab"].values()) + 1)
    return new


def written(folder: Path, spec: Spec, **config: Any) -> Path:
    """Write a tokenizer folder: `tokenizer.json`, and its config where one is given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(spec), encoding="utf-8")
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
