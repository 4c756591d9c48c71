"""Who ranks answers: rules that need no model, or a reward model in a local folder.

`rules:` counts which of the language's own filters an answer passes (hygiene, repetition, the share
of its script, its language, the variety that the lesson states), and adds how near its length is to
that of the lesson's answer, from 0 to 1. A folder is a sequence classifier with one output, as
reward models are published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from locale_tune.api import Job, Record, StageFailed, read_records
from locale_tune_training.given import corpus_of

RULES = "rules:"
FILTERS: dict[str, dict[str, str]] = {  # with their options
    "hygiene": {},
    "repetition": {},
    "script-share": {},
    "language-id": {},
    "variety-id": {"own": "stated"},
}
OTHERS = ("contrast", "control", "replay")  # splits of the corpus in other languages
Judge = Callable[[Record, Sequence[str]], list[float]]


def judge_of(job: Job, tokenizer: Any) -> Judge:
    """Return the judge that the settings name. Raise StageFailed when there is none of that name.

    A judge gets a lesson and answers to its prompt, and returns a score for each, higher is better.
    """
    name: str = job.settings.judge
    if name == RULES:
        return rules(job)
    folder = Path(name.removeprefix("folder:")).expanduser()
    if not (folder / "config.json").is_file():
        raise StageFailed(f"align.judge: no reward model in {name}", 'give its folder, or "rules:"')
    return reward_model(folder, job)


def rules(job: Job) -> Judge:
    """Return the judge that needs no model."""
    corpus, locale = corpus_of(job), job.pack.locale

    def texts() -> Iterator[tuple[str, str, str]]:
        for record in read_records(corpus / "text"):
            yield locale.id, record.variety, record.text
        for split in OTHERS:
            for record in read_records(corpus / split):
                if record.lang not in ("", locale.tag):
                    yield record.lang, record.variety, record.text

    keeps = []
    for name, options in FILTERS.items():
        if name in job.parts.filters:
            work = job.work / "filters" / name
            given = {**options, "seed": job.seed, "texts": texts, "facts": {}, "work": work}
            keeps.append(job.parts.filters[name].make(locale, given))

    def judge(record: Record, answers: Sequence[str]) -> list[float]:
        wanted = len(record.messages[-1].content)
        scores = []
        for said in answers:
            written = record.model_copy(update={"messages": (), "text": said})
            near = min(len(said), wanted) / max(len(said), wanted, 1)
            scores.append(sum(not keep(written) for keep in keeps) + near)
        return scores

    return judge


def reward_model(folder: Path, job: Job) -> Judge:
    """Return the judge that asks a sequence classifier with one output."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    own = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    model: Any = AutoModelForSequenceClassification.from_pretrained(
        folder, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
    )
    model = model.to(job.machine.device).eval()
    if model.config.num_labels != 1:
        raise StageFailed(
            f"align.judge: {folder.name} has {model.config.num_labels} outputs, not one score",
            "choose a reward model",
        )

    def judge(record: Record, answers: Sequence[str]) -> list[float]:
        asked = [message.model_dump() for message in record.messages[:-1]]
        scores = []
        for said in answers:
            chat = [*asked, {"role": "assistant", "content": said}]
            if own.chat_template:
                text = own.apply_chat_template(chat, tokenize=False)
            else:
                text = "\n".join(turn["content"] for turn in chat)
            ids = own(text, add_special_tokens=False, return_tensors="pt").to(model.device)
            with torch.inference_mode():
                scores.append(float(model(**ids).logits[0, 0]))
        return scores

    return judge
