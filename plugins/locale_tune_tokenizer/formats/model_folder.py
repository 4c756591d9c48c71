"""Copy a model folder, and write the extended tokenizer into one."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locale_tune.api import read_json, write_json
from locale_tune_tokenizer.formats.bytelevel import added_ids, merges_of, pieces_of
from locale_tune_tokenizer.formats.styles import style_of
from locale_tune_tokenizer.learning.bpe import Learned, ranks_of

# The host's own record of an artifact belongs to that artifact alone.
NOT_COPIED = {"MANIFEST.json"}
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json")
# Vocabulary files beside tokenizer.json would contradict it once it is extended.
STALE = {"vocab.json", "merges.txt", "tokenizer.model", "added_tokens.json"}


@dataclass(frozen=True)
class Extension:
    """An extended `tokenizer.json` and the ids of its new tokens, in order of learning."""

    spec: dict[str, Any]
    ids: dict[str, int]


def has_weights(folder: Path) -> bool:
    """Tell whether a folder holds a model, and not a tokenizer alone."""
    return (folder / "config.json").exists() and any(folder.glob("*.safetensors"))


def copy_model(source: Path, out: Path, *, weights: bool) -> None:
    """Copy a model folder; without `weights`, leave out what extending rewrites."""
    left_out = set(NOT_COPIED)
    if not weights:
        left_out |= STALE | {path.name for glob in WEIGHTS for path in source.glob(glob)}
    for path in sorted(source.iterdir()):
        if path.name in left_out:
            continue
        if path.is_dir():
            shutil.copytree(path, out / path.name)
        else:
            shutil.copy2(path, out / path.name)


def extended(spec: Mapping[str, Any], learned: Learned) -> Extension:
    """Return the `tokenizer.json` with the learned tokens and merges; nothing else changes.

    Every added token is also written into the vocabulary at its own id: a loader that finds an
    added token outside the vocabulary numbers it after the last entry, which moves special tokens.
    """
    new = copy.deepcopy(dict(spec))
    vocab: dict[str, int] = {**new["model"]["vocab"], **added_ids(spec)}
    first = max(vocab.values()) + 1
    ids = {token: first + place for place, token in enumerate(learned.added)}
    new["model"]["vocab"] = dict(sorted((vocab | ids).items(), key=lambda entry: entry[1]))
    old = merges_of(spec)
    pieces = [*pieces_of(spec), *learned.letters]
    ranks = ranks_of(old, pieces, style_of(spec).every_split, learned.merges)
    present = set(old)
    merges = [*old, *(pair for pair in ranks.new_merges() if pair not in present)]
    new["model"]["merges"] = [list(pair) for pair in merges]
    return Extension(new, ids)


def write_tokenizer(
    out: Path, extension: Extension, special: Mapping[str, str] | None = None
) -> None:
    """Write `tokenizer.json`, and make transformers load it as it is.

    Classes such as Qwen2Tokenizer rebuild the pre-tokenizer from their own code;
    `TokenizersBackend` keeps the file's. `special` are the base's special tokens by name: a class
    may have known them by itself, and this one does not.
    """
    text = json.dumps(extension.spec, ensure_ascii=False, indent=2)
    (out / "tokenizer.json").write_text(text, encoding="utf-8")
    path = out / "tokenizer_config.json"
    config = read_json(path) if path.exists() else {}
    write_json(path, {**(special or {}), **config, "tokenizer_class": "TokenizersBackend"})
