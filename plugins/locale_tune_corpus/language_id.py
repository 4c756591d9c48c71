"""`language-id`: keep text that is not another language, by a classifier the build trains.

Public language identifiers do not know most varieties (lid.176 finds Rumantsch Grischun in 46 of
100 sentences, Vallader in 12, and calls every Arabic `ar`), so fastText is trained here from the
pack's own text and its contrast texts: Joulin et al. 2017 (arXiv:1607.01759). Two models, each
trained on one half of the texts and judging the other, keep a text from vouching for itself, and
give an honest held-out accuracy for every text used.
"""

from __future__ import annotations

import heapq
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import fasttext

from locale_tune.api import Locale, Record
from locale_tune_corpus.fold import fold, rank

MOST = 2000  # snippets per language: eleven languages with half as many each came to 0.95
LEAST = 60
SNIPPET, SHORTEST, MOST_OF_ONE = 200, 20, 4000
SHOWN, JUDGED = 1000, 40
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
Snippets = dict[str, list[tuple[int, str]]]  # language: (half, folded text)


def language_id(locale: Locale, settings: Mapping[str, Any]) -> Callable[[Record], str]:
    """Return a filter that drops a text when another language wins by `margin` (0.5).

    `collect` passes `texts` (a function that yields (language, text) pairs), `seed`, and `facts`
    to write the held-out accuracy to. Without contrast texts nothing is dropped; `facts` says so.
    """
    facts = settings.get("facts", {})
    snippets = _snippets(settings.get("texts", tuple)(), int(settings.get("seed", 0)))
    rivals = [name for name in snippets if name != locale.id]
    if locale.id not in snippets or not rivals:
        facts["skipped"] = f"fewer than {LEAST} texts of this language, or none to compare with"
        return lambda record: ""
    models = tuple(_train(snippets, half) for half in (0, 1))
    facts |= {"texts": {name: len(texts) for name, texts in sorted(snippets.items())}}
    facts |= {"accuracy": _accuracy(models, snippets)}
    margin = float(settings.get("margin", 0.5))

    def keep(record: Record) -> str:
        shown = fold(record.text[:SHOWN])
        if len(shown) < JUDGED:
            return ""  # a greeting or a name looks like any language
        chances = _chances(models[1 - _half(record.text)], shown)
        best = max(rivals, key=lambda name: chances.get(name, 0.0))
        lead = chances.get(best, 0.0) - chances.get(locale.id, 0.0)
        return f"rather {best} than {locale.id}" if lead > margin else ""

    return keep


def _snippets(texts: Iterable[tuple[str, str]], seed: int) -> Snippets:
    """Cut texts into snippets and keep the `MOST` of each language with the smallest hashes."""
    kept: dict[str, dict[int, tuple[int, str]]] = defaultdict(dict)
    largest: dict[str, list[int]] = defaultdict(list)
    for language, text in texts:
        for start in range(0, min(len(text), MOST_OF_ONE), SNIPPET):
            snippet = fold(text[start : start + SNIPPET])
            place = int.from_bytes(rank(seed, snippet)[:8], "big")
            if len(snippet) < SHORTEST or place in kept[language]:
                continue
            kept[language][place] = (_half(text), snippet)
            heapq.heappush(largest[language], -place)
            if len(largest[language]) > MOST:
                del kept[language][-heapq.heappop(largest[language])]
    return {
        name: [chosen[place] for place in sorted(chosen)]
        for name, chosen in sorted(kept.items())
        if len(chosen) >= LEAST
    }


def _half(text: str) -> int:
    """Return the half a whole text belongs to, so that no snippet judges its own document."""
    return rank(0, fold(text[:SHOWN]))[0] % 2


def _train(snippets: Snippets, half: int) -> Any:
    """Train on one half; languages with less text are repeated, so none wins by its size."""
    parts = {n: [text for side, text in texts if side == half] for n, texts in snippets.items()}
    longest = max(map(len, parts.values()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        with path.open("w", encoding="utf-8") as file:
            for number in range(longest):
                for name, texts in parts.items():
                    if texts:
                        file.write(f"__label__{name} {texts[number % len(texts)]}\n")
        return fasttext.train_supervised(input=str(path), **RECIPE)


def _chances(model: Any, folded: str) -> dict[str, float]:
    labels, chances = model.predict(folded, k=-1)
    return {
        label.removeprefix("__label__"): float(chance)
        for label, chance in zip(labels, chances, strict=True)
    }


def _accuracy(models: tuple[Any, ...], snippets: Snippets) -> dict[str, float]:
    """Return the share of snippets that the model of the other half names right, by language."""
    shares = {}
    for name, texts in snippets.items():
        judged = [_chances(models[1 - half], text) for half, text in texts]
        right = sum(max(chances, key=lambda label: chances[label]) == name for chances in judged)
        shares[name] = round(right / len(texts), 4)
    return shares
