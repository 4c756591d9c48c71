"""Pairs that the model makes itself: SPIN's opponent, and answers ranked by a judge.

SPIN (Chen et al. 2024, arXiv 2401.01335): people's answer against the one that the model of the
round before generated; that model is generator and reference, and from the second round on the
pairs of the round before are mixed in. Iterative DPO: the model's own answers, ranked by a judge;
the best is paired with each worse one (`curriculum.py`). Such pairs are synthetic and say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from locale_tune.api import Artifact, Job, Message, Record, read_json, write_json
from locale_tune_training.answers import own_answers, prompts_of
from locale_tune_training.curriculum import all_pairs, of_stage, ranked_pairs
from locale_tune_training.encoding import Encoder
from locale_tune_training.given import Given
from locale_tune_training.judges import judge_of

FILE = "own-pairs.json"  # beside the model, for the round that follows


def spin_pairs(job: Job, tokenizer: Any) -> Given:
    """Return this round's pairs, lesson against own answer, and those of the round before."""
    asked = prompts_of(job, Encoder(tokenizer))
    answers = own_answers(job, tokenizer, [ids for _, ids in asked], samples=1)
    before = _of_round_before(job.inputs["model"])
    number = 1 + before[1]
    made = [
        _pair(record, record.messages[-1].content, said, "spin", number)
        for (record, _), (said,) in zip(asked, answers, strict=True)
        if said and said != record.messages[-1].content.strip()
    ]
    keep(job, made, number)
    facts = {"round": number, "own_pairs": len(made), "pairs_of_round_before": len(before[0])}
    facts["answered_as_the_lesson"] = sum(
        said == record.messages[-1].content.strip()
        for (record, _), (said,) in zip(asked, answers, strict=True)
    )
    return Given([*before[0], *made], facts, "look at the lessons: none has a prompt that fits")


def judged_pairs(job: Job, tokenizer: Any) -> Given:
    """Return the model's own answers as pairs, the best of each prompt against worse ones."""
    settings = job.settings
    asked = prompts_of(job, Encoder(tokenizer))
    answers = own_answers(job, tokenizer, [ids for _, ids in asked], settings.samples)
    judge = judge_of(job, tokenizer)
    made, scores_of_all = [], []
    for (record, _), said in zip(asked, answers, strict=True):
        different = list(dict.fromkeys(text for text in said if text))
        scores = judge(record, different)
        scores_of_all += scores
        for pair in all_pairs(scores) if settings.loss == "rloo" else ranked_pairs(scores):
            best, worse = different[pair.chosen], different[pair.rejected]
            found = _pair(record, best, worse, f"judged-{pair.chosen}", pair.rejected)
            made.append(found.model_copy(update={"meta": {**found.meta, "gap": str(pair.gap)}}))
    if settings.curriculum_stage:
        made = of_stage(made, settings.curriculum_stage)
    mean = sum(scores_of_all) / max(1, len(scores_of_all))
    facts = {"judge": settings.judge, "judged": len(scores_of_all), "mean_score": round(mean, 4)}
    return Given(made, facts, "the judge found no answer better than another: try more samples")


def _pair(record: Record, chosen: str, rejected: str, rule: str, number: int) -> Record:
    turns = (*record.messages[:-1], Message(role="assistant", content=chosen))
    meta = {**record.meta, "origin": "synthetic", "rule": rule.partition("-")[0]}
    name = f"{record.id}~{rule}-{number}"
    update = {"id": name, "messages": turns, "rejected": rejected, "meta": meta}
    return record.model_copy(update=update)


def keep(job: Job, made: Sequence[Record], number: int) -> None:
    """Write a round's pairs beside its model."""
    said = [record.model_dump(mode="json") for record in made]
    write_json(job.out / FILE, {"round": number, "pairs": said})


def _of_round_before(model: Artifact) -> tuple[list[Record], int]:
    """Return the pairs that the model was trained against, and the number of its round."""
    path = model.path / FILE
    if not path.is_file():
        return [], 0
    kept = read_json(path)
    return [Record.model_validate(pair) for pair in kept["pairs"]], int(kept["round"])
