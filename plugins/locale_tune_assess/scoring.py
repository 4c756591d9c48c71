"""Log-likelihoods under a causal language model, with no logits held for whole batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from .windows import Window, batches

Tell = Callable[[int, int], None]

# Rows of [rows, vocabulary] logits at a time: 512 x 128k x 4 bytes = 256 MiB.
HEAD_ROWS = 512


class Network:
    """A loaded causal model, split into the body (ids to hidden states) and the head.

    Some architectures scale or cap what the head gives. `split` says whether head(body(ids)) was
    found to be the model's own logits; where not, whole logits are computed.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.body = model.base_model
        self.head = model.get_output_embeddings()
        self.split = self.head is not None and self._splits()

    def _splits(self) -> bool:
        ids = torch.arange(3, 11, device=self.model.device)[None] % self.model.config.vocab_size
        with torch.inference_mode():
            whole = self.model(input_ids=ids, use_cache=False).logits.float()
            parts = self.head(self.body(input_ids=ids, use_cache=False)[0]).float()
        return whole.shape == parts.shape and torch.allclose(whole, parts, rtol=1e-4, atol=1e-4)

    def token_nll(self, ids: Tensor, rows: Tensor, columns: Tensor, **inputs: Any) -> Tensor:
        """Return the NLL [N] of each target ids[rows, columns], in float32.

        Row r predicts column c from the state at c - 1, unless `states` names other columns.
        """
        states = inputs.pop("states", columns - 1)
        targets = torch.split(ids[rows, columns], HEAD_ROWS)
        pieces = zip(self.logits(ids, rows, states, **inputs), targets, strict=True)
        return torch.cat([_nll(logits, target) for logits, target in pieces])

    def logits(self, ids: Tensor, rows: Tensor, states: Tensor, **inputs: Any) -> Iterator[Tensor]:
        """Yield the logits at (row, state), HEAD_ROWS places at a time: [<= HEAD_ROWS, V] each."""
        if not self.split:
            output = self.model(input_ids=ids, use_cache=False, **inputs).logits
            yield from torch.split(output[rows, states], HEAD_ROWS)
            return
        hidden = self.body(input_ids=ids, use_cache=False, **inputs)[0][rows, states]
        yield from (self.head(part) for part in torch.split(hidden, HEAD_ROWS))


def _nll(logits: Tensor, targets: Tensor) -> Tensor:
    logits = logits.float()
    chosen = logits.gather(1, targets[:, None])[:, 0]
    return torch.logsumexp(logits, dim=1) - chosen


def score(network: Network, windows: Sequence[Window], budget: int, tell: Tell) -> list[float]:
    """Return the summed NLL (nats) of the scored tokens of each window, in float64.

    Rows are padded on the right. What stands there is in the future of every scored token, which a
    causal model does not see, so no mask is needed and the fast attention path is taken.
    """
    totals = [0.0] * len(windows)
    done = 0
    for batch in batches([len(window.ids) for window in windows], budget):
        chosen = [windows[index] for index in batch]
        for index, value in zip(batch, _score_batch(network, chosen), strict=True):
            totals[index] = value
        done += len(batch)
        tell(done, len(windows))
    return totals


def _score_batch(network: Network, windows: Sequence[Window]) -> list[float]:
    device = network.model.device
    longest = max(len(window.ids) for window in windows)
    ids = torch.tensor(
        [[*window.ids, *([0] * (longest - len(window.ids)))] for window in windows], device=device
    )
    places = [
        (row, column)
        for row, window in enumerate(windows)
        for column in range(window.first, len(window.ids))
    ]
    rows, columns = torch.tensor(places, device=device).T
    with torch.inference_mode():
        nll = network.token_nll(ids, rows, columns)
    sums = torch.zeros(len(windows), dtype=torch.float64)
    sums.index_add_(0, rows.cpu(), nll.cpu().double())
    return [float(value) for value in sums]
