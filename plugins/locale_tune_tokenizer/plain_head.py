"""Does this model compute its logits as hidden states times its output table, and nothing more?"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

TOLERANCE = 1e-2


@torch.no_grad()
def reason_against_rows(model: Any) -> str:
    """Say why the rows of this model cannot be grown or trained by `extend`; "" when they can.

    Checked by value, not by architecture: scaled embeddings, a head bias, a logit scale or a soft
    cap all show as other logits than `hidden @ table.T` on a few ids.
    """
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if type(embedding) is not nn.Embedding or type(head) is not nn.Linear:
        return "its tables are not a plain embedding and a plain linear head"
    if head.bias is not None:
        return "its head has a bias"
    if embedding.weight.shape != head.weight.shape:
        return "its input and output tables differ in shape"
    ids = torch.arange(min(16, embedding.weight.shape[0]), device=embedding.weight.device)[None]
    expected = model.eval()(input_ids=ids, use_cache=False).logits.float()
    hidden = model.base_model(inputs_embeds=embedding(ids), use_cache=False).last_hidden_state
    found = (hidden @ head.weight.T).float()
    if not torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * expected.std().item()):
        return "its logits are not its hidden states times its output table"
    return ""
