"""Language-restricted smoothing: the mass goes only to tokens that the language uses.

Smoothing over the whole vocabulary also raises padded rows, reserved rows, control tokens and other
scripts. Restricting it follows Masked Label Smoothing in translation (Chen et al. 2022,
2022.acl-short.74): S = the tokens seen when the language's text is encoded. Tokens that `extend`
added are among them when the text uses them; rows that no text reaches are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from locale_tune.api import Job, Record, StageFailed, read_records
from locale_tune_training.encoding import Encoder


def language_tokens(job: Job, encoder: Encoder, rows: int) -> Tensor:
    """Return a boolean [rows]: which rows of the head the language's own text uses.

    The text is that of the lessons in the pack's language (all lessons if none says its language),
    and that of the corpus they were chosen from. Raises StageFailed when nothing is left.
    """
    lessons = job.inputs["lessons"]
    tag = job.pack.locale.tag
    records = list(_own(read_records(lessons.path / "lessons"), tag))
    texts = [message.content for record in records for message in record.messages]
    seen = seen_tokens(texts, encoder, rows)
    if "corpus" in lessons.made_from:
        corpus = read_records(lessons.made_from["corpus"].path / "text")
        seen |= seen_tokens((record.text for record in corpus), encoder, rows)
    seen[control_ids(encoder.tokenizer, rows)] = False
    if not seen.any():
        raise StageFailed(
            "no token of the language was seen, so nothing could be smoothed over",
            "set smooth_over to 'vocabulary', or look at what collect and select kept",
        )
    return seen


def seen_tokens(texts: Iterable[str], encoder: Encoder, rows: int) -> Tensor:
    """Return a boolean [rows]: the ids that occur in `texts`, encoded as contents."""
    seen = torch.zeros(rows, dtype=torch.bool)
    for text in texts:
        seen[torch.tensor(encoder.content_ids(text), dtype=torch.long)] = True
    return seen


def control_ids(tokenizer: Any, rows: int) -> Tensor:
    """Return the ids of control and added tokens, which no text may raise."""
    ids = {*tokenizer.get_added_vocab().values(), *tokenizer.all_special_ids}
    return torch.tensor(sorted(i for i in ids if i < rows), dtype=torch.long)


def _own(records: Iterable[Record], tag: str) -> Iterable[Record]:
    found = list(records)
    return [r for r in found if r.lang == tag] or found
