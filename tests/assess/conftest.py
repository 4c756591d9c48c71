"""A context whose two models are tables of made-up numbers, so checks run without torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from locale_tune.api import Locale, Message, Record, write_records
from locale_tune_assess.context import Context, Score
from locale_tune_assess.settings import AssessSettings

ROMANSH = Locale(
    id="rm", tag="roh", script="Latn", name="Romansh", endonym="rumantsch", direction="ltr"
)


class FakeModel:
    """A model with `bits` per byte that prefers one choice and cuts every `step` letters."""

    def __init__(self, side: str, bits: float = 1.0, likes: str = "", step: int = 4) -> None:
        self.side = side
        self.loaded = False
        self.bits = bits
        self.likes = likes
        self.step = step
        self.calls: list[str] = []
        self.limits: list[int] = []

    def nll(self, texts: Sequence[str]) -> list[Score]:
        self.calls.append("nll")
        self.loaded = True
        sizes = [len(text.encode()) for text in texts]
        return [Score(self.bits * size * 0.6931471805599453, size) for size in sizes]

    def choice_logprobs(
        self, prompts: Sequence[str], choices: Sequence[Sequence[str]]
    ) -> list[list[float]]:
        self.calls.append("choice_logprobs")
        return [[-0.1 if self.likes in one else -9.0 for one in some] for some in choices]

    def choice_logprobs_chat(
        self,
        chats: Sequence[Sequence[Message]],
        choices: Sequence[Sequence[str]],
        memory: list[Any] | None = None,
    ) -> list[list[float]]:
        self.calls.append("choice_logprobs_chat")
        return [
            [-0.1 if one == self.answer(chat, some) else -9.0 for one in some]
            for chat, some in zip(chats, choices, strict=True)
        ]

    def answer(self, chat: Sequence[Message], choices: Sequence[str]) -> str:
        return next(one for one in choices if self.likes in one)

    def choice_tokens(
        self, prompts: Sequence[str], choices: Sequence[Sequence[str]]
    ) -> list[list[int]]:
        return [[-(-len(one) // self.step) for one in some] for some in choices]

    def generate(
        self,
        prompts: Sequence[str],
        max_new_tokens: int | Sequence[int] | None = None,
        raw: bool = False,
    ) -> list[str]:
        self.calls.append("generate")
        if max_new_tokens is not None and not isinstance(max_new_tokens, int):
            self.limits = list(max_new_tokens)
        return [f"{self.likes}" for _ in prompts]

    def sample(
        self,
        prompts: Sequence[str],
        samples: int,
        max_new_tokens: int | None = None,
        temperature: float = 1.0,
        top_p: float = 1.0,
        raw: bool = False,
    ) -> list[list[str]]:
        self.calls.append("sample")
        return [[f"{self.likes} {index}" for index in range(samples)] for _ in prompts]

    def continuations(
        self, prefixes: Sequence[str], max_new_tokens: Sequence[int] | None = None
    ) -> list[str]:
        self.calls.append("continuations")
        return [self.likes for _ in prefixes]

    def entropies(self, prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        self.calls.append("entropies")
        return [self.bits for _ in prompts]

    def answer_nll(self, prompts: Sequence[str], answers: Sequence[str]) -> list[Score]:
        self.calls.append("answer_nll")
        sizes = [len(said.encode()) for said in answers]
        bits = [self.bits * (0.5 if self.likes and self.likes in a else 1.0) for a in answers]
        both = zip(bits, sizes, strict=True)
        return [Score(bit * size * 0.6931471805599453, size) for bit, size in both]

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [
            [(i, min(i + self.step, len(text))) for i in range(0, len(text), self.step)]
            for text in texts
        ]

    def lossy(self, texts: Sequence[str]) -> int:
        return sum("☃" in text for text in texts)


Make = Callable[..., Context]


@pytest.fixture
def make_context(tmp_path: Path) -> Make:
    """Return a maker: context(before, after, settings, heldout=[...], questions=[...])."""

    def make(
        before: FakeModel | None = None,
        after: FakeModel | None = None,
        settings: AssessSettings | None = None,
        prompts: tuple[str, ...] = (),
        locale: Locale = ROMANSH,
        **splits: list[Record],
    ) -> Context:
        for split, records in splits.items():
            write_records(tmp_path / "corpus" / split, records)
        out = tmp_path / "out"
        out.mkdir()
        return Context(
            locale=locale,
            settings=settings or AssessSettings(resamples=200),
            seed=0,
            corpus=tmp_path / "corpus",
            out=out,
            before=before or FakeModel("before"),
            after=after or FakeModel("after"),
            prompts=prompts,
        )

    return make


@pytest.fixture
def fake() -> type[FakeModel]:
    """Return the class, for tests that set what a model says."""
    return FakeModel


@pytest.fixture
def doc() -> Callable[..., Record]:
    """Return a maker of documents."""

    def make(name: str, text: str, lang: str = "roh", **meta: str) -> Record:
        return Record(id=name, source="own", lang=lang, text=text, meta=meta)

    return make


@pytest.fixture
def question() -> Callable[..., Record]:
    """Return a maker of questions whose right option says so."""

    def make(name: str, lang: str = "roh", right: str = "right one", **meta: str) -> Record:
        meta.setdefault("split", "test")
        return Record(
            id=name,
            source="own",
            lang=lang,
            question=f"Question {name}?",
            choices=(right, "wrong one", "bad answer", "no answer"),
            answer=0,
            meta=meta,
        )

    return make
