"""The check `bits_per_byte`: how well a model predicts text that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator

from locale_tune.api import Finding, Record

from .bootstrap import paired, ratio, seed_of
from .context import Context, Model, Score
from .languages import is_own, name_of, tag_of

NATS_PER_BIT = 0.6931471805599453
LABELS = {
    "heldout": "Held-out {} text, bits per byte",
    "control": "{} control text, bits per byte",
}


def bits_per_byte(context: Context) -> Iterator[Finding]:
    """Yield bits per UTF-8 byte on held-out native text and on each control language.

    Bits per byte = sum of NLL / (ln 2 * bytes), pooled over documents: the same bytes before and
    after, whatever the tokenizers do. Documents with one meta["group"] are resampled together.
    """
    sets = document_sets(context)
    texts = [record.text for records in sets.values() for record in records]
    if not texts:
        return

    def score(model: Model) -> tuple[list[Score], int]:
        return model.nll(texts), model.lossy(texts)

    (before, lossy_before), (after, lossy_after) = context.both(score)
    note = _note(context, len(texts), max(lossy_before, lossy_after))
    start = 0
    for (split, tag), records in sets.items():
        part = slice(start, start + len(records))
        start += len(records)
        twin = split == "control" and ("heldout", tag) in sets
        label = LABELS[split].format(name_of(tag, context.locale))
        on = f"{tag}-control" if twin else tag
        yield _compare(context, on, label, records, (before[part], after[part]), note)


def document_sets(context: Context) -> dict[tuple[str, str], list[Record]]:
    """Return the documents with text by (split, language): held-out text, then the controls."""
    sets: dict[tuple[str, str], list[Record]] = {}
    for split in ("heldout", "control"):
        for record in context.items(split, context.settings.max_documents):
            if record.text.strip():
                tag = tag_of(record.lang, context.locale)
                sets.setdefault((split, tag), []).append(record)
    return dict(sorted(sets.items(), key=lambda item: (item[0][0] != "heldout", item[0][1])))


def group_of(record: Record) -> str:
    """Return what a record is resampled with: its group, or itself."""
    return record.meta.get("group") or record.id


def _compare(
    context: Context,
    on: str,
    label: str,
    records: list[Record],
    sides: tuple[list[Score], list[Score]],
    note: str,
) -> Finding:
    import numpy as np

    old, new = (
        np.array([[score.nats / NATS_PER_BIT, score.bytes] for score in side], dtype=np.float64)
        for side in sides
    )
    groups = [group_of(record) for record in records]
    result = paired(
        old, new, groups, ratio, context.settings.resamples, seed_of(context.seed, "bits", on)
    )
    context.save_items("bits_per_byte", on, _rows(records, groups, *sides))
    return context.finding(
        "bits_per_byte",
        on,
        label,
        result,
        n=len(records),
        unit="bits per UTF-8 byte",
        lower_is_better=True,
        section="language" if is_own(records[0].lang, context.locale) else "retention",
        note=f"{note}; interval over {result.groups} groups of documents",
    )


def _note(context: Context, texts: int, lossy: int) -> str:
    note = (
        "each text is prefixed once with the beginning-of-text token (or the end-of-text token), "
        f"which is not scored; windows of at most {context.settings.window} tokens, each moved on "
        "by half"
    )
    return f"{note}; {lossy} of all {texts} texts are changed by a tokenizer" if lossy else note


def _rows(
    records: list[Record], groups: list[str], before: list[Score], after: list[Score]
) -> Iterator[dict[str, object]]:
    for record, group, old, new in zip(records, groups, before, after, strict=True):
        yield {
            "id": record.id,
            "source": record.source,
            "group": group,
            "bytes": old.bytes,
            "nats_before": old.nats,
            "nats_after": new.nats,
        }
