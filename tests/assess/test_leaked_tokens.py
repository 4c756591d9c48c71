"""Control tokens, answers without an end, and broken letters."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from talking_support import Talker

from locale_tune_assess.leaked_tokens import Reading, leaked_tokens, read

PROMPTS = tuple(f"Dumonda {index}?" for index in range(4))


@pytest.mark.parametrize(
    ("answer", "reading"),
    [
        ("Il lai è blau.<|im_end|>", Reading(False, False, False)),
        ("Il lai è blau.<|im_end|>\n", Reading(False, False, False)),
        ("Il lai è blau.</s>", Reading(False, False, False)),
        ("Il lai è blau.<｜end▁of▁sentence｜>", Reading(False, False, False)),
        ("Il lai<｜User｜>E la chasa?<｜end▁of▁sentence｜>", Reading(True, False, False)),
        ("Il lai è", Reading(False, True, False)),
        ("Il lai<|im_end|>\n<|im_start|>user\nE la chasa?", Reading(True, True, False)),
        ("<|im_start|>assistant\nIl lai.<|im_end|>", Reading(True, False, False)),
        ("Il lai.\nassistant\nIl lai.<|im_end|>", Reading(True, False, False)),
        ("Il lai.\nUser: quai.<|im_end|>", Reading(False, False, False)),
        ("My assistant said so.<|im_end|>", Reading(False, False, False)),
        ("[INST] Il lai [/INST]</s>", Reading(True, False, False)),
        ("<start_of_turn>model Il lai<end_of_turn>", Reading(True, False, False)),
        ("Il l\ufffdi.<|im_end|>", Reading(False, False, True)),
        ("Il lai \ufffd", Reading(False, True, False)),  # the limit cut a letter in two
        ("Il l\ufffdi \ufffd", Reading(False, True, True)),
        ("2 < 3 | 4 > 1<|im_end|>", Reading(False, False, False)),
        ("", Reading(False, True, False)),
    ],
)
def test_reading_one_answer(answer: str, reading: Reading) -> None:
    assert read(answer) == reading


def test_faults_are_shares_of_the_answers(make_context) -> None:
    def broken(prompt: str, draw: int) -> str:
        return "Il lai.\nassistant\n\ufffd." if prompt.startswith("Dumonda") else "Blue."

    after = Talker("after", broken, end="")
    context = make_context(Talker("before"), after, prompts=PROMPTS)
    found = {finding.check: finding for finding in leaked_tokens(context)}
    share = 100 * 4 / (4 + context.settings.instructions)
    assert (found["leaked_tokens"].before, found["leaked_tokens"].after) == (0.0, share)
    assert (found["unfinished"].before, found["unfinished"].after) == (0.0, 100.0)
    assert found["broken_letters"].after == share
    assert all(finding.lower_is_better for finding in found.values())
    rows = pq.read_table(context.out / "items" / "leaked_tokens-roh.parquet").to_pylist()
    assert rows[0]["leaked_tokens_after"]
    assert not rows[0]["leaked_tokens_before"]


def test_without_prompts_nothing_is_read(make_context) -> None:
    assert list(leaked_tokens(make_context(Talker("before"), Talker("after")))) == []
