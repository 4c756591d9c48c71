"""`focus`: a new token starts near the old tokens it is used like (Dobler and de Melo 2023).

fastText vectors are trained on the pack's own text, cut by the new tokenizer; a new row is the sum
of old rows weighted by sparsemax over the cosines. FOCUS: EMNLP 2023, arXiv 2305.14481.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from locale_tune.api import StageFailed
from locale_tune_tokenizer.embeddings.first_rows import First, Sight, counted, edge
from locale_tune_tokenizer.learning.segments import encodings
from locale_tune_tokenizer.texts import training_text

MIN_COUNT = 10
# As the authors train (CBOW, 10 negatives, dim 100, 3 epochs), but one thread, so that the bits
# repeat (fastText's seed is fixed, its Python interface takes none), and a tenth of its two
# million n-gram buckets: 80 MB instead of 800.
RECIPE: dict[str, Any] = {
    "model": "cbow",
    "dim": 100,
    "epoch": 3,
    "neg": 10,
    "minCount": MIN_COUNT,
    "bucket": 200_000,
    "thread": 1,
    "verbose": 0,
}
CHUNK = 256  # new tokens compared with all old ones at once: 256 x 50,000 x 4 bytes is 51 MB
# What fastText would cut, or take for the end of a line or a label.
UNSAFE = re.compile(r"[\x00\t\n\v\f\r ]|^</s>$|^__label__")


def focus(sight: Sight) -> First:
    """Start from old tokens used alike; a token seen fewer than ten times starts as `edge`.

    Raises StageFailed when fastText is not installed.
    """
    rows = edge(sight)
    ids, vectors = token_vectors(sight)
    place_of = {int(number): place for place, number in enumerate(ids)}
    vocab = sight.new.get_vocab(with_added_tokens=True)
    new = [place_of.get(vocab[token], -1) for token in sight.tokens]
    have = [place for place, at in enumerate(new) if at >= 0]
    old = [number for number in sight.used() if number in place_of]
    if not have or not old:
        return First(rows.input, rows.output, counted(len(new), focus=0))
    known = vectors[[place_of[number] for number in old]]
    for places in torch.tensor(have).split(CHUNK):
        weights = sparsemax(vectors[[new[place] for place in places.tolist()]] @ known.T)
        rows.input[places] = _mixed(weights, sight.input, old)
        rows.output[places] = _mixed(weights, sight.output, old)
    return First(rows.input, rows.output, counted(len(new), focus=len(have)))


def _mixed(weights: Tensor, table: Tensor, ids: list[int]) -> Tensor:
    """Return weighted sums of the rows `ids` that any weight uses, float32."""
    used = weights.any(dim=0).nonzero()[:, 0]
    rows = table.detach()[torch.tensor(ids)[used].to(table.device)].float()
    return weights[:, used].to(table.device) @ rows


def sparsemax(scores: Tensor) -> Tensor:
    """Return the projection of each row of `scores` [n, m] onto the probability simplex.

    p = max(z - tau, 0), tau = (sum of the k largest - 1) / k, k the largest number for which
    1 + k z_(k) > sum of the k largest (Martins and Astudillo 2016, arXiv 1602.02068).
    """
    ordered = scores.sort(dim=1, descending=True).values
    sums = ordered.cumsum(dim=1)
    sizes = torch.arange(1, scores.shape[1] + 1, dtype=scores.dtype, device=scores.device)
    support = (1 + sizes * ordered > sums).sum(dim=1, keepdim=True)
    tau = (sums.gather(1, support - 1) - 1) / support
    return (scores - tau).clamp_min(0)


def token_vectors(sight: Sight) -> tuple[list[int], Tensor]:
    """Return ids and unit vectors [n, 100] of the tokens seen ten times or more in the text."""
    path = sight.work / "focus.txt"
    names = {number: name for name, number in sight.new.get_vocab(with_added_tokens=True).items()}
    written = {n: f"<{n}>" if UNSAFE.search(name) else name for n, name in names.items()}
    try:
        counts = _write_tokens(path, sight, written)
        if not any(count >= MIN_COUNT for count in counts.values()):
            return [], torch.zeros(0, RECIPE["dim"])
        model = _trained(path)
    finally:
        path.unlink(missing_ok=True)
    ids = sorted(number for number, count in counts.items() if count >= MIN_COUNT)
    vectors = torch.stack([torch.from_numpy(model.get_word_vector(written[n])) for n in ids])
    return ids, torch.nn.functional.normalize(vectors)


def _write_tokens(path: Path, sight: Sight, written: dict[int, str]) -> Counter[int]:
    """Write the text, a line each, as tokens with spaces between; return counts by id."""
    counts: Counter[int] = Counter()
    total = sum(len(text.encode()) for text in training_text(sight.corpus))
    share = min(1.0, sight.learn_bytes / max(1, total))
    text = training_text(sight.corpus, share, sight.seed)
    with path.open("w", encoding="utf-8") as file:
        for encoding in encodings(sight.new, text):
            counts.update(encoding.ids)
            file.write(" ".join(written[number] for number in encoding.ids) + "\n")
    return counts


def _trained(path: Path) -> Any:
    try:
        import fasttext
    except ImportError:
        raise StageFailed(
            "extend.initializer = 'focus' needs fastText, which is not installed",
            "pip install 'locale-tune[corpus]', or set extend.initializer to 'edge'",
        ) from None
    return fasttext.train_unsupervised(input=str(path), **RECIPE)
