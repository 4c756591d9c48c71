"""Who is seen how often: languages by temperature and minimum shares, native text and replay.

Shares are of tokens, never of records. An order is a pure function of (seed, epoch), so a resumed
run, another number of workers or another process sees the same records.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from locale_tune.api import Record, StageFailed
from locale_tune_training.batches import Order, Row, Tokens

ROUNDS = 1000


def shares(
    tokens: Mapping[str, int], temperature: float = 1.0, least: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Return the share of tokens each language gets: p^(1/T), then raised to the minimum shares.

    A key of `least` is a language, or `!` and a language for all others together (`!en`). Each
    minimum that does not hold is met by scaling its languages up and the others down; this is
    repeated until all hold. Raises StageFailed when they cannot all hold or have no text.
    """
    whole = sum(tokens.values())
    raised = {name: (n / whole) ** (1 / temperature) for name, n in tokens.items() if n}
    total = sum(raised.values())
    found = {name: value / total for name, value in sorted(raised.items())}
    demands = [(_members(key, found), share) for key, share in sorted((least or {}).items())]
    for _ in range(ROUNDS):
        short = [(m, want) for m, want in demands if sum(found[n] for n in m) < want - 1e-9]
        if not short:
            return found
        members, want = short[0]
        found = _raised(found, members, want)
    raise StageFailed(
        f"the minimum shares {dict(least or {})} cannot all hold", "lower one of them"
    )


def _members(key: str, found: Mapping[str, float]) -> set[str]:
    others = {name for name in found if name != key[1:]}
    members = others if key.startswith("!") else {key} & set(found)
    if not members:
        raise StageFailed(
            f"a minimum share is asked for '{key}', and there is no such text",
            f"there is {', '.join(found) or 'none'}",
        )
    return members


def _raised(found: Mapping[str, float], members: set[str], want: float) -> dict[str, float]:
    now = sum(found[name] for name in members)
    others = (1 - want) / (1 - now) if now < 1 else 1.0
    return {name: p * (want / now if name in members else others) for name, p in found.items()}


def by_share(
    lengths: Sequence[int], languages: Sequence[str], wanted: Mapping[str, float], seed: int
) -> Order:
    """Return the order of records in which each language has its share of an epoch's tokens.

    Every language is walked through in shuffled passes, one after the other; an epoch takes the
    next stretch of each. So all its records come equally often, whatever its share.
    """
    members = {name: [i for i, own in enumerate(languages) if own == name] for name in wanted}
    total = sum(lengths)
    counts = {}
    for name, own in members.items():
        mean = sum(lengths[i] for i in own) / len(own)
        counts[name] = max(1, round(wanted[name] * total / mean))

    def order(epoch: int) -> list[int]:
        chosen: list[int] = []
        for name in sorted(members):
            chosen += _stretch(members[name], epoch * counts[name], counts[name], f"{seed}:{name}")
        random.Random(f"{seed}:{epoch}").shuffle(chosen)
        return chosen

    return order


def _stretch(own: list[int], start: int, count: int, key: str) -> list[int]:
    """Return items [start, start + count) of the endless row of shuffled passes over `own`."""
    taken: list[int] = []
    while len(taken) < count:
        turn, place = divmod(start + len(taken), len(own))
        drawn = list(own)
        random.Random(f"{key}:{turn}").shuffle(drawn)
        taken += drawn[place : place + count - len(taken)]
    return taken


class Mixture:
    """Rows of native text and replay, whose share may change from a given row on.

    While one share s holds, floor(n * s) of its first n rows are replay. `since` lists
    (first row, share) and is all there is to know: set it before the first row is drawn, and the
    rows of the earlier run come again. From row `anneal_from` on, `anneal` stands for the native
    text.
    """

    def __init__(self, native: Iterator[Row], replay: Iterator[Row], share: float) -> None:
        self.native, self.replay = native, replay
        self.anneal: Iterator[Row] = iter(())
        self.anneal_from: float = math.inf
        self.since: list[tuple[int, float]] = [(0, share)]
        self.drawn = self.replayed = 0

    @property
    def share(self) -> float:
        """The share that holds for the rows to come."""
        return self.since[-1][1]

    def change(self, row: int, share: float) -> None:
        """Let `share` hold from row number `row` on; rows already drawn cannot change."""
        if row < self.drawn:
            raise ValueError(f"row {row} was drawn already: {self.drawn} are")
        self.since.append((row, share))

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        """Return the next row; the end of either text ends the mixture."""
        first, share = next(pair for pair in reversed(self.since) if pair[0] <= self.drawn)
        n = self.drawn - first
        replay = int((n + 1) * share) > int(n * share)
        native = self.anneal if self.drawn >= self.anneal_from else self.native
        row = next(self.replay if replay else native)
        self.drawn += 1
        self.replayed += replay
        return row


def share_in_tokens(
    share: float, by: str, native_bytes_per_token: float, replay_bytes_per_token: float
) -> float:
    """Return the share of rows that gives `share` of the tokens, or of the bytes, to replay.

    With s of the tokens and b bytes per token, replay has s b_r / (s b_r + (1 - s) b_n) of the
    bytes. Bytes compare runs with and without `extend`, which changes what a token holds.
    """
    if by == "tokens":
        return share
    of_native = share * native_bytes_per_token
    return of_native / (of_native + (1 - share) * replay_bytes_per_token)


class Tally:
    """Count what each source and language gives: tokens, and bytes of UTF-8."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str], list[int]] = {}
        self.languages: list[str] = []

    def add(self, record: Record, tokens: int, size: int) -> None:
        """Count one record."""
        have = self.sums.setdefault((record.source, record.lang), [0, 0])
        have[0] += tokens
        have[1] += size
        self.languages.append(record.lang)

    @property
    def tokens(self) -> int:
        """All tokens."""
        return sum(tokens for tokens, _ in self.sums.values())

    @property
    def bytes(self) -> int:
        """All bytes."""
        return sum(size for _, size in self.sums.values())

    def by_language(self) -> dict[str, int]:
        """Return the tokens of each language."""
        found: dict[str, int] = {}
        for (_, lang), (tokens, _) in sorted(self.sums.items()):
            found[lang] = found.get(lang, 0) + tokens
        return found

    def proxies(self) -> list[dict[str, Any]]:
        """Return the parts as rows: source, language, tokens, share of the tokens."""
        return [
            {"source": s, "lang": lang, "tokens": n, "share": round(n / self.tokens, 4)}
            for (s, lang), (n, _) in sorted(self.sums.items())
        ]


def lengths_of(tokens: Tokens) -> list[int]:
    """Return the number of tokens of every record."""
    return [tokens.length(record) for record in range(len(tokens))]


def chosen(record: Record, sources: Sequence[str], tags: Sequence[str]) -> bool:
    """Return whether a record is of these sources (all if none) and has one of these tags.

    A tag is `lang=rm`, `variety=sursilv`, or the name of a field of `meta`, alone (it is there and
    not empty) or with its value: `culture`, `origin=synthetic`.
    """
    if sources and record.source not in sources:
        return False
    facts = {**record.meta, "lang": record.lang, "variety": record.variety}
    for tag in tags:
        key, has_value, value = tag.partition("=")
        if facts.get(key, "") == value if has_value else facts.get(key):
            return True
    return not tags
