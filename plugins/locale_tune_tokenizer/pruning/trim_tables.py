"""Slice a model's tables to the kept tokens of a trimmed vocabulary."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig

from locale_tune.api import StageFailed
from locale_tune_tokenizer.embeddings.rows import grow, row_count
from locale_tune_tokenizer.pruning.trim_ids import names_ids, new_id_of


def reason_against_slicing(model: Any) -> str:
    """Say why this model's tables cannot be sliced; "" when they can."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if embedding is None or head is None:
        return "the model has no input or no output table"
    if embedding.weight.shape != head.weight.shape:
        return "its input and output tables differ in shape"
    if getattr(head, "bias", None) is not None:
        return "its head has a bias"
    rows = len(embedding.weight)
    for name, module in model.named_modules():
        others = isinstance(module, nn.Embedding) and module is not embedding
        if others and module.num_embeddings == rows:
            return f"it has a second table of {rows} rows, {name}"
    return ""


def trimmed_rows(old_rows: int, tokens: int) -> int:
    """Return rows for ids below `tokens`, in the base's multiple of 128 or 64, or just as many."""
    return row_count(math.gcd(old_rows, 128), tokens - 1)


@torch.no_grad()
def slice_tables(model: Any, kept: Sequence[int], stored: torch.dtype) -> dict[str, Any]:
    """Keep the rows `kept` (old id of each new id) of both tables; return what that saves.

    Tied tables stay one, untied ones two; rows are copied bit for bit, the base's padding rows are
    dropped, and spare rows up to the base's multiple hold the mean of the kept. `vocab_size` and
    every id in the configs follow. `stored` is the dtype the model is saved in, for the bytes.
    Nothing is saved. Raises StageFailed when the model has other tables than these two.
    """
    if reason := reason_against_slicing(model):
        raise StageFailed(f"the vocabulary cannot be trimmed: {reason}", "set extend.trim_to to 0")
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    before, tied = _parameters(model), embedding.weight is head.weight
    old_rows, width = embedding.weight.shape
    if max(kept) >= old_rows:
        raise StageFailed(
            f"the tokenizer has the id {max(kept)}, and the model only {old_rows} rows",
            "use the tokenizer that belongs to this model",
        )
    embedding.weight = _sliced(embedding.weight, kept)
    head.weight = embedding.weight if tied else _sliced(head.weight, kept)
    rows = trimmed_rows(old_rows, len(kept))
    grow(model, rows)
    _renumber(model, kept, old_rows, rows)
    saved = before - _parameters(model)
    return {
        "tied": tied,
        "rows_before": old_rows,
        "rows_after": rows,
        "width": width,
        "parameters_before": before,
        "parameters_after": before - saved,
        "parameters_saved": saved,
        "bytes_saved": saved * stored.itemsize,
    }


def _sliced(table: nn.Parameter, kept: Sequence[int]) -> nn.Parameter:
    places = torch.tensor(list(kept), device=table.device)
    return nn.Parameter(table.detach().index_select(0, places), requires_grad=table.requires_grad)


def _parameters(model: Any) -> int:
    """Count parameters, those of tied tables once."""
    return sum(parameter.numel() for parameter in model.parameters())


def _renumber(model: Any, kept: Sequence[int], old_rows: int, rows: int) -> None:
    """Write the new ids and the new size wherever the model in memory names them."""
    new_ids = {old: new for new, old in enumerate(kept)}
    for config in (*_configs(model.config), model.generation_config):
        if config is not None:
            _renumber_config(config, new_ids, old_rows, rows)
    for module in model.modules():
        if getattr(module, "vocab_size", None) == old_rows:
            module.vocab_size = rows
        if isinstance(module, nn.Embedding) and module is not model.get_input_embeddings():
            continue
        if getattr(module, "padding_idx", None) is not None:
            module.padding_idx = new_ids.get(module.padding_idx)


def _renumber_config(config: Any, new_ids: Mapping[int, int], old_rows: int, rows: int) -> None:
    for key, value in list(vars(config).items()):
        if names_ids(key):
            setattr(config, key, new_id_of(value, new_ids))
        elif key == "vocab_size" and value == old_rows:
            config.vocab_size = rows


def _configs(config: PretrainedConfig) -> Iterator[PretrainedConfig]:
    """Yield a config and the configs inside it."""
    yield config
    for value in list(vars(config).values()):
        if isinstance(value, PretrainedConfig):
            yield from _configs(value)
