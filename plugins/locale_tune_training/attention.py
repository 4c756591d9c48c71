"""Attention inside each record of a packed row, and nowhere else, for processors.

transformers keeps packed records apart by a mask of the whole row, so a row of eight short records
pays for eight times the products it needs, in torch's slow masked kernel. Here the row is cut where
a record begins. Short records are padded to a common length and computed together: the padding
stands after the last token, where a causal mask already hides it. Long records go one by one to
torch's `scaled_dot_product_attention`, which needs no square of scores in memory.

On a GPU transformers' own attention stays: what helps there was not measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface

NAME = "locale_tune_records"
# Up to this length all scores at once are faster than torch's flash kernel on a CPU.
SHORT = 256
STEP = 32  # records whose lengths round up to the same multiple are computed together


class Records:
    """Lengths of the records of one row; `used` says whether attention was given them.

    The model may see only the tokens `kept` of the row [K] (`shared.py`); `places` [L] says where
    among these each token of the row stands.
    """

    def __init__(
        self, positions: Tensor, kept: Tensor | None = None, places: Tensor | None = None
    ) -> None:
        starts = (positions == 0).nonzero().flatten().tolist()
        ends = [*starts[1:], len(positions)]
        self.lengths = [end - start for start, end in zip(starts, ends, strict=True)]
        self.kept, self.places = kept, places
        self.used = False


def cut_rows(model: Any) -> bool:
    """Switch `model` to attention by records where that is possible and helps; say if it was.

    It is not for models on a GPU, nor for those whose attention does more than softmax (soft caps)
    or does not come through transformers' attention interface.
    """
    config = model.config.get_text_config()
    able = (
        model.device.type == "cpu"
        and getattr(model, "_supports_attention_backend", False)
        and getattr(model, "_supports_sdpa", False)
        and config._attn_implementation == "sdpa"
        and not getattr(config, "attn_logit_softcapping", None)
    )
    if able:
        AttentionInterface.register(NAME, attend)
        model.set_attn_implementation(NAME)
    return able


def leave_rows_whole(model: Any) -> None:
    """Give `model` transformers' own attention back."""
    if model.config.get_text_config()._attn_implementation == NAME:
        model.set_attn_implementation("sdpa")


@torch.compiler.disable  # type: ignore[untyped-decorator]  # torch ships no type for it
def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    records: Records | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend causally inside each record: `query` [1, heads, L, D] -> [1, L, heads, D].

    `key` and `value` are [1, groups, L, D]. Raises ValueError for more than one row, or when the
    row holds more tokens than its records.
    """
    lengths = records.lengths if records else [query.shape[2]]
    if records:
        records.used = True
        if records.places is not None:
            query, key, value = (
                part.index_select(2, records.places) for part in (query, key, value)
            )
    if len(query) != 1 or sum(lengths) != query.shape[2] or key.shape[2] != query.shape[2]:
        raise ValueError("attention by records takes one whole row, without a cache")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    parts = [part.split(lengths, dim=2) for part in (query.mul(scale), key, value)]
    outs: list[Tensor] = [query] * len(lengths)
    for size, places in _groups(lengths).items():
        q, k, v = (_stacked([part[place] for place in places], size) for part in parts)
        kernel = _all_scores if size <= SHORT else _flash
        found = kernel(q, k, v, dropout, sliding_window)
        for place, out in zip(places, found, strict=True):
            outs[place] = out[None, :, : lengths[place]]
    mixed = torch.cat(outs, dim=2)
    if records and records.kept is not None:
        mixed = mixed.index_select(2, records.kept)
    return mixed.transpose(1, 2).contiguous(), None


def _groups(lengths: Iterable[int]) -> dict[int, list[int]]:
    """Return {length: the records computed together at that length}; a long one stays alone."""
    groups: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        size = length if length > SHORT else min(SHORT, math.ceil(length / STEP) * STEP)
        groups.setdefault(size, []).append(place)
    return groups


def _stacked(parts: list[Tensor], size: int) -> Tensor:
    """Return [records, heads, size, D], each record padded at its end."""
    return torch.cat([pad(part, (0, 0, 0, size - part.shape[2])) for part in parts])


def _hidden(size: int, window: int | None, like: Tensor) -> Tensor:
    """Return [size, size]: what a token must not look at, as numbers to add to scores."""
    ones = torch.ones(size, size, dtype=torch.bool)
    seen = ones.tril() if window is None else ones.tril() & ones.triu(1 - window)
    return torch.zeros(size, size, dtype=like.dtype).masked_fill(~seen, float("-inf"))


def _all_scores(
    query: Tensor, key: Tensor, value: Tensor, dropout: float, window: int | None
) -> Tensor:
    """Attend with all scores in memory; the heads of a group share their key without a copy."""
    count, heads, size, width = query.shape
    groups = key.shape[1]
    folded = query.reshape(count, groups, heads // groups * size, width)
    scores = torch.matmul(folded, key.transpose(-1, -2)).view(count, heads, size, size)
    chances = torch.softmax(scores + _hidden(size, window, scores), dim=-1)
    chances = torch.dropout(chances, dropout, train=dropout > 0)
    mixed = torch.matmul(chances.view(count, groups, -1, size), value)
    return mixed.view(count, heads, size, width)


def _flash(query: Tensor, key: Tensor, value: Tensor, dropout: float, window: int | None) -> Tensor:
    """Attend by torch's kernel; a window shorter than the record needs a mask."""
    size = query.shape[2]
    narrow = window is not None and window < size
    return scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=_hidden(size, window, query) if narrow else None,
        dropout_p=dropout,
        is_causal=not narrow,
        scale=1.0,
        enable_gqa=query.shape[1] != key.shape[1],
    )
