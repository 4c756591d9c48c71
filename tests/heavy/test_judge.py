"""Claims that a model misjudges without an opinion are left out, and no others."""

from __future__ import annotations

import pytest
import torch
from tiny import save_tiny
from transformers import AutoModelForCausalLM, AutoTokenizer

from locale_tune.api import Machine, Message, Record
from locale_tune_curation.counter_premise import bare, claims
from locale_tune_curation.judge import judged
from locale_tune_curation.premise_phrases import ENGLISH, Statement

KIND = Statement(
    ask="{subject}?",
    say="{answer}.",
    claim="{subject} {answer}",
    denial="{subject} not {answer}",
)


def taught(number: int) -> Record:
    turns = (
        Message(role="user", content=f"the {number}?"),
        Message(role="assistant", content=f"winter {number % 7}."),
    )
    return Record(id=f"s:{number}", source="s", messages=turns)


@pytest.mark.parametrize("seed", [0, 1])
def test_kept_is_what_the_model_finds_likelier_in_the_plain_way(tmp_path, seed) -> None:
    folder = save_tiny(tmp_path / "m", seed=seed)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = list(claims(map(taught, range(12)), [KIND], 0))
    kept = {claim.name for claim in judged(found, ENGLISH, folder, Machine(), 0)}
    for claim in found:
        question, options = bare(claim, ENGLISH, 0)
        turn = [{"role": "user", "content": question}]
        text = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        before = tokenizer.encode(text)
        means = []
        for option in options:
            answer = tokenizer.encode(option)
            with torch.no_grad():
                chances = model(torch.tensor([before + answer])).logits[0].log_softmax(-1)
            places = range(len(before) - 1, len(before) + len(answer) - 1)
            means.append(
                sum(float(chances[p, t]) for p, t in zip(places, answer, strict=True)) / len(answer)
            )
        assert (claim.name in kept) == (means[0] > means[1])
