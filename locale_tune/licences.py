"""Bring licences to SPDX, rank them by what they ask, and find which one the model must carry."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, TypeVar

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

UNKNOWN_ID = "LicenseRef-Unknown"
NO_STATEMENT = "NOASSERTION"  # SPDX's own word for "nobody has said"
# Roles whose text reaches the weights. Text that is only measured with does not bind the model.
BASE = "the base model"
TRAINED = frozenset({"text", "replay", "lessons", "preferences"})


class Rank(IntEnum):
    """What a licence asks of whoever passes the model on, from nothing to not knowing."""

    FREE = 0
    ATTRIBUTION = 1
    SHARE_ALIKE = 2
    NON_COMMERCIAL = 3
    RESEARCH_ONLY = 4
    UNKNOWN = 5


WORST = Rank.UNKNOWN
Value = TypeVar("Value")
WORDS = {
    Rank.FREE: "no conditions",
    Rank.ATTRIBUTION: "attribution",
    Rank.SHARE_ALIKE: "share alike",
    Rank.NON_COMMERCIAL: "no commercial use",
    Rank.RESEARCH_ONLY: "research only or no adaptations",
    Rank.UNKNOWN: "unknown",
}

# What an allow-list may say instead of ids: every licence that asks for no more than this.
RANK_WORDS = {
    "no-conditions": Rank.FREE,
    "attribution": Rank.ATTRIBUTION,
    "share-alike": Rank.SHARE_ALIKE,
    "non-commercial": Rank.NON_COMMERCIAL,
    "research-only": Rank.RESEARCH_ONLY,
}

# What people and the Hub write that is no SPDX id.
SPOKEN = {
    "bsd": "BSD-3-Clause",
    "cc0": "CC0-1.0",
    "for research purposes only": "LicenseRef-Research-Only",
    "gemma": "LicenseRef-Gemma",
    "gfdl": "GFDL-1.3-or-later",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "official text": "LicenseRef-Official-Text",
    "official text (swiss urg art. 5)": "LicenseRef-URG-Art5",
    "pddl": "PDDL-1.0",
    "public domain": "LicenseRef-Public-Domain",
    "research only": "LicenseRef-Research-Only",
}
COMMUNITY = re.compile(r"llama-?\d(\.\d)?", re.IGNORECASE)

RANKS: tuple[tuple[str, Rank], ...] = (
    (r"licenseref-(public-domain|urg-art5|official-text)", Rank.FREE),
    (r"cc0-.*|cc-pd(dc|m-.*)|pddl-.*|dl-de-zero-.*|unlicense|mit-0|0bsd|wtfpl|blessing", Rank.FREE),
    # No-derivatives text may be read, but a model shaped by it may not be passed on freely.
    (r"cc-by(-nc)?-nd-.*|licenseref-research-only", Rank.RESEARCH_ONLY),
    (r"cc-by-nc(-sa)?-.*|licenseref-.*non-?commercial.*", Rank.NON_COMMERCIAL),
    (r"cc-by-sa-.*|(a|l)?gpl-.*|gfdl-.*|mpl-.*|odbl-.*|cdla-sharing-.*", Rank.SHARE_ALIKE),
    (r"epl-.*|eupl-.*|osl-.*|cecill-2.*|ms-rl", Rank.SHARE_ALIKE),
    # Community model licences travel with the model, as share-alike terms do.
    (r"licenseref-(gemma|llama.*)", Rank.SHARE_ALIKE),
    (r"cc-by-\d.*|mit|mit-.*|apache-.*|bsd-.*|isc|zlib|odc-by-.*|unicode-.*", Rank.ATTRIBUTION),
    (r"cdla-permissive-.*|ecl-.*|afl-.*|artistic-.*|bsl-.*|ofl-.*|etalab-.*", Rank.ATTRIBUTION),
    (r"ogl-.*|dl-de-by-.*|ncsa|postgresql|python-.*|psf-.*|ms-pl|openmdw-.*", Rank.ATTRIBUTION),
)

# The values the Hub's `license` field takes, from its documentation (November 2026).
HUB_IDS = re.compile(
    r"""
    apache-2\.0 | mit | isc | zlib | ncsa | wtfpl | postgresql | unlicense | c-uda | pddl
    | afl-3\.0 | artistic-2\.0 | bsl-1\.0 | bsd-[23]-clause | bsd-3-clause-clear | ecl-2\.0
    | cc0-1\.0 | cc-by-(2\.0|2\.5|3\.0|4\.0) | cc-by-sa-[34]\.0 | cc-by-nc(-sa)?-[234]\.0
    | cc-by-nd-4\.0 | cc-by-nc-nd-[34]\.0 | cdla-sharing-1\.0 | cdla-permissive-[12]\.0
    | epl-[12]\.0 | etalab-2\.0 | eupl-1\.[12] | [al]gpl-3\.0 | lgpl-2\.1 | gpl-[23]\.0 | gfdl
    | lppl-1\.3c | ms-pl | mpl-2\.0 | odc-by | odbl | osl-3\.0 | ofl-1\.1
    | gemma | llama[234] | llama3\.[123]
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class RollUp:
    """The licence that the text asks of the model.

    `licence` is SPDX; `card` what the Hub's field takes ("other" when it knows no such id);
    `forced_by` the sources that ask for the strictest terms; `share` the share (0 to 1) of the
    trained bytes they hold, None when no bytes are known; `also` further licences as strict.
    """

    licence: str
    card: str
    rank: Rank
    forced_by: tuple[str, ...]
    share: float | None
    also: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What the licence asks, in words."""
        return WORDS[self.rank]


@dataclass(frozen=True)
class Price:
    """What it costs to be rid of one licence: `lost` and `share` count all dropped so far.

    `dropped` maps the sources under `licence` (several with commas between) to their bytes;
    `then` is the model's licence without them, in SPDX, and `asks` what that one asks.
    """

    licence: str
    dropped: dict[str, int]
    lost: int
    share: float | None
    then: str
    asks: str


def normalise(text: str) -> str:
    """Return the SPDX expression of a licence as people write it; LicenseRef-Unknown if none."""
    words = " ".join(text.split())
    if spoken := SPOKEN.get(words.casefold()):
        return spoken
    if COMMUNITY.fullmatch(words):
        return f"LicenseRef-{words.casefold()}"
    hyphened = re.sub(r"(?i)\bCC[ -](BY|0)", r"CC-\1", words)
    hyphened = re.sub(r"(?i)(?<=CC-BY)[ -]|(?<=[A-Z])[ -](?=NC|ND|SA|\d)", "-", hyphened)
    for candidate in (words, hyphened):
        try:
            return str(canonicalize_license_expression(candidate))
        except InvalidLicenseExpression:
            continue
    return UNKNOWN_ID


def rank(expression: str) -> Rank:
    """Rank an SPDX expression: of `A OR B` the milder counts, of `A AND B` the stricter."""
    # `X WITH exception` only adds permissions: X alone is the careful reading.
    return _evaluate(expression, lambda name: _rank_of(name.partition(" ")[0]), min, max, WORST)


def names(expression: str) -> list[str]:
    """Return the licences that an SPDX expression is made of, without exceptions, each once."""
    found: list[str] = []

    def noted(name: str) -> int:
        found.append(name.partition(" ")[0])
        return 0

    _evaluate(normalise(expression), noted, operator.or_, operator.and_, 0)
    return list(dict.fromkeys(found))


def permits(allowed: Iterable[str], expression: str) -> bool:
    """Tell whether a list of SPDX ids, expressions and RANK_WORDS admits an SPDX expression.

    One side of `A OR B` is enough, `A AND B` needs both. A licence that is allowed is allowed with
    any exception, which only adds permissions. An empty list admits every licence that is known.
    """
    words = list(allowed) or ["research-only"]
    most = max((RANK_WORDS[word] for word in words if word in RANK_WORDS), default=None)
    named = {normalise(word).casefold() for word in words if word not in RANK_WORDS}

    def admitted(name: str) -> bool:
        alone = name.partition(" ")[0]
        mild = most is not None and _rank_of(alone) <= most
        return mild or bool({name.casefold(), alone.casefold()} & named)

    whole = normalise(expression)
    either = _evaluate(whole, admitted, operator.or_, operator.and_, False)
    return either or whole.casefold() in named


def problem_of(word: str) -> str:
    """Say what is wrong with one entry of an allow-list, or return ""."""
    if word in RANK_WORDS or word == NO_STATEMENT or normalise(word) != UNKNOWN_ID:
        return ""
    return f"'{word}' is no SPDX licence and none of {', '.join(RANK_WORDS)}"


def hub_id(expression: str) -> str:
    """Return the Hub's licence id for an SPDX expression, or "other"; of `A OR B` the milder's."""
    if " OR " in expression and "AND" not in expression and "(" not in expression:
        expression = min(expression.split(" OR "), key=rank)
    low = expression.casefold().removeprefix("licenseref-")
    low = re.sub(r"-(only|or-later)$", "", low)
    short = {"odc-by-1.0": "odc-by", "odbl-1.0": "odbl", "pddl-1.0": "pddl", "gfdl-1.3": "gfdl"}
    low = short.get(low, low)
    return low if HUB_IDS.fullmatch(low) else "other"


def roll_up(sources: Iterable[Mapping[str, Any]], base_licence: str = "") -> RollUp:
    """Find the strictest licence among the sources that were trained on (`kept` above 0).

    `sources` are the entries of the corpus's sources.json. Among licences of the same rank the
    one that adds share-alike counts as stricter, then the one with more bytes. The base model's
    licence joins in when it is known.
    """
    weights: dict[str, int] = {}
    owners: dict[str, list[str]] = {}
    for source in _trained(sources):
        licence = normalise(str(source.get("licence", "")))
        weights[licence] = weights.get(licence, 0) + int(source.get("bytes") or 0)
        owners.setdefault(licence, []).append(str(source["id"]))
    if base_licence:
        base = normalise(base_licence)
        weights.setdefault(base, 0)
        owners.setdefault(base, []).append(BASE)
    return _strictest(weights, owners)


def price_list(sources: Iterable[Mapping[str, Any]], base_licence: str = "") -> list[Price]:
    """Say what each milder licence costs: drop what forces the strictest one, again and again.

    Licences that ask for attribution only go together: to be rid of one of them frees nobody.
    The list ends where nothing asks for anything any more, where no text would be left, or where
    the base model itself forces the licence.
    """
    left = _trained(sources)
    total = sum(int(source.get("bytes") or 0) for source in left)
    now, lost, prices = roll_up(left, base_licence), 0, []
    while now.rank > Rank.FREE:
        gone = (now.licence, *now.also) if now.rank == Rank.ATTRIBUTION else (now.licence,)
        dropped = [s for s in left if normalise(str(s.get("licence", ""))) in gone]
        left = [source for source in left if source not in dropped]
        then = roll_up(left, base_licence)
        if not left or then.licence == now.licence:
            break
        sizes = {str(source["id"]): int(source.get("bytes") or 0) for source in dropped}
        lost += sum(sizes.values())
        share = lost / total if total else None
        prices.append(Price(", ".join(gone), sizes, lost, share, then.licence, then.words))
        now = then
    return prices


def told(sources: Sequence[Mapping[str, Any]], base_licence: str = "") -> dict[str, Any]:
    """Return the roll-up as JSON has it: the licence, what forces it, and what less would cost."""
    found = roll_up(sources, base_licence)
    rest = [source for source in sources if source["id"] not in found.forced_by]
    milder = roll_up(rest, base_licence)
    return {
        "spdx": found.licence,
        "card": found.card,
        "asks": found.words,
        "rank": int(found.rank),
        "forced_by": found.forced_by,
        "share": found.share,
        "also": found.also,
        "without": milder.licence if milder.forced_by and milder.rank < found.rank else "",
        "prices": [asdict(price) for price in price_list(sources, base_licence)],
        "base_counted": bool(base_licence),
    }


def _trained(sources: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [s for s in sources if s.get("kept", 0) > 0 and s.get("role") in TRAINED]


def _strictest(weights: Mapping[str, int], owners: Mapping[str, list[str]]) -> RollUp:
    if not weights:
        return RollUp(UNKNOWN_ID, "other", Rank.UNKNOWN, (), None)
    top = max(rank(licence) for licence in weights)
    rivals = [licence for licence in weights if rank(licence) == top]
    rivals.sort(key=lambda licence: (not _shares_alike(licence), -weights[licence], licence))
    total = sum(weights.values())
    held = sum(weights[licence] for licence in rivals)
    return RollUp(
        licence=rivals[0],
        card=hub_id(rivals[0]),
        rank=top,
        forced_by=tuple(name for licence in rivals for name in owners[licence]),
        share=held / total if total else None,
        also=tuple(rivals[1:]),
    )


def _shares_alike(licence: str) -> bool:
    return "-SA-" in licence.upper()


def _evaluate(
    expression: str,
    leaf: Callable[[str], Value],
    either: Callable[[Value, Value], Value],
    both: Callable[[Value, Value], Value],
    broken: Value,
) -> Value:
    """Fold an SPDX expression: `leaf` gets `ID` or `ID WITH exception`; AND binds tighter."""
    tokens = re.findall(r"[()]|[^\s()]+", expression)

    def alternatives(rest: list[str]) -> tuple[Value, list[str]]:
        found, rest = together(rest)
        while rest and rest[0] == "OR":
            other, rest = together(rest[1:])
            found = either(found, other)
        return found, rest

    def together(rest: list[str]) -> tuple[Value, list[str]]:
        found, rest = one(rest)
        while rest and rest[0] == "AND":
            other, rest = one(rest[1:])
            found = both(found, other)
        return found, rest

    def one(rest: list[str]) -> tuple[Value, list[str]]:
        if not rest:
            return broken, []
        if rest[0] == "(":
            found, rest = alternatives(rest[1:])
            return found, rest[1:]
        width = 3 if rest[1:2] == ["WITH"] else 1
        return leaf(" ".join(rest[:width])), rest[width:]

    found, rest = alternatives(tokens)
    return broken if rest else found


def _rank_of(licence: str) -> Rank:
    for pattern, found in RANKS:
        if re.fullmatch(pattern, licence.casefold().rstrip("+")):
            return found
    return Rank.UNKNOWN
