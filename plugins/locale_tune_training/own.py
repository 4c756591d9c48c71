"""Pairs that the model makes itself: SPIN's opponent, and answers ranked by a judge.

SPIN (Chen et al. 2024, arXiv 2401.01335): people's answer against the one that the model of the
round before generated; that model is generator and reference, and from the second round on the
pairs of the round before are mixed in. Iterative DPO: the model's own answers, ranked by a judge;
the best is paired with each worse one (`curriculum.py`). Such pairs are synthetic and say so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

from locale_tune.api import (
    Artifact,
    Job,
    Message,
    Record,
    StageFailed,
    read_json,
    write_json,
)
from locale_tune_training.answers import Said, own_answers, prompts_of
from locale_tune_training.curriculum import all_pairs, of_stage, ranked_pairs
from locale_tune_training.encoding import Encoder
from locale_tune_training.given import Given
from locale_tune_training.judges import judge_of
from locale_tune_training.pairs import CUT

FILE = "own-pairs.json"  # beside the model, for the round that follows
NO_PROMPT = "no lesson of these sources and tags has a prompt that leaves room for an answer"


def spin_pairs(job: Job, tokenizer: Any) -> Given:
    """Return this round's pairs, lesson against own answer, and those of the round before."""
    asked = prompts_of(job, Encoder(tokenizer))
    answers = own_answers(job, tokenizer, [ids for _, ids in asked], samples=1)
    before = _of_round_before(job.inputs["model"])
    number = 1 + before[1]
    lessons = [(record, Said(record.messages[-1].content.strip(), False)) for record, _ in asked]
    made = [
        _pair(record, lesson, said, "spin", number)
        for (record, lesson), (said,) in zip(lessons, answers, strict=True)
        if said.text and said.text != lesson.text
    ]
    keep(job, made, number)
    facts = {"round": number, "own_pairs": len(made), "pairs_of_round_before": len(before[0])}
    facts["answered_as_the_lesson"] = sum(
        said.text == lesson.text for (_, lesson), (said,) in zip(lessons, answers, strict=True)
    )
    facts |= _told(answers)
    remedy = "the model answers as the lessons do, or with nothing: this round has nothing to teach"
    return Given([*before[0], *made], facts, remedy if asked else NO_PROMPT)


def judged_pairs(job: Job, tokenizer: Any) -> Given:
    """Return the model's own answers as pairs, the best of each prompt against worse ones."""
    settings = job.settings
    asked = prompts_of(job, Encoder(tokenizer))
    answers = own_answers(job, tokenizer, [ids for _, ids in asked], settings.samples)
    judge = judge_of(job, tokenizer)
    made, scores_of_all = [], []
    for (record, _), said in zip(asked, answers, strict=True):
        # For `rloo` an answer counts as often as it was drawn, or its estimate is no longer that.
        spoken = [one for one in said if one.text]
        told = spoken if settings.loss == "rloo" else list(dict.fromkeys(spoken))
        scores = judge(record, [one.text for one in told])
        if not all(map(math.isfinite, scores)):
            raise StageFailed(
                f"align.judge: {settings.judge} gave an answer to '{record.id}' no finite score",
                "mend or change the reward model: its weights may hold NaN or infinity",
            )
        scores_of_all += scores
        for pair in all_pairs(scores) if settings.loss == "rloo" else ranked_pairs(scores):
            best, worse = told[pair.chosen], told[pair.rejected]
            found = _pair(record, best, worse, f"judged-{pair.chosen}", pair.rejected)
            made.append(found.model_copy(update={"meta": {**found.meta, "gap": str(pair.gap)}}))
    remedy = "the judge found no answer better than another: try more samples"
    if settings.curriculum_stage and made:
        made = of_stage(made, settings.curriculum_stage)
        remedy = f"no prompt has {settings.curriculum_stage} pairs: set curriculum_stage lower"
    mean = sum(scores_of_all) / max(1, len(scores_of_all))
    facts = {"judge": settings.judge, "judged": len(scores_of_all), "mean_score": round(mean, 4)}
    return Given(made, facts | _told(answers), remedy if asked else NO_PROMPT)


def _told(answers: Sequence[Sequence[Said]]) -> dict[str, int]:
    """Return what became of the answers: prompts asked, answers without a word, answers cut off."""
    said = list(chain.from_iterable(answers))
    told = {"prompts": len(answers), "empty_answers": sum(not one.text for one in said)}
    return told | {"cut_answers": sum(one.cut for one in said)}


def _pair(record: Record, chosen: Said, rejected: Said, rule: str, number: int) -> Record:
    turns = (*record.messages[:-1], Message(role="assistant", content=chosen.text))
    meta = {**record.meta, "origin": "synthetic", "rule": rule.partition("-")[0]}
    sides = (("chosen", chosen), ("rejected", rejected))
    if cut := " ".join(side for side, said in sides if said.cut):
        meta[CUT] = cut
    name = f"{record.id}~{rule}-{number}"
    update = {"id": name, "messages": turns, "rejected": rejected.text, "meta": meta}
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
