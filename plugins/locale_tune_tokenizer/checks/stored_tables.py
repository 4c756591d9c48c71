"""The input and output table of a model folder, read from safetensors row by row.

No model class is built, so any architecture whose tensors carry the usual names can be read, and
never more than a few megabytes of it. Format: huggingface/safetensors, README.md (eight bytes of
header length, a JSON header, then the data).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from locale_tune.api import read_json

# The last part of the tensor's name, in the architectures of transformers.
INPUT = ("embed_tokens", "wte", "word_embeddings", "embed_in", "tok_embeddings", "embeddings")
OUTPUT = ("lm_head", "embed_out", "output", "output_layer")
TYPES: Mapping[str, type] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,  # numpy has no bfloat16; its bits are the upper half of a float32
}
CHUNK = 4_096


@dataclass(frozen=True)
class Table:
    """A tensor in a file: its name, its type as safetensors spells it, its shape and its data."""

    name: str
    dtype: str
    shape: tuple[int, int]
    data: NDArray[Any]

    def rows(self, first: int, last: int) -> NDArray[np.float32]:
        """Return rows as float32, exactly, except for float64."""
        part = self.data[first:last]
        if self.dtype == "BF16":
            wide: NDArray[np.float32] = (part.astype(np.uint32) << 16).view(np.float32)
            return wide
        return np.asarray(part, dtype=np.float32)

    def chunks(self, last: int) -> Iterator[tuple[int, int]]:
        """Yield first and last of stretches of rows, up to row `last`."""
        for first in range(0, last, CHUNK):
            yield first, min(last, first + CHUNK)


@dataclass(frozen=True)
class Tables:
    """Both tables of a model; the output table is None where the file holds one for both."""

    input: Table
    output: Table | None
    config: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Rows of the input table."""
        return self.input.shape[0]

    @property
    def tied(self) -> bool:
        """Whether one table serves both sides."""
        return self.output is None or bool(self.config.get("tie_word_embeddings"))

    def named(self) -> dict[str, Table]:
        """Return the tables that are there, by side."""
        both = {"input": self.input, "output": self.output}
        return {side: table for side, table in both.items() if table is not None}


class Unreadable(Exception):
    """The folder holds no tables that can be read here; the message says why."""


def read_tables(folder: Path) -> Tables:
    """Return the tables of a model folder. Raises Unreadable."""
    files = sorted(folder.glob("*.safetensors"))
    if not files or not (folder / "config.json").exists():
        raise Unreadable("needs config.json and safetensors weights in both folders")
    found = {table.name: table for path in files for table in _tables(path)}
    inputs, outputs = _last_named(found, INPUT), _last_named(found, OUTPUT)
    if len(inputs) != 1 or len(outputs) > 1:
        raise Unreadable(f"the tables are not recognised among {len(found)} matrices")
    config = read_json(folder / "config.json")
    config = {**config, **config.get("text_config", {})}
    return Tables(inputs[0], outputs[0] if outputs else None, config)


def _last_named(found: Mapping[str, Table], endings: tuple[str, ...]) -> list[Table]:
    return [table for name, table in found.items() if name.split(".")[-2:][0] in endings]


def _tables(path: Path) -> Iterator[Table]:
    """Yield the matrices of one file whose number type is read here, without their data."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    for name, entry in header.items():
        if name == "__metadata__" or not name.endswith(".weight") or len(entry["shape"]) != 2:
            continue
        if entry["dtype"] in TYPES:
            start = 8 + length + entry["data_offsets"][0]
            shape = (int(entry["shape"][0]), int(entry["shape"][1]))
            kind = np.dtype(TYPES[entry["dtype"]]).newbyteorder("<")
            data = np.memmap(path, dtype=kind, mode="r", offset=start, shape=shape)
            yield Table(name, entry["dtype"], shape, data)
