"""What a check is given. A language pack writes its own check against this in ten lines:

def greets_back(context):
    prompts = ["Bun di!", "Allegra!"]

    def score(model):
        return [float("allegra" in reply.lower()) for reply in model.generate(prompts)]

    before, after = context.both(score)
    yield context.compare(
        "greets_back", context.locale.tag, "Greetings answered in kind", before, after
    )

@hookimpl
def locale_tune_checks():
    yield Check("greets_back", measure=greets_back)
"""

from __future__ import annotations

import hashlib
import heapq
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from locale_tune.api import (
    Finding,
    Locale,
    Message,
    NotFinite,
    PluginError,
    Record,
    Verdict,
    read_records,
)

from .settings import AssessSettings

if TYPE_CHECKING:
    from .bootstrap import Paired
    from .identifying import Languages

Result = TypeVar("Result")
Spans = list[tuple[int, int]]
CLEAR = 0.05
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Score(NamedTuple):
    """How surprised a model was by one text: nats in all, and the text's UTF-8 bytes."""

    nats: float
    bytes: int


class Model(Protocol):
    """One of the two models. It loads at the first score or generation and may be unloaded again,
    so one `both` with many texts is much faster than many with a few."""

    @property
    def side(self) -> str:
        """`before` or `after`; `tuned` is the model that `align` started from."""

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""

    def nll(self, texts: Sequence[str]) -> list[Score]:
        """Return the summed negative log-likelihood of each text, given nothing before it."""

    def choice_logprobs(
        self, prompts: Sequence[str], choices: Sequence[Sequence[str]]
    ) -> list[list[float]]:
        """Return log p(choice | prompt) in nats for every choice of every prompt.

        What was asked before is not scored again.
        """

    def choice_logprobs_chat(
        self,
        chats: Sequence[Sequence[Message]],
        choices: Sequence[Sequence[str]],
        memory: list[Any] | None = None,
    ) -> list[list[float]]:
        """Return log p(choice | chat so far) in nats for every choice of every chat.

        `memory`, an empty list at first, saves reading a chat again when it goes on.
        """

    def choice_tokens(
        self, prompts: Sequence[str], choices: Sequence[Sequence[str]]
    ) -> list[list[int]]:
        """Return how many tokens of each choice are scored. Needs the tokenizer only."""

    def generate(
        self,
        prompts: Sequence[str],
        max_new_tokens: int | Sequence[int] | None = None,
        raw: bool = False,
    ) -> list[str]:
        """Return greedy answers to user messages, through the model's own chat template.

        `raw` leaves special tokens in the text, also the one that ended it. What was asked before
        is not generated again.
        """

    def sample(
        self,
        prompts: Sequence[str],
        samples: int,
        max_new_tokens: int | None = None,
        temperature: float = 1.0,
        top_p: float = 1.0,
        raw: bool = False,
    ) -> list[list[str]]:
        """Return `samples` answers to each user message, drawn by the build's seed."""

    def continuations(
        self, prefixes: Sequence[str], max_new_tokens: int | Sequence[int] | None = None
    ) -> list[str]:
        """Return how the model goes on greedily with running text, without any template."""

    def entropies(self, prompts: Sequence[str], answers: Sequence[str]) -> list[float]:
        """Return the mean next-token entropy (nats) over each answer, given its user message."""

    def answer_nll(self, prompts: Sequence[str], answers: Sequence[str]) -> list[Score]:
        """Return the summed negative log-likelihood of each answer, given its user message."""

    def spans(self, texts: Sequence[str]) -> list[Spans]:
        """Return each token's (start, end) in code points. Needs the tokenizer only."""

    def lossy(self, texts: Sequence[str]) -> int:
        """Count the texts that the tokenizer does not give back. Needs the tokenizer only."""


@dataclass
class Context:
    """All that a check may know. `out` is the folder where its per-item results go.

    `languages` tells languages and varieties apart, where a filter that can is installed.
    """

    locale: Locale
    settings: AssessSettings
    seed: int
    corpus: Path
    out: Path
    before: Model
    after: Model
    prompts: tuple[str, ...] = ()
    shown: dict[str, Any] = field(default_factory=dict)
    languages: Languages | None = None

    def items(self, split: str, limit: int | None = None) -> list[Record]:
        """Return the records of a split of the corpus, in the order they are stored.

        With a limit: at most so many for each language and meta["split"], drawn by the seed and
        the record's id, so every check that asks for the same number gets the same items.
        """
        rows = enumerate(read_records(self.corpus / split))
        if limit is None:
            return [record for _, record in rows]
        heaps: dict[tuple[str, str], list[tuple[int, int, Record]]] = {}
        for index, record in rows:
            heap = heaps.setdefault((record.lang, record.meta.get("split", "")), [])
            entry = (-_draw(self.seed, record.id), -index, record)
            (heapq.heappush if len(heap) < limit else heapq.heappushpop)(heap, entry)
        kept = (entry for heap in heaps.values() for entry in heap)
        return [record for _, _, record in sorted(kept, key=lambda entry: -entry[1])]

    def earlier(self, check: str) -> dict[str, list[dict[str, Any]]]:
        """Return the results per item that another check of this run has kept, by `on`.

        Empty for a check that has not run (yet): checks run in the order of their names, or of the
        setting `checks`.
        """
        import pyarrow.parquet as pq

        files = sorted((self.out.parent / check / "items").glob(f"{check}-*.parquet"))
        return {
            file.stem.removeprefix(f"{check}-"): pq.read_table(file).to_pylist() for file in files
        }

    def both(self, work: Callable[[Model], Result]) -> tuple[Result, Result]:
        """Run `work` on each model and return (before, after).

        A model that is in memory already goes first: large models take turns, and this way each
        check loads one model, not two.
        """
        if self.after.loaded and not self.before.loaded:
            after = work(self.after)
            return work(self.before), after
        return work(self.before), work(self.after)

    def compare(
        self,
        check: str,
        on: str,
        label: str,
        before: Sequence[float],
        after: Sequence[float],
        groups: Sequence[str] | None = None,
        **more: Any,
    ) -> Finding:
        """Compare the means of per-item values, the same items in the same order.

        `groups` names what each item belongs to (a document, an author); items of one group are
        resampled together. `more`: section, unit, lower_is_better, note. Raises PluginError when
        the two sides do not hold the same number of items, NotFinite for NaN or infinity.
        """
        if len(before) != len(after) or not before:
            raise PluginError(
                f"'{check}' compares {len(before)} items before with {len(after)} after",
                "give compare() one value per item for each side, and at least one item",
            )
        from .bootstrap import paired, rows_of, seed_of

        names = groups if groups is not None else [str(index) for index in range(len(before))]
        result = paired(
            rows_of(before),
            rows_of(after),
            names,
            resamples=self.settings.resamples,
            seed=seed_of(self.seed, on),
        )
        return self.finding(check, on, label, result, n=len(before), **more)

    def finding(
        self,
        check: str,
        on: str,
        label: str,
        result: Paired,
        n: int,
        lower_is_better: bool = False,
        **more: Any,
    ) -> Finding:
        """Turn a paired comparison into a Finding. Its verdict is that of this finding alone;
        `judged` decides it anew when all checks have ended."""
        if not all(map(math.isfinite, (result.before, result.after))):
            raise NotFinite(
                f"'{check}' on {on} is not a finite number",
                "look at the per-item results; a model with NaN weights cannot be assessed",
            )
        return Finding(
            check=check,
            on=on,
            label=label,
            before=result.before,
            after=result.after,
            change=result.change,
            interval=result.interval,
            n=n,
            lower_is_better=lower_is_better,
            verdict=verdict(result.interval, lower_is_better),
            p=result.p,
            **more,
        )

    def save_items(self, check: str, on: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Keep per-item results as `items/<check>-<on>.parquet`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder = self.out / "items"
        folder.mkdir(exist_ok=True)
        name = f"{check}-{on}"
        if not SAFE.fullmatch(name):
            raise PluginError(f"'{name}' is no file name", "use letters, digits, '.', '_' and '-'")
        table = pa.Table.from_pylist([dict(row) for row in rows])
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")


def verdict(interval: tuple[float, float] | None, lower_is_better: bool) -> Verdict:
    """Read a change: better or worse only where its interval excludes 0."""
    if interval is None:
        return "measured"
    low, high = interval
    if low <= 0 <= high:
        return "no clear change"
    return "better" if (high < 0) == lower_is_better else "worse"


def judged(findings: Sequence[Finding]) -> list[Finding]:
    """Decide the verdicts of a whole build: 0.05 after Holm over all findings with a p-value.

    With forty findings two would look clear by chance alone if each were judged by itself. What
    `align` alone changed is another question than what the build did: a family of its own.
    """
    from .bootstrap import holm

    adjusted: dict[int, float] = {}
    for guards in (False, True):
        family = [
            place
            for place, finding in enumerate(findings)
            if finding.p is not None and (finding.section == "align") == guards
        ]
        values = holm([findings[place].p or 0.0 for place in family])
        adjusted |= zip(family, values, strict=True)
    return [
        _decided(finding, adjusted[place]) if place in adjusted else finding
        for place, finding in enumerate(findings)
    ]


def _decided(finding: Finding, p_holm: float) -> Finding:
    word: Verdict = "no clear change"
    if p_holm <= CLEAR:
        word = "better" if ((finding.change or 0) < 0) == finding.lower_is_better else "worse"
    return finding.model_copy(update={"p_holm": p_holm, "verdict": word})


def _draw(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\x1f{name}".encode()).digest()[:8], "big")
