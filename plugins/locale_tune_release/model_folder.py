"""Copy a model folder as it is, leave out what is not the model, refuse what could run code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

from locale_tune.api import Artifact, StageFailed, read_json, sha256_file, write_json

from .generation import generation_config
from .plain import without_paths

ALLOWED = (".safetensors", ".json", ".jinja", ".txt", ".md")
BY_PRODUCTS = (
    "MANIFEST.json",
    "metrics.jsonl",
    "extension.json",
    "certificate.json",
    "trim.json",
    "own-pairs.json",
)
REWRITTEN = ("config.json", "generation_config.json", "tokenizer_config.json", "README.md")
MACHINE_KEYS = ("_name_or_path", "name_or_path", "is_local", "local_files_only", "_commit_hash")
MODEL_NAMES = (
    "added_tokens.json",
    "chat_template.jinja",
    "merges.txt",
    "model.safetensors.index.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "vocab.json",
    "vocab.txt",
)
HEADER_LIMIT = 100_000_000  # bytes; the safetensors format's own limit


def copy_model(model: Artifact, target: Path) -> dict[str, Any]:
    """Copy the model of an artifact into the new folder `target`; return what it holds.

    Weights are linked, not copied, when this build made them and the disk allows it. Returns
    `parameters` (stored numbers, tied ones once), `dtypes`, `bytes`, `files` with size and
    sha256, and `left_out`. Raises StageFailed for a file that is not safetensors, JSON, Jinja
    or text, for one that is damaged, and for a model that needs code of its own.
    """
    files = list(_files(model.path))
    _refuse(model.path, files)
    target.mkdir(parents=True)
    left_out = []
    for file in files:
        name = file.relative_to(model.path).as_posix()
        if file.suffix == ".safetensors":
            _place(file, target / name, link=bool(model.made_from))
        elif name in MODEL_NAMES or name.startswith("additional_chat_templates/"):
            _place(file, target / name, link=False)
        elif name not in REWRITTEN and name not in BY_PRODUCTS:
            left_out.append(name)
    for name in ("config.json", "tokenizer_config.json"):
        if (model.path / name).is_file():
            write_json(target / name, _cleaned(read_json(model.path / name)))
    write_json(target / "generation_config.json", generation_config(model.path))
    return {**_weights(target), "left_out": left_out}


def file_list(folder: Path) -> list[dict[str, Any]]:
    """List every file of a folder with its size in bytes and SHA-256."""
    return [
        {
            "path": file.relative_to(folder).as_posix(),
            "size": file.stat().st_size,
            "sha256": sha256_file(file),
        }
        for file in _files(folder)
    ]


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.is_file() and not hidden:
            yield file


def _refuse(folder: Path, files: list[Path]) -> None:
    names = [file.relative_to(folder).as_posix() for file in files]
    strange = [n for n in names if not n.endswith(ALLOWED) and n not in BY_PRODUCTS]
    if strange:
        raise StageFailed(
            f"the model folder holds files that a release may not: {', '.join(strange)}",
            "save weights as safetensors and the tokenizer as tokenizer.json, then build again",
        )
    for needed in ("config.json", "tokenizer.json"):
        if needed not in names:
            raise StageFailed(f"the model folder has no {needed}", "let the last stage save it")
    for name in ("config.json", "tokenizer_config.json"):
        if name in names and "auto_map" in read_json(folder / name):
            raise StageFailed(
                f"{name} asks for code of its own (auto_map)",
                "take a base model that Transformers knows by itself",
            )
    missing = sorted(_shards(folder) - set(names))
    if missing:
        raise StageFailed(f"weights are missing: {', '.join(missing)}", "build this step again")


def _shards(folder: Path) -> set[str]:
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        return set(read_json(index)["weight_map"].values())
    return {"model.safetensors"}


def _place(source: Path, target: Path, link: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    real = source.resolve()
    if link:
        try:
            os.link(real, target)
            return
        except OSError:
            pass  # another disk, or one without links: a copy is the same release
    shutil.copyfile(real, target)


def _cleaned(config: Any) -> Any:
    kept = {key: value for key, value in config.items() if key not in MACHINE_KEYS}
    # A template is a program: its slashes are no paths.
    return {k: v if k == "chat_template" else without_paths(v) for k, v in kept.items()}


def _weights(folder: Path) -> dict[str, Any]:
    tensors = [t for file in sorted(folder.glob("*.safetensors")) for t in _header(file).values()]
    files = list(folder.glob("*.safetensors"))
    return {
        "parameters": sum(prod(tensor["shape"]) for tensor in tensors),
        "dtypes": sorted({str(tensor["dtype"]) for tensor in tensors}),
        "bytes": sum(file.stat().st_size for file in files),
    }


def _header(file: Path) -> dict[str, Any]:
    """Read the header of a safetensors file: name to dtype, shape and offsets of each tensor.

    Layout from the format's description (huggingface/safetensors): 8 bytes little-endian length,
    that many bytes of JSON, then the data.
    """
    size = file.stat().st_size
    damaged = StageFailed(f"{file.name} is no whole safetensors file", "build this step again")
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(size - 8, HEADER_LIMIT):
            raise damaged
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            raise damaged from None
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    end = max((entry["data_offsets"][1] for entry in tensors.values()), default=0)
    if end != size - 8 - length:
        raise damaged
    return tensors
