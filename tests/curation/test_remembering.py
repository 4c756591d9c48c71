"""What a model said is kept: a build that was stopped asks only for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from locale_tune_curation.remembering import Remembering
from locale_tune_curation.teacher import Answer, Row, Sampling, ask, draw_seed

PROMPTS = [ask(f"dumonda {n}") for n in range(20)]


class Counting:
    """A model that says its seed, and stops after some portions as a killed build does."""

    name, batch = "counting", 2

    def __init__(self, stop: int = 99) -> None:
        self.portions: list[int] = []
        self._stop = stop

    def answer(self, rows: Sequence[Row], sampling: Sampling) -> list[Answer]:
        if len(self.portions) == self._stop:
            raise KeyboardInterrupt
        self.portions.append(len(rows))
        return [Answer(f"«{row.prompt[0].content}» {row.seed}", True) for row in rows]

    def close(self) -> None:
        self.portions.append(0)


def test_a_stopped_build_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = Remembering(Counting()).generate(PROMPTS, 1, 5)
    path = tmp_path / "work" / "answers.jsonl"
    with pytest.raises(KeyboardInterrupt):
        Remembering(Counting(stop=2), path).generate(PROMPTS, 1, 5)
    rest = Counting()
    assert Remembering(rest, path).generate(PROMPTS, 1, 5) == whole
    assert rest.portions == [4]  # of portions of 8, 8 and 4 only the last


@pytest.mark.parametrize("torn", [b'["abc', b"\x00\xff\n", b"[1]\n", b"\n\n"])
def test_a_line_half_written_costs_its_portion_alone(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "answers.jsonl"
    whole = Remembering(Counting(), path).generate(PROMPTS[:8], 1, 5)
    path.write_bytes(path.read_bytes() + torn)
    first = Counting()
    assert Remembering(first, path).generate(PROMPTS[:16], 1, 5)[:8] == whole
    assert first.portions == [8]
    again = Counting()
    Remembering(again, path).generate(PROMPTS[:16], 1, 5)
    assert again.portions == []


def test_another_seed_or_way_of_drawing_is_asked_anew(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    Remembering(Counting(), path).generate(PROMPTS[:2], 1, 5)
    model = Counting()
    Remembering(model, path).generate(PROMPTS[:2], 1, 6)
    Remembering(model, path).generate(PROMPTS[:2], 1, 5, Sampling(temperature=0))
    assert model.portions == [2, 2]


def test_progress_is_told_and_memory_given_back() -> None:
    told: list[tuple[float, float, str]] = []
    model = Counting()
    teacher = Remembering(model, None, lambda done, of, note="": told.append((done, of, note)))
    teacher.generate(PROMPTS, 1, 0)
    teacher.close()
    assert told == [(n, 20, "answers of counting") for n in (8, 16, 20)]
    assert model.portions == [8, 8, 4, 0]


def test_a_prompt_that_comes_again_is_drawn_again() -> None:
    answers = Remembering(Counting()).generate([ask("a"), ask("a")], 2, 5)
    seeds = [draw_seed(5, ask("a"), n) for n in range(4)]
    assert [answer.text for answer in answers] == [f"«a» {seed}" for seed in seeds]
