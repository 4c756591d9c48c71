"""What the same content costs in several languages, and how unequal that is.

Items that stand in held-out text and, with the same `meta["item"]`, in text of other languages are
parallel (the articles of a declaration). The cost of a language is its tokens for the items that
all have; varieties of a language count by themselves. The Gini coefficient of the costs is 0 where
all pay the same (Apertus technical report, arXiv:2509.14233; formula in `gini`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from locale_tune.api import Finding, Record, read_records

from .context import Context, Model

SPLITS = ("heldout", "control", "contrast")
FEWEST = 3  # languages; two are what `parity` compares
Item = tuple[str, str]
Texts = dict[str, list[str]]  # by language or variety: the same items in the same order


def inequality(context: Context) -> Iterator[Finding]:
    """Yield the Gini coefficient of the costs, and show the costs; nothing without parallel text.

    Adds "costs" to `context.shown["tokenizer"]`: {language or variety: [tokens before, after]}.
    """
    texts = parallel_texts(context)
    if not texts:
        return
    before, after = (costs(model, texts) for model in (context.before, context.after))
    shown = context.shown.setdefault("tokenizer", {})
    shown["costs"] = {name: [before[name], after[name]] for name in texts}
    old, new = (gini(list(side.values())) for side in (before, after))
    yield Finding(
        check="gini",
        on=context.locale.tag,
        label=f"Inequality of token costs over {len(texts)} languages and varieties (Gini)",
        before=old,
        after=new,
        change=new - old,
        n=len(next(iter(texts.values()))),
        lower_is_better=True,
        section="tokenizer",
        note=f"tokens for the same content in {', '.join(texts)}; 0 where all cost the same",
    )


def parallel_texts(context: Context) -> Texts:
    """Return the texts of each language for the items that all of them have; {} for fewer than 3.

    An item that one language cuts into another number of pieces is not the same content.
    """
    found: dict[str, dict[Item, str]] = {}
    own: set[Item] = set()
    for split in SPLITS:
        for record in read_records(context.corpus / split):
            if key := _item(record):
                name = record.variety or record.lang or context.locale.tag
                found.setdefault(name, {})[key] = record.text
                own |= {key} if split == "heldout" else set()
    found = {name: texts for name, texts in sorted(found.items()) if own & set(texts)}
    shared = sorted(own.intersection(*found.values()))
    if len(found) < FEWEST or not shared:
        return {}
    return {name: [texts[key] for key in shared] for name, texts in found.items()}


def _item(record: Record) -> Item | None:
    item = record.meta.get("item", "")
    return (item, record.meta.get("siblings", "")) if item and record.text.strip() else None


def costs(model: Model, texts: Texts) -> dict[str, int]:
    """Return the tokens that each language takes for the same content."""
    return {name: sum(len(spans) for spans in model.spans(own)) for name, own in texts.items()}


def gini(values: Sequence[float]) -> float:
    """Return the Gini coefficient of n positive costs c, ascending.

    (n + 1 - 2 * sum_i (n + 1 - i) * c_i / sum c) / n, with i from 1: 0 for equal costs, and
    (n - 1) / n where one pays for all.
    """
    n, total = len(values), sum(values)
    weighed = sum((n - place) * value for place, value in enumerate(sorted(values)))
    return (n + 1 - 2 * weighed / total) / n
