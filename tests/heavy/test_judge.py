"""Claims that a model misjudges without an opinion are left out, and no others."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from tiny import save_tiny
from transformers import AutoModelForCausalLM, AutoTokenizer

from locale_tune.api import Machine, Message, Record, write_records
from locale_tune_curation import judge, making
from locale_tune_curation.counter_premise import bare, claims
from locale_tune_curation.judge import judged
from locale_tune_curation.premise_phrases import ENGLISH, Statement
from locale_tune_curation.settings import SelectSettings

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


@pytest.mark.parametrize("share", [0, 4])
def test_what_a_yes_sayer_judges_rightly_does_not_teach_to_agree(
    tmp_path, monkeypatch, share
) -> None:
    """It keeps all true claims; of these no more are taught than of the false ones it keeps."""
    write_records(tmp_path / "lessons", map(taught, range(40)))
    monkeypatch.setattr(
        judge,
        "judged",
        lambda claimed, *_: (
            claim for n, claim in enumerate(claimed) if claim.truth or (share and n % share == 0)
        ),
    )
    settings = SelectSettings(premise_lessons=60, premise_statements=(KIND,), premise_judged=True)
    here = SimpleNamespace(path=tmp_path)
    job = SimpleNamespace(
        settings=settings, seed=0, inputs={"corpus": here, "base": here}, machine=Machine()
    )
    truths = [record.meta["claim"] for record in making.of_claims(job)]
    assert truths.count("true") == truths.count("false")
    assert bool(truths) == bool(share)
