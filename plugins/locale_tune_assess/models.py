"""The two models that `assess` compares: loaded when first needed, one at a time when large."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from locale_tune.api import Message, NotFinite

from .bootstrap import seed_of
from .context import Score, Spans
from .conversing import score_on
from .entropy import mean_entropies
from .generating import Draw, answer, greedy_settings
from .kept import Kept
from .scoring import Network, score
from .settings import AssessSettings
from .sharing import can_share, fan_of, score_fans
from .tokens import Tokens
from .windows import Window, silent, windows

Report = Callable[[str], None]


class Shelf:
    """Room in memory: when a model is loaded that does not fit beside the others, they go."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.models: list[LocalModel] = []

    def make_room(self, newcomer: LocalModel) -> None:
        """Unload the other models unless all of them fit together."""
        others = [model for model in self.models if model.loaded and model is not newcomer]
        if sum(model.bytes for model in (*others, newcomer)) > self.room:
            for model in others:
                model.unload()


class LocalModel:
    """A Hugging Face folder as the checks see it (`context.Model`).

    Answers, and the scores of choices, that several checks ask for are made once; with a folder
    `keep`, once for all runs of the step. The folder `shared` holds calls of other steps that asked
    the same model.
    """

    def __init__(
        self,
        side: str,
        folder: Path,
        settings: AssessSettings,
        shelf: Shelf,
        device: str = "cpu",
        report: Report = silent,
        seed: int = 0,
        keep: Path | None = None,
        shared: Path | None = None,
    ) -> None:
        self.side = side
        self.folder = folder
        self.settings = settings
        self.device = device
        self.report = report
        self.seed = seed
        self.kept: Kept[list[int]] = Kept(keep and keep / f"answers-{side}.json")
        self.scored: Kept[list[float]] = Kept(keep and keep / f"choices-{side}.json")
        self.answered: Kept[list[list[int]]] = Kept(shared and shared / "answers.json")
        self.calls: Kept[list[list[float]]] = Kept(shared and shared / "choices.json")
        self.shelf = shelf
        shelf.models.append(self)
        self._network: Network | None = None
        self._shares = False

    @cached_property
    def tokens(self) -> Tokens:
        """The tokenizer; it stays loaded."""
        return Tokens(self.folder)

    @property
    def bytes(self) -> int:
        """Bytes of the weights in memory, from the files; at most 2-byte weights grow to 4."""
        return 2 * sum(file.stat().st_size for file in self.folder.glob("*.safetensors"))

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._network is not None

    @property
    def network(self) -> Network:
        """The loaded model; loads it, and makes room for it, at first."""
        if self._network is None:
            self.shelf.make_room(self)
            self.report(f"{self.side}: loading")
            self._network = self._load()
            self._shares = can_share(self._network)
        return self._network

    def _load(self) -> Network:
        from transformers import AutoModelForCausalLM

        model: Any = AutoModelForCausalLM.from_pretrained(
            self.folder,
            dtype=getattr(torch, self.settings.dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
        model = model.to(self.device).eval()
        model.generation_config = greedy_settings(model, self.tokens.tokenizer)
        return Network(model)

    def unload(self) -> None:
        """Give the memory back."""
        self._network = None
        gc.collect()
        if self.device.startswith("cuda"):
            torch.cuda.empty_cache()

    @property
    def window(self) -> int:
        """Tokens of context: the setting, or what the model can take if that is less."""
        most = getattr(self.network.model.config, "max_position_embeddings", None)
        return min(self.settings.window, most or self.settings.window)

    @property
    def _room(self) -> int:
        """Tokens of a row that choices may share: our masks know no sliding window."""
        config = self.network.model.config.get_text_config()
        kinds = ("sliding_window", "attention_chunk_size")
        spans: list[int] = [getattr(config, kind, None) or self.window for kind in kinds]
        return min([self.window, *spans])

    def nll(self, texts: Sequence[str]) -> list[Score]:
        """Return the summed negative log-likelihood of each text, given nothing before it."""
        sums = self._score(self.tokens.whole(texts))
        return [Score(nats, len(text.encode())) for nats, text in zip(sums, texts, strict=True)]

    def _score(self, sequences: Sequence[Window]) -> list[float]:
        """Sum the NLL of each sequence over its strided windows."""
        length = self.window
        parts = [
            part
            for item, whole in enumerate(sequences)
            for part in windows(item, whole.ids, whole.first, length)
        ]
        values = score(self.network, parts, self.settings.batch_tokens, self._tell)
        sums = [0.0] * len(sequences)
        for part, value in zip(parts, values, strict=True):
            sums[part.item] += value
        return self._finite(sums)

    def choice_logprobs(
        self, prompts: Sequence[str], choices: Sequence[Sequence[str]]
    ) -> list[list[float]]:
        """Return log p(choice | prompt) in nats for every choice of every prompt.

        Within a step a question is scored once. Between steps whole calls are shared: the last bits
        of a score depend on what else is in the batch, and must not on what other builds asked.
        """

        def make(places: list[int]) -> list[list[float]]:
            asked = [(prompts[i], *choices[i]) for i in places]
            (found,) = self.calls.complete([tuple(asked)], lambda _: [self._of_texts(asked)])
            return found

        asked = [(prompt, *some) for prompt, some in zip(prompts, choices, strict=True)]
        return self.scored.complete(asked, make)

    def _of_texts(self, asked: Sequence[tuple[str, ...]]) -> list[list[float]]:
        return self._choices(
            [self.tokens.continued([prompt] * len(options), options) for prompt, *options in asked]
        )

    def choice_logprobs_chat(
        self,
        chats: Sequence[Sequence[Message]],
        choices: Sequence[Sequence[str]],
        memory: list[Any] | None = None,
    ) -> list[list[float]]:
        """Return log p(choice | chat so far) in nats for every choice of every chat.

        `memory` is an empty list at first. Given again with chats that go on, it saves reading
        what was read before.
        """
        sequences = [
            self.tokens.replied(chat, options) for chat, options in zip(chats, choices, strict=True)
        ]
        fans = [fan_of(group) for group in sequences]
        fits = max((fan.length for fan in fans), default=0) <= self._room
        if memory is None or not (fits and self._shares):
            return self._choices(sequences)
        nats = score_on(self.network, fans, memory, self.settings.batch_tokens, self._tell)
        return [[-value for value in self._finite(values)] for values in nats]

    def _choices(self, sequences: Sequence[Sequence[Window]]) -> list[list[float]]:
        """Score the choices of each question: read together where that can be, else one by one."""
        fans = [fan_of(group) for group in sequences]
        room = self._room
        short = [i for i, fan in enumerate(fans) if self._shares and fan.length <= room]
        long = sorted(set(range(len(fans))) - set(short))
        together = score_fans(
            self.network, [fans[i] for i in short], self.settings.batch_tokens, self._tell
        )
        alone = iter(self._score([sequence for i in long for sequence in sequences[i]]))
        results = dict(zip(short, map(self._finite, together), strict=True))
        results |= {i: [next(alone) for _ in sequences[i]] for i in long}
        return [[-nats for nats in results[index]] for index in range(len(fans))]

    def choice_tokens(
        self, prompts: Sequence[str], choices: Sequence[Sequence[str]]
    ) -> list[list[int]]:
        """Return how many tokens of each choice are scored. Needs the tokenizer only."""
        groups = (
            self.tokens.continued([prompt] * len(options), options)
            for prompt, options in zip(prompts, choices, strict=True)
        )
        return [[len(one.ids) - one.first for one in group] for group in groups]

    def generate(
        self,
        prompts: Sequence[str],
        max_new_tokens: int | Sequence[int] | None = None,
        raw: bool = False,
    ) -> list[str]:
        """Return greedy answers to user messages, through the model's own chat template.

        `raw` leaves special tokens in the text, the end token among them if there was one.
        """
        return self._text(self._answers(self._asked(prompts), max_new_tokens, None), raw)

    def sample(
        self,
        prompts: Sequence[str],
        samples: int,
        max_new_tokens: int | None = None,
        temperature: float = 1.0,
        top_p: float = 1.0,
        raw: bool = False,
    ) -> list[list[str]]:
        """Return `samples` drawn answers to each user message."""
        draws = [
            Draw(seed_of(self.seed, "sample", prompt, index) >> 1, temperature, top_p)
            for prompt in prompts
            for index in range(samples)
        ]
        each = [ids for ids in self._asked(prompts) for _ in range(samples)]
        texts = self._text(self._answers(each, max_new_tokens, draws), raw)
        return [texts[start : start + samples] for start in range(0, len(texts), samples)]

    def continuations(
        self, prefixes: Sequence[str], max_new_tokens: int | Sequence[int] | None = None
    ) -> list[str]:
        """Return how the model goes on greedily with running text, without any template."""
        ids = [list(window.ids) for window in self.tokens.whole(prefixes)]
        answers = self._answers(ids, max_new_tokens, None)
        decode = self.tokens.tokenizer.decode
        return [decode(_ended(some), skip_special_tokens=True) for some in answers]

    def _asked(self, prompts: Sequence[str]) -> list[list[int]]:
        return [self.tokens.chat(prompt) for prompt in prompts]

    def _answers(
        self,
        ids: Sequence[list[int]],
        max_new_tokens: int | Sequence[int] | None,
        draws: Sequence[Draw] | None,
    ) -> list[list[int]]:
        """Return the ids of each answer, from what is kept where the same was asked before."""
        limit = max_new_tokens or self.settings.max_new_tokens
        limits = [limit] * len(ids) if isinstance(limit, int) else limit
        hows = [(d.seed, d.temperature, d.top_p) for d in draws] if draws else [()] * len(ids)

        asked = list(zip(ids, limits, hows, strict=True))

        def make(places: list[int]) -> list[list[int]]:
            new, most = [ids[place] for place in places], [limits[place] for place in places]
            drawn = [draws[place] for place in places] if draws else None

            def call(_: list[int]) -> list[list[list[int]]]:
                model, budget = self.network.model, self.settings.batch_tokens
                return [answer(model, new, most, drawn, budget, self._tell)]

            (found,) = self.answered.complete([tuple(asked[place] for place in places)], call)
            return found

        return self.kept.complete(asked, make)

    def _text(self, answers: Sequence[list[int]], raw: bool) -> list[str]:
        decode = self.tokens.tokenizer.decode
        if raw:
            return [decode([id_ if id_ >= 0 else ~id_ for id_ in ids]) for ids in answers]
        return [decode(_ended(ids), skip_special_tokens=True).strip() for ids in answers]

    def answer_nll(self, prompts: Sequence[str], answers: Sequence[str]) -> list[Score]:
        """Return the summed negative log-likelihood of each answer, given its user message."""
        sums = self._score(self._answered(prompts, answers))
        return [Score(nats, len(said.encode())) for nats, said in zip(sums, answers, strict=True)]

    def entropies(self, prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        """Return the mean next-token entropy (nats) over each answer, given its user message."""
        whole = self._answered(prompts, answers)
        return mean_entropies(self.network, whole, self.settings.batch_tokens, self._tell)

    def _answered(self, prompts: Sequence[str], answers: Sequence[str]) -> list[Window]:
        """Return prompt and answer as one window each, of which the answer is scored."""
        coded = self.tokens.encode(answers)
        whole = []
        for item, (prompt, (ids, _)) in enumerate(zip(prompts, coded, strict=True)):
            asked = self.tokens.chat(prompt)
            whole.append(Window(item, (*asked, *ids), len(asked)))
        return whole

    def spans(self, texts: Sequence[str]) -> list[Spans]:
        """Return each token's (start, end) in code points. Needs the tokenizer only."""
        return [spans for _, spans in self.tokens.encode(texts)]

    def lossy(self, texts: Sequence[str]) -> int:
        """Count the texts that the tokenizer does not give back as they were."""
        return self.tokens.lossy(texts)

    def _tell(self, done: int, total: int) -> None:
        self.report(f"{self.side}: {done} of {total}")

    def _finite(self, values: list[float]) -> list[float]:
        if all(abs(value) < float("inf") for value in values):
            return values
        raise NotFinite(
            f"the model {self.side} the build gives a likelihood that is not a finite number",
            "its weights hold NaN or infinity: look at the stage that made it",
            self.folder.name,
        )


def _ended(ids: Sequence[int]) -> list[int]:
    """Return an answer without its end token."""
    return [id_ for id_ in ids if id_ >= 0]
