"""Does this model compute its logits as hidden states times its output table, and nothing more?"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from locale_tune_tokenizer.embeddings.rows import embedding_scale

TOLERANCE = 1e-2


@torch.no_grad()
def reason_against_rows(model: Any) -> str:
    """Say why the rows of this model cannot be grown or trained by `extend`; "" when they can.

    Checked by value, not by architecture: an embedding that does more than scale its rows, a head
    bias or a logit scale show as other values on a few ids. A soft cap does not, on small logits.
    """
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if not isinstance(embedding, nn.Embedding) or type(head) is not nn.Linear:
        return "its tables are not a plain embedding and a plain linear head"
    if head.bias is not None:
        return "its head has a bias"
    if embedding.weight.shape != head.weight.shape:
        return "its input and output tables differ in shape"
    if getattr(model.config.get_text_config(), "final_logit_softcapping", None):
        return "its logits go through a soft cap"
    ids = torch.arange(min(16, embedding.weight.shape[0]), device=embedding.weight.device)[None]
    scaled = embedding.weight[ids] * embedding_scale(embedding)
    if not torch.allclose(embedding(ids), scaled.to(embedding.weight.dtype), rtol=TOLERANCE):
        return "its embedding does more to its rows than scale them"
    expected = model.eval()(input_ids=ids, use_cache=False).logits.float()
    hidden = model.base_model(inputs_embeds=embedding(ids), use_cache=False).last_hidden_state
    found = (hidden @ head.weight.T).float()
    if not torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * expected.std().item()):
        return "its logits are not its hidden states times its output table"
    return ""
