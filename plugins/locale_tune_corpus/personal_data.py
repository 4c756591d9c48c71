"""Find e-mail addresses, network addresses, accounts, identity and telephone numbers in a line.

Everything is searched on folded text (`folded_digits.py`). A find is a span, its kind, its value in
one spelling, and what to write instead. A find without a kind is a stand-in that stays: to find it
first is what makes a second pass change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from itertools import accumulate

from locale_tune_corpus import identifiers, phones

Look = Callable[[re.Match[str], int, int, bool], "Find | None"]
Number = Callable[[str, str], int]  # of (kind, value): under 1000, keyed
LATIN = r"A-Za-z\u00c0-\u024f"
MAIL = re.compile(
    rf"(?<![{LATIN}0-9._%+'-])"
    rf"(?:[{LATIN}0-9._%+'-]{{1,64}}|(?:(?![{LATIN}])[\w.+'-]){{1,64}})"
    r"(?:@| ?[\[(] ?(?:at|AT) ?[\])] ?)"
    r"(?:[\w-]{1,63}\.){1,5}(?!(?:png|jpe?g|gif|webp|svg|pdf|js|css)\b)(?:[^\W\d_]{2,24}|xn--[\w-]+)"
)
RESERVED_DOMAIN = re.compile(
    r"(?:^|[@.])(?:example\.(?:org|com|net)|example|test|invalid|localhost)$"
)
OCTET = r"(?:0|[1-9]\d{0,2})"
IP4 = re.compile(rf"(?<![0-9A-Za-z_.,-])(?:{OCTET}\.){{3}}{OCTET}(?![0-9A-Za-z_-]|[.,]\d)")
IP6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){1,7}(?::|[0-9A-Fa-f]{1,4})(?::?[0-9A-Fa-f]{1,4}){0,6}(?![\w:])"
)
VERSION = re.compile(
    r"(?:\bversiu?n[a-z]*|\bversion[a-z]*|release|firmware|\bv|§|\bart|\bsect?|الإصدار|إصدار)\W{0,2}$"
    r"|[A-Za-z]/$",
    re.IGNORECASE,
)
IBAN_START = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z]{2} ?|[a-z]{2})\d\d(?=[ -]?[A-Za-z0-9])")
IBAN_SIGNS = re.compile(r"[A-Z0-9](?:[ -]?[A-Z0-9]){14,}|[a-z0-9](?:[ -]?[a-z0-9]){14,}")
RUN = re.compile(r"(?:\+ ?|\( ?\+? ?)?\d(?:[ .\-/()]{0,4}\d){6,}")
GROUP = re.compile(r"(?:\+ ?|\( ?\+? ?)?(\d+)")
FEWEST, MOST, MOST_GROUPS = 7, 19, 8  # digits, digits and groups of digits
MASK = "\0"  # stands for what is found already
CONTEXT = 40  # characters before a number in which a word can say what it is
# A decimal, the rest of a code ("INV-0501234567"), of an address or of a price is no number.
GLUED = re.compile(r"[A-Za-z0-9_=#&?%/\\@$€£¥]$|\d[.,]$|[A-Z0-9_]-$")
MORE = re.compile(r"[ ./-]\d")
RIGHT = re.compile(r"-\d{1,6}(?!\d)")  # what makes a longer code of the digits before it
AFTER = re.compile(r"[A-Za-z0-9_%]|[.,:]\d")
MAIL_NAMES = ("info", "mail", "office", "user", "hello", "team")
MAIL_ENDS = ("org", "net", "com")
IP4_NETS = ("192.0.2", "198.51.100", "203.0.113")  # RFC 5737


@dataclass(frozen=True)
class Find:
    """A span of folded text. `write` are the new signs, in order; `whole` if separators go too."""

    start: int
    end: int
    kind: str = ""
    write: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Search:
    """What is looked for: numbers of some regions, a pack's own patterns, and a keyed hash."""

    regions: tuple[str, ...]
    number: Number
    patterns: Mapping[str, re.Pattern[str]]

    def finds(self, text: str) -> list[Find]:
        """Return what is found in one folded line, in order, no two overlapping."""
        found: list[Find] = []
        for search in (self._mails, self._ip6, self._ip4, self._ibans, self._own, self._runs):
            fresh = list(search(text))
            found += fresh
            text = _masked(text, fresh)
        return sorted(found, key=lambda find: find.start)

    def _mails(self, text: str) -> Iterator[Find]:
        if "@" not in text and "at" not in text and "AT" not in text:
            return
        for match in MAIL.finditer(text):
            value = re.sub(r" ?[\[(] ?at ?[\])] ?", "@", match[0].casefold())
            if RESERVED_DOMAIN.search(value):
                yield Find(*match.span())
                continue
            number = self.number("e-mail", value)
            name, end = MAIL_NAMES[number % len(MAIL_NAMES)], MAIL_ENDS[number % len(MAIL_ENDS)]
            yield Find(*match.span(), "e-mail", f"{name}{number:03d}@example.{end}", whole=True)

    def _ip6(self, text: str) -> Iterator[Find]:
        for match in IP6.finditer(text) if text.count(":") > 1 else ():
            try:
                address = IPv6Address(match[0])
            except AddressValueError:
                continue
            if address.is_global and match[0][0] in "23":  # what is given out today: 2000::/3
                number = self.number("ip", address.compressed)
                yield Find(*match.span(), "ip", f"2001:db8::{number + 1:x}", whole=True)  # RFC 3849

    def _ip4(self, text: str) -> Iterator[Find]:
        for match in IP4.finditer(text):
            octets = [int(octet) for octet in match[0].split(".")]
            before = text[max(0, match.start() - CONTEXT) : match.start()]
            plain = max(octets) > 255 or max(octets) < 32 or octets[2:] == [0, 0]
            if plain or not IPv4Address(match[0]).is_global or VERSION.search(before):
                yield Find(*match.span())  # a section, date or version; a network or a browser
                continue
            number = self.number("ip", match[0])
            host = f"{IP4_NETS[number % 3]}.{1 + number // 3 % 254}"
            yield Find(*match.span(), "ip", host, whole=True)

    def _ibans(self, text: str) -> Iterator[Find]:
        last = 0
        for match in IBAN_START.finditer(text):
            country = match[0][:2].upper()
            length = identifiers.IBAN_LENGTHS.get(country, 0)
            end = _end_of(text, match.start(), length)
            written = text[match.start() : end]
            if match.start() < last or not IBAN_SIGNS.fullmatch(written) or AFTER.match(text, end):
                continue
            signs = re.sub(r"[ -]", "", written).upper()
            if re.fullmatch(r"..00[0X]*\d{3}", signs):
                last = end
                yield Find(match.start(), end)
            elif identifiers.iban(signs):
                last = end
                number = f"{self.number('iban', signs):03d}"
                blank = re.sub("[A-Z]", "X", re.sub(r"\d", "0", signs[4:-3]))
                yield Find(match.start(), end, "iban", f"{country}00{blank}{number}")

    def _own(self, text: str) -> Iterator[Find]:
        for kind, pattern in self.patterns.items():
            for match in pattern.finditer(text):
                if MASK in match[0]:
                    continue
                signs = "".join(filter(str.isalnum, match[0]))
                if len(signs) < 4 or re.fullmatch(r"[0X]*\d{3}", signs):
                    yield Find(*match.span())
                    continue
                blank = re.sub(r"\D", "X", re.sub(r"\d", "0", signs[:-3]))
                yield Find(*match.span(), kind, f"{blank}{self.number(kind, signs):03d}")

    def _runs(self, text: str) -> Iterator[Find]:
        for run in RUN.finditer(text):
            yield from _windows(run, self._personal)

    def _personal(self, run: re.Match[str], start: int, end: int, loose: bool) -> Find | None:
        text = run.string
        before = text[max(0, start - CONTEXT) : start]
        if phones.is_nobodys(text[start:end], self.regions, before):
            return Find(start, end)
        if identifiers.is_stand_in(text[start:end]):
            return Find(start, end)
        if AFTER.match(text, end):
            return None
        glued = start == run.start() and bool(GLUED.search(before))
        found = self._identifier(text[start:end], before, glued, loose)
        whole = not RIGHT.match(text, end) and (loose or _begins(text[start:end], before))
        if found or not whole:
            return Find(start, end, *found) if found else None
        alone = loose and not MORE.match(text, end)
        found = self._phone(text[start:end], before, glued, alone)
        return Find(start, end, *found) if found else None

    def _identifier(
        self, written: str, before: str, glued: bool, loose: bool
    ) -> tuple[str, str] | None:
        digits = re.sub(r"[ ./-]", "", written)
        if not digits.isdecimal() or re.search(r"\D\D", written):
            return None
        shape = " ".join(str(len(group)) for group in re.findall(r"\d+", written))
        for kind in identifiers.IDENTIFIERS:
            if not kind.holds(digits, shape) or not (loose or written.isdecimal()):
                continue  # other kinds of numbers stand in columns
            if kind.near.search(before) if kind.near else not glued:
                number = self.number(kind.kind, digits)
                return kind.kind, identifiers.stand_in(digits, kind.keep, number, kind.valid)
        return None

    def _phone(self, written: str, before: str, glued: bool, alone: bool) -> tuple[str, str] | None:
        if glued and not phones.NEAR.search(before[-12:]):
            return None
        if found := phones.phone(written, self.regions, before, alone):
            return "phone", phones.stand_in(written, found, self.number("phone", found))
        return None


def _windows(run: re.Match[str], look: Look) -> Iterator[Find]:
    """Look at groups of digits that follow each other, most first; what is found is passed over.

    Two digits a group is the least on average; less is a row of figures. `look` is told whether no
    digits stand before the window but what is found already.
    """
    groups = list(GROUP.finditer(run.string, *run.span()))
    first, loose = 0, True
    while first < len(groups):
        sizes = list(accumulate(len(group[1]) for group in groups[first : first + MOST_GROUPS]))
        for last in range(len(sizes) - 1, -1, -1):
            if max(FEWEST, 2 * (last + 1)) <= sizes[last] <= MOST and (
                find := look(run, groups[first].start(), groups[first + last].end(), loose)
            ):
                yield find
                first, loose = first + last, True
                break
        else:
            loose = False
        first += 1


def _begins(written: str, before: str) -> bool:
    """Return whether a number can begin here although digits stand just before it.

    It cannot inside a code (978-0-25-059410-8) or among thousands (2 023 680 857, 1.205.443).
    """
    thousands = re.fullmatch(r"\d{3}(?: \d{3})*", written) and re.search(r"\d $", before)
    account = written.startswith("00")  # ... nor in CH94 0076 2011
    return not thousands and not account and not before.endswith(("-", "."))


def _masked(text: str, found: list[Find]) -> str:
    """Return the text with what is found made unlike anything, at the same length."""
    parts, at = [], 0
    for find in found:
        parts += [text[at : find.start], MASK * (find.end - find.start)]
        at = find.end
    return "".join((*parts, text[at:]))


def _end_of(text: str, start: int, length: int) -> int:
    """Return where the first `length` letters and digits from `start` end."""
    at = start
    while at < len(text) and length:
        length -= text[at] not in " -"
        at += 1
    return at
