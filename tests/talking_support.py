"""A model for the checks of what it says: a function from a prompt to an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Talker:
    """Answers with `says(prompt, draw)`; `knows` is what it finds likely, `goes_on` how it goes on.

    Draw 0 is the greedy answer.
    """

    def __init__(
        self,
        side: str,
        says: Callable[[str, int], str] = lambda prompt, draw: f"{prompt} {draw}",
        goes_on: Callable[[str], str] = lambda prefix: "",
        knows: Callable[[str, str], float] = lambda prompt, choice: 0.0,
        nats: float = 1.0,
        end: str = "<|end|>",
        step: int = 3,
    ) -> None:
        self.side = side
        self.loaded = False
        self.says = says
        self.goes_on = goes_on
        self.knows = knows
        self.nats = nats
        self.end = end
        self.step = step
        self.limits: list[int] = []

    def generate(
        self,
        prompts: Sequence[str],
        max_new_tokens: int | Sequence[int] | None = None,
        raw: bool = False,
    ) -> list[str]:
        return [self.says(prompt, 0) + self.end * raw for prompt in prompts]

    def sample(
        self, prompts: Sequence[str], samples: int, max_new_tokens: int | None = None
    ) -> list[list[str]]:
        return [[self.says(prompt, draw) for draw in range(samples)] for prompt in prompts]

    def entropies(self, prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        assert len(prompts) == len(answers)
        return [self.nats for _ in prompts]

    def continuations(
        self, prefixes: Sequence[str], max_new_tokens: Sequence[int] | None = None
    ) -> list[str]:
        self.limits = list(max_new_tokens or ())
        return [self.goes_on(prefix) for prefix in prefixes]

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Cut after every `step` letters."""
        cut = self.step
        return [[(i, i + cut) for i in range(0, len(text), cut)] for text in texts]

    def choice_logprobs(
        self, prompts: Sequence[str], choices: Sequence[Sequence[str]]
    ) -> list[list[float]]:
        return [
            [self.knows(prompt, choice) for choice in some]
            for prompt, some in zip(prompts, choices, strict=True)
        ]
