"""Teachers that need no model: they say what a test gives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from locale_tune_curation.teacher import Answer, Prompt, Sampling


class Scripted:
    """Answers by a function of the prompt's last words, and notes what it was asked."""

    name = "scripted"

    def __init__(self, say: Callable[[str], str | Answer]) -> None:
        self._say = say
        self.asked: list[Prompt] = []
        self.seeds: list[int] = []
        self.samplings: list[Sampling] = []
        self.closed = 0

    def generate(
        self,
        prompts: Sequence[Prompt],
        n: int = 1,
        seed: int = 0,
        sampling: Sampling = Sampling(),  # noqa: B008  # a tuple, so nothing changes it
    ) -> list[Answer]:
        self.asked += prompts
        self.seeds.append(seed)
        self.samplings.append(sampling)
        said = [self._say(prompt[-1].content) for prompt in prompts for _ in range(n)]
        return [one if isinstance(one, Answer) else Answer(one, True) for one in said]

    def close(self) -> None:
        self.closed += 1


def swiss(text: str) -> str:
    """Take every text with a `the` for English: a check of languages that tests can see through."""
    return "rather en than rm" if "the" in text.casefold().split() else ""
