"""A classifier of languages and varieties that the build trains from the pack's own texts.

fastText (Joulin et al. 2017, arXiv:1607.01759) on letter 2- to 5-grams. Two models, each trained on
one half of the texts and judging the other, keep a text from vouching for itself, and give an
honest held-out confusion matrix over every text used. One thread and a fixed seed: the same texts
give the same bits. What was trained is kept in a folder, so that other processes only load it.
"""

from __future__ import annotations

import heapq
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import fasttext
from filelock import FileLock

from locale_tune.api import canonical, commit_folder, read_json, verified, write_json
from locale_tune_corpus.fold import fold, rank
from locale_tune_corpus.native import only_one

MOST = 2000  # snippets per label: eleven languages with half as many each came to 0.95
LEAST = 60
SNIPPET, SHORTEST, MOST_OF_ONE = 200, 20, 4000
SHOWN = 1000
# minn, maxn, dim and epochs as measured for these languages; one thread, so the bits repeat.
RECIPE = {
    "minn": 2,
    "maxn": 5,
    "dim": 32,
    "epoch": 25,
    "lr": 0.5,
    "bucket": 100_000,
    "loss": "softmax",
    "minCount": 1,
    "thread": 1,
    "seed": 1,
    "verbose": 0,
}
Row = tuple[str, ...]  # (language, variety, text); (language, text) without varieties
Texts = Callable[[], Iterable[Row]]
Snippets = dict[str, list[tuple[int, str]]]  # label: (half, folded text)


@dataclass(frozen=True)
class Identifier:
    """What was learnt: labels, the own ones among them, facts for the report, and two models.

    Without enough text there are no models, and `facts["skipped"]` says why.
    """

    labels: tuple[str, ...]
    own: frozenset[str]
    facts: Mapping[str, Any]
    models: tuple[Any, ...]

    def chances(self, text: str) -> dict[str, float]:
        """Return the chance of each label for a text, by the model that has not learnt from it."""
        return _chances(self.models[1 - _half(text)], fold(text[:SHOWN]), self.labels)


def identifier(
    own: str, texts: Texts, seed: int = 0, varieties: bool = False, work: Path | None = None
) -> Identifier:
    """Train an identifier, or load it from the folder `work` if it was trained there before.

    `texts` yields (language, variety, text); `own` is the id of the pack's language. With
    `varieties` its texts are labelled by their variety, otherwise by the language. The folder must
    belong to these texts alone: they are not read when it holds the finished models. Raises
    PluginError when two distributions bring the module `fasttext`.
    """
    only_one("fasttext")
    if work is None:
        with tempfile.TemporaryDirectory() as folder:
            return identifier(own, texts, seed, varieties, Path(folder))
    recipe = canonical([own, seed, varieties, RECIPE, MOST, LEAST, SNIPPET, SHORTEST, MOST_OF_ONE])
    path = work / f"identifier-{sha256(recipe.encode()).hexdigest()[:12]}"
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / f".{path.name}.lock", fallback_to_soft=False)
    with lock:  # of several processes one trains, the others wait
        if verified(path) is None:
            snippets, ours = _snippets(own, texts(), seed, varieties)
            commit_folder(path, lambda folder: _fill(folder, snippets, ours))
    return _load(path)


def _fill(folder: Path, snippets: Snippets, ours: set[str]) -> dict[str, Any]:
    """Train, and write the models and what is known of them."""
    labels, models = tuple(sorted(snippets)), []
    facts: dict[str, Any] = {}
    if ours and ours != set(labels):
        for half in (0, 1):
            models.append(_train(snippets, labels, half))
            models[half].save_model(str(folder / f"half-{half}.bin"))
        facts = {"texts": {name: len(snippets[name]) for name in labels}}
        facts |= _judged(models, snippets, labels)
    else:
        facts["skipped"] = f"fewer than {LEAST} texts of this language, or none to compare with"
    write_json(folder / "facts.json", {"labels": labels, "own": sorted(ours), "facts": facts})
    return {}


def _load(path: Path) -> Identifier:
    known = read_json(path / "facts.json")
    files = sorted(path.glob("half-*.bin"))
    models = tuple(fasttext.load_model(str(file)) for file in files)
    return Identifier(
        tuple(known["labels"]) if models else (), frozenset(known["own"]), known["facts"], models
    )


def _snippets(
    own: str, texts: Iterable[Row], seed: int, varieties: bool
) -> tuple[Snippets, set[str]]:
    """Cut texts into snippets, keep the `MOST` of each label with the smallest hashes.

    Returns them with the own labels. A variety with fewer than `LEAST` counts for the language.
    """
    kept: dict[tuple[bool, str], _Smallest] = defaultdict(_Smallest)
    for language, *variety, text in texts:
        ours = language == own
        label = (varieties and ours and "".join(variety)) or language
        for start in range(0, min(len(text), MOST_OF_ONE), SNIPPET):
            snippet = fold(text[start : start + SNIPPET])
            if len(snippet) >= SHORTEST:
                kept[ours, label].add(rank(seed, snippet), (_half(text), snippet))
    rest = _Smallest()
    for ours, label in sorted(kept):
        if ours and (label == own or len(kept[ours, label]) < LEAST):
            rest.merge(kept.pop((ours, label)))
    if rest:
        kept[True, own] = rest
    enough = {key: chosen.ordered() for key, chosen in sorted(kept.items()) if len(chosen) >= LEAST}
    return (
        {label: chosen for (_, label), chosen in enough.items()},
        {label for ours, label in enough if ours},
    )


class _Smallest(dict[bytes, tuple[int, str]]):
    """Keeps the `MOST` different snippets with the smallest hashes, whatever their order."""

    def __init__(self) -> None:
        self._largest: list[tuple[int, bytes]] = []

    def add(self, place: bytes, snippet: tuple[int, str]) -> None:
        if place in self:
            return
        self[place] = snippet
        heapq.heappush(self._largest, (-int.from_bytes(place[:8], "big"), place))
        if len(self) > MOST:
            del self[heapq.heappop(self._largest)[1]]

    def merge(self, other: _Smallest) -> None:
        for place, snippet in other.items():
            self.add(place, snippet)

    def ordered(self) -> list[tuple[int, str]]:
        return [self[place] for place in sorted(self)]


def _half(text: str) -> int:
    """Return the half a whole text belongs to, so that no snippet judges its own document."""
    return rank(0, fold(text[:SHOWN]))[0] % 2


def _train(snippets: Snippets, labels: tuple[str, ...], half: int) -> Any:
    """Train on one half; labels with less text are repeated, so none wins by its size."""
    parts = [[text for side, text in snippets[name] if side == half] for name in labels]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        with path.open("w", encoding="utf-8") as file:
            for number in range(max(map(len, parts))):
                for label, texts in enumerate(parts):
                    if texts:
                        file.write(f"__label__{label} {texts[number % len(texts)]}\n")
        return fasttext.train_supervised(input=str(path), **RECIPE)


def _chances(model: Any, folded: str, labels: tuple[str, ...]) -> dict[str, float]:
    numbers, chances = model.predict(folded, k=-1)
    return {
        labels[int(number.removeprefix("__label__"))]: float(chance)
        for number, chance in zip(numbers, chances, strict=True)
    }


def _judged(models: list[Any], snippets: Snippets, labels: tuple[str, ...]) -> dict[str, Any]:
    """Let each half be judged by the model of the other: confusion matrix and accuracy by label."""
    counts = [[0] * len(labels) for _ in labels]
    for row, name in enumerate(labels):
        for half, text in snippets[name]:
            chances = _chances(models[1 - half], text, labels)
            counts[row][labels.index(max(chances, key=lambda label: chances[label]))] += 1
    accuracy = {
        name: round(counts[row][row] / sum(counts[row]), 4) for row, name in enumerate(labels)
    }
    return {"accuracy": accuracy, "confusion": {"labels": list(labels), "counts": counts}}
