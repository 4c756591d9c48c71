"""Native and replay text as tokens, and how long to train on which of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from locale_tune.api import Job, Record, StageFailed, read_records
from locale_tune_training import goldfish
from locale_tune_training.batches import Order, Row, Tokens, rows, write_tokens
from locale_tune_training.encoding import Encoded, Encoder
from locale_tune_training.mixing import (
    Tally,
    by_share,
    chosen,
    lengths_of,
    share_in_tokens,
    shares,
)


class Text(NamedTuple):
    """One split of the corpus as tokens, what it is made of, and its order if not the usual one."""

    tokens: Tokens
    tally: Tally
    order: Order | None = None

    @property
    def bytes_per_token(self) -> float:
        """UTF-8 bytes per token, the ends of documents counted as tokens."""
        return self.tally.bytes / max(1, self.tokens.total)


class Scheme(NamedTuple):
    """Steps, replay share, settings for the loop, and the anneal if there is one."""

    steps: int
    share: float
    settings: Any
    facts: dict[str, Any]
    anneal: Text | None = None
    anneal_from: int = 0


def encode(
    job: Job,
    encoder: Encoder,
    split: str,
    keep: Callable[[Record], bool] | None = None,
    name: str = "",
) -> Text:
    """Write the texts of a split (those that `keep` says) into `job.work / name`."""
    job.progress(0, 1, f"encoding {name or split}")
    tally = Tally()

    def encoded() -> Iterator[Encoded]:
        for record in read_records(job.inputs["corpus"].path / split):
            if record.text and (keep is None or keep(record)):
                document = encoder.text(record.text)
                if len(document.ids) >= 2:
                    tally.add(record, len(document.ids), len(record.text.encode()))
                    yield document

    tokens = write_tokens(job.work / (name or split), encoded())
    least = job.settings.replay_min_shares if split == "replay" else {}
    if not (least and tokens.total):
        return Text(tokens, tally)
    wanted = shares(tally.by_language(), least=least)
    order = by_share(lengths_of(tokens), tally.languages, wanted, job.seed)
    return Text(tokens, tally, order)


def rows_of(text: Text, job: Job) -> Iterator[Row]:
    """Return the endless packed rows of a text."""
    return rows(text.tokens, job.settings.sequence, job.seed, order=text.order)


def plan(job: Job, encoder: Encoder, native: Text, replay: Text) -> Scheme:
    """Decide how many updates, at which replay share, and where an anneal begins."""
    settings = job.settings
    asked = settings.replay if replay.tokens.total else 0.0
    share = share_in_tokens(
        asked, settings.replay_by, native.bytes_per_token, replay.bytes_per_token
    )
    one_epoch = native.tokens.total / (1 - share)
    wanted = min(settings.tokens or one_epoch * settings.epochs, one_epoch * settings.max_epochs)
    steps = max(1, int(wanted // (settings.sequence * settings.rows_per_step)))
    scheme = Scheme(steps, share, settings, {})
    epochs = wanted / one_epoch
    if settings.anneal:
        scheme = _annealed(scheme, job, encoder, native, epochs)
    if goldfish.wanted(settings.goldfish, native.tally.bytes, epochs):
        scheme = _masked(scheme, settings, native)
    return scheme


def _masked(scheme: Scheme, settings: Any, native: Text) -> Scheme:
    """Leave out Goldfish targets of native text; the annealed text is native text as well."""
    k, h = settings.goldfish_k, settings.goldfish_h
    gone = goldfish.apply(native.tokens, k, h)
    if scheme.anneal is not None:
        goldfish.apply(scheme.anneal.tokens, k, h)
    facts = {"goldfish": {"k": k, "h": h, "dropped_share": round(gone, 4)}}
    return scheme._replace(facts={**scheme.facts, **facts})


def _annealed(scheme: Scheme, job: Job, encoder: Encoder, native: Text, epochs: float) -> Scheme:
    """Give the last steps to tagged text, under a rate that falls to 0 meanwhile."""
    settings = job.settings

    def keep(record: Record) -> bool:
        return for_anneal(record, settings.anneal_sources, settings.anneal_tags)

    text = encode(job, encoder, "text", keep, "anneal")
    if not text.tokens.total:
        raise StageFailed(
            "no text of the corpus has the sources and tags that the anneal asks for",
            "give a source tags, name anneal_sources and anneal_tags, or set anneal = 0",
        )
    part = _anneal_share(settings, epochs, native.tokens.total / text.tokens.total)
    steps = round(part * scheme.steps)
    if not steps:
        return scheme._replace(facts={"anneal_steps": 0})
    tail = {"schedule": "wsd", "decay": steps / scheme.steps, "final_lr": 0.0}
    first = (scheme.steps - steps) * settings.rows_per_step
    facts = {"anneal_steps": steps, "anneal_text": text.tally.proxies()}
    return Scheme(scheme.steps, scheme.share, settings.model_copy(update=tail), facts, text, first)


def for_anneal(record: Record, sources: Sequence[str], tags: Sequence[str]) -> bool:
    """Return whether a record is of these sources or has one of these tags.

    With neither it is the native text: what no source calls translated or synthetic.
    """
    if not (sources or tags):
        return "origin" not in record.meta
    return record.source in sources or bool(tags and chosen(record, (), tags))


def _anneal_share(settings: Any, epochs: float, times: float) -> float:
    """Return the share of the steps for the anneal: no text may be seen more than `max_epochs`.

    Text that is one part in `times` of all is seen (1 - a) E times before the anneal and a E times
    `times` in it.
    """
    room = settings.max_epochs - epochs
    if times <= 1:
        return float(settings.anneal)
    return float(min(settings.anneal, max(0.0, room) / (epochs * (times - 1))))
