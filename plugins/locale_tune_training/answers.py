"""A model's own answers to the prompts of lessons, drawn by the seed, kept on disk part by part.

What is drawn for a part depends on the seed, the step's fingerprint and the prompts of the part, so
a run that was killed draws the same answers again.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from locale_tune.api import (
    Job,
    Record,
    commit_folder,
    discard,
    read_json,
    read_records,
    verified,
    write_json,
)
from locale_tune_training.encoding import Encoder
from locale_tune_training.mixing import chosen
from locale_tune_training.model import cast, load_model, resolve_dtype
from locale_tune_training.pairs import answer
from locale_tune_training.recipe import model_digests

PROMPTS_A_PART = 8
FILE = "answers.json"


class Said(NamedTuple):
    """An answer of the model; `cut` where it was still speaking when its tokens were used up."""

    text: str
    cut: bool


def prompts_of(job: Job, encoder: Encoder) -> list[tuple[Record, list[int]]]:
    """Return lessons drawn by the seed, with the ids of all that stands before the last answer.

    Those whose pair could not stand in one row are not asked.
    """
    settings = job.settings
    ranked = []
    for record in read_records(job.inputs["lessons"].path / "lessons"):
        asks = len(record.messages) > 1 and record.messages[-1].role == "assistant"
        if asks and chosen(record, settings.only_sources, settings.only_tags):
            ranked.append((_number(f"{job.seed}:{record.id}"), record.id, record))
    found = []
    for _, _, record in sorted(ranked, key=lambda item: item[:2]):
        chat = answer(encoder, record.messages)
        counted = next((place for place, weight in enumerate(chat.weights) if weight), 0)
        longest = counted + settings.max_new_tokens
        other = len(chat.ids) if settings.pairs == "spin" else longest
        if counted > 0 and longest + other <= settings.sequence:
            found.append((record, chat.ids[:counted]))
        if len(found) == settings.prompts:
            break
    return found


def own_answers(
    job: Job, tokenizer: Any, prompts: Sequence[Sequence[int]], samples: int
) -> list[list[Said]]:
    """Return `samples` answers of the job's model to each prompt (given as ids)."""
    opened: list[Any] = []

    def model() -> Any:
        if not opened:
            opened.append(load_model(job.inputs["model"].path, job.machine).eval())
            cast(opened[0], resolve_dtype(job.settings.dtype, job.machine))
        return opened[0]

    found: list[list[Said]] = []
    for start in range(0, len(prompts), PROMPTS_A_PART):
        job.progress(start, len(prompts), "the model answers")
        part = prompts[start : start + PROMPTS_A_PART]
        folder = job.work / f"answers-{start:07d}"
        key = _key(job, part, samples)
        manifest = verified(folder)
        if manifest is None or manifest.get("key") != key:
            discard(folder)
            commit_folder(folder, _filler(model, tokenizer, part, samples, key, job.settings))
        found += [[Said(*one) for one in some] for some in read_json(folder / FILE)]
    opened.clear()
    gc.collect()
    return found


def _key(job: Job, part: Sequence[Sequence[int]], samples: int) -> dict[str, Any]:
    settings = job.settings
    said = repr([list(ids) for ids in part]).encode()
    return {
        "seed": job.seed,
        "fingerprint": job.fingerprint,
        "model": model_digests(job.inputs["model"].path),
        "prompts": hashlib.sha256(said).hexdigest(),
        "samples": samples,
        "temperature": settings.temperature,
        "max_new_tokens": settings.max_new_tokens,
        "dtype": str(resolve_dtype(settings.dtype, job.machine)),
        "threads": job.machine.threads,
    }


def _filler(
    model: Callable[[], Any],
    tokenizer: Any,
    part: Sequence[Sequence[int]],
    samples: int,
    key: dict[str, Any],
    settings: Any,
) -> Callable[[Path], dict[str, Any]]:
    def fill(folder: Path) -> dict[str, Any]:
        seed = _number(repr(sorted(key.items()))) >> 1
        drawn = _draw(model(), tokenizer, part, samples, seed, settings)
        write_json(folder / FILE, drawn)
        return {"key": key}

    return fill


def _draw(
    model: Any,
    tokenizer: Any,
    part: Sequence[Sequence[int]],
    samples: int,
    seed: int,
    settings: Any,
) -> list[list[Said]]:
    longest = max(map(len, part))
    ends = _ends(model, tokenizer)
    pad = ends[0] if ends else 0
    ids = [[pad] * (longest - len(prompt)) + list(prompt) for prompt in part]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in part]
    sampling = _sampling(ends, pad, samples, settings)
    model.generation_config = sampling  # what is not set in the one given is taken from this one
    torch.manual_seed(seed)
    with torch.inference_mode():
        output = model.generate(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
            generation_config=sampling,
        )
    said = [_said(tokenizer, row, ends) for row in output[:, longest:].tolist()]
    return [said[n * samples : (n + 1) * samples] for n in range(len(part))]


def _sampling(ends: Sequence[int], pad: int, samples: int, settings: Any) -> Any:
    """Return plain sampling: no top-k, no nucleus, no penalty, whatever the model's own say."""
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=True,
        temperature=settings.temperature,
        top_k=0,
        top_p=1.0,
        num_return_sequences=samples,
        max_new_tokens=settings.max_new_tokens,
        eos_token_id=list(ends) or None,
        pad_token_id=pad,
    )


def _ends(model: Any, tokenizer: Any) -> list[int]:
    own = model.generation_config.eos_token_id
    ends = {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])}
    return sorted(end for end in ends if end is not None)


def _said(tokenizer: Any, row: list[int], ends: Sequence[int]) -> Said:
    stop = next((place for place, token in enumerate(row) if token in ends), len(row))
    text, cut = str(tokenizer.decode(row[:stop], skip_special_tokens=True)), stop == len(row)
    # The last letter may have been cut in two as well: then it is no letter that the model said.
    return Said((text.rstrip("\ufffd") if cut else text).strip(), cut)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
