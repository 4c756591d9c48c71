"""Numbers that name one person or account, and how to tell them from other numbers.

Each row of IDENTIFIERS is one kind: the digits it has, the check that holds, and the words near it
without which it is only a number. Checks are those of the issuers: Luhn (ISO/IEC 7812-1), mod 97
(ISO 13616), EAN-13 (AHV number, Swiss Federal Social Insurance Office), mod 11 (Kuwait, PACI).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 "
        "DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 "
        "HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 "
        "MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 "
        "RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 "
        "VA22 VG24 XK20 YE30",
    )
}
CARD = re.compile(
    r"4(?:\d{15}|\d{18})"  # Visa (13 digits are a barcode today)
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"  # Amex, Diners, JCB
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}|9682\d{12}"  # Discover, UnionPay, mada
)
CARD_SHAPES = re.compile(r"\d+|(?:4 )+[1-4]|4 6 [45]")


def luhn(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others."""
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def ean13(digits: str) -> bool:
    """Return whether the last of 13 digits is their EAN check digit."""
    return sum(int(digit) * (1 + 2 * (at % 2)) for at, digit in enumerate(digits)) % 10 == 0


def iban(signs: str) -> bool:
    """Return whether capital letters and digits are an IBAN: country, its length, mod 97."""
    if IBAN_LENGTHS.get(signs[:2]) != len(signs) or signs[2:4] in ("00", "01", "99"):
        return False
    return int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])) % 97 == 1


def kuwait_civil(digits: str) -> bool:
    """Return whether 12 digits are a civil id: century, date of birth, serial, check digit."""
    weights = (2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = 11 - sum(w * int(digit) for w, digit in zip(weights, digits, strict=False)) % 11
    return born(digits) and check == int(digits[11])


def born(digits: str) -> bool:
    """Return whether digits begin with 2 or 3 (born 19.., 20..) and a day as YYMMDD."""
    if digits[0] not in "23":
        return False
    try:
        date(1700 + 100 * int(digits[0]) + int(digits[1:3]), int(digits[3:5]), int(digits[5:7]))
    except ValueError:
        return False
    return True


def south_africa(digits: str) -> bool:
    """Return whether 13 digits are an identity number: YYMMDD, serial, 0 or 1, 8 or 9, Luhn."""
    return digits[10] in "01" and digits[11] in "89" and born("3" + digits) and luhn(digits)


def card(digits: str) -> bool:
    """Return whether digits are those of a payment card: issuer's range, length, Luhn."""
    return bool(CARD.fullmatch(digits)) and luhn(digits)


def always(digits: str) -> bool:
    """Hold for a kind whose issuer publishes no check."""
    return True


@dataclass(frozen=True)
class Identifier:
    """One kind of number.

    `digits` is a pattern of all its digits, `shape` one of its groups' lengths ("4 4 4 4"). `near`
    are words of which one must stand before it; None: it is told apart without. The first `keep`
    digits say nothing of a person and stay in the stand-in.
    """

    kind: str
    digits: re.Pattern[str]
    valid: Callable[[str], bool]
    keep: int = 0
    shape: re.Pattern[str] | None = None
    near: re.Pattern[str] | None = None

    def holds(self, digits: str, shape: str) -> bool:
        """Return whether digits in groups of some lengths are a number of this kind."""
        shaped = self.shape is None or self.shape.fullmatch(shape)
        return bool(shaped and self.digits.fullmatch(digits)) and self.valid(digits)


def _near(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


_ID_CARD = (
    r"\bid\b|identity|iqama|civil|national (?:id|number)|passport|\bnin\b"
    r"|هوي[ةه]|[إا]قام[ةه]|السجل المدني|البطاق[ةه]|الرقم المدني|مدني[ةه]?|الرقم القومي"
)
IDENTIFIERS = (
    Identifier("id-ae", re.compile(r"784(?:19|20)\d{10}"), luhn, 3),
    # Printed with its dashes it is unmistakable, whatever the last digit.
    Identifier("id-ae", re.compile(r"784(?:19|20)\d{10}"), always, 3, re.compile(r"3 4 7 1")),
    Identifier("id-ch", re.compile(r"756\d{10}"), ean13, 3),
    Identifier("id-kw", re.compile(r"[23]\d{11}"), kuwait_civil, shape=re.compile(r"\d+")),
    Identifier("id-za", re.compile(r"\d{13}"), south_africa),
    Identifier("card", CARD, card, 1, CARD_SHAPES),
    Identifier("id-sa", re.compile(r"[12]\d{9}"), luhn, 1, near=_near(_ID_CARD)),
    Identifier("id-qa", re.compile(r"[23]\d{10}"), always, near=_near(_ID_CARD, r"\bqid\b")),
    Identifier(
        "id-bh",
        re.compile(r"\d\d(?:0[1-9]|1[0-2])\d{5}"),
        always,
        near=_near(r"\bcpr\b", "الرقم الشخصي", "الرقم السكاني", "البطاق[ةه] السكاني[ةه]"),
    ),
    Identifier(
        "id-om", re.compile(r"\d{7,9}"), always, near=_near("الرقم المدني", "civil (?:id|n)")
    ),
    Identifier(
        "id-eg",
        re.compile(r"[23]\d{6}(?:0[1-4]|1[1-9]|2[1-9]|3[1-5]|88)\d{5}"),
        born,
        near=_near(_ID_CARD),
    ),
    Identifier("id-ng", re.compile(r"\d{11}"), always, near=_near(r"\bnin\b", "national identi")),
)


STAND_IN = re.compile(r"0{4,16}\d{3}|[1-69]0{6,15}\d{3}|(?:756|784)0{7,9}\d{3}")


def stand_in(digits: str, keep: int, number: int, valid: Callable[[str], bool]) -> str:
    """Return zeros ending in `number` (under 1000), of the same length, that fail the check."""
    made = digits[:keep] + f"{number:0{len(digits) - keep}d}"
    while valid is not always and valid(made):
        made = made[:-1] + str((int(made[-1]) + 1) % 10)
    return made


def is_stand_in(written: str) -> bool:
    """Return whether digits are of a form that `stand_in` makes, whatever separates them."""
    return bool(STAND_IN.fullmatch(re.sub(r"\D", "", written)))
