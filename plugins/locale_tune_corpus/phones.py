"""Telephone numbers: which digits are one, and numbers nobody has.

Number plans come from libphonenumber (`phonenumbers`). A number with its country's code is found
wherever it is valid; one without it, in the plans of `regions` only, and only if it looks the part:
it begins with the trunk 0, is grouped as its country groups numbers, or a word such as "tel."
stands before it. Eight bare digits are a number of the Gulf, or a date, or a price.

A stand-in keeps the country's code. Where the regulator set numbers aside for drama (Ofcom,
Bundesnetzagentur, Arcep, NANPA) it is one of these; elsewhere it begins with digits that the
country's plan gives to no one, goes on with fives and ends in three digits of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache

import phonenumbers

# What a language's texts write without a country's code; a pack can say `phone_regions` instead.
REGIONS = {
    "af": "ZA NA", "am": "ET", "ar": "SA EG AE IQ JO MA DZ", "ar-gulf": "AE SA KW QA BH OM",
    "afb": "AE SA KW QA BH OM", "apc": "LB SY JO PS", "arz": "EG", "ary": "MA", "de": "DE AT CH",
    "en": "US GB", "es": "ES MX AR", "fr": "FR BE CH", "fur": "IT", "gsw": "CH LI AT DE",
    "ha": "NG NE", "hi": "IN", "ig": "NG", "it": "IT CH", "lld": "IT", "pt": "BR PT", "rm": "CH IT",
    "rw": "RW", "so": "SO ET KE", "sw": "KE TZ UG", "ti": "ER ET", "xh": "ZA", "yo": "NG BJ",
    "zu": "ZA",
}  # fmt: skip
DRAMA = {1: "20155501nn", 33: "639980nnn", 44: "7700900nnn", 49: "3023125nnn"}
UNASSIGNED = {
    20: "14", 27: "59", 31: "69", 32: "77", 34: "40", 39: "30", 41: "70", 43: "63", 49: "31",
    54: "19", 55: "20", 91: "50", 212: "45", 213: "59", 221: "20", 227: "71", 229: "11",
    234: "73", 250: "20", 251: "74", 252: "50", 254: "80", 255: "64", 256: "73", 264: "40",
    351: "17", 352: "16", 423: "20", 961: "23", 962: "75", 963: "70", 964: "72", 965: "46",
    966: "52", 967: "29", 968: "46", 970: "12", 971: "59", 973: "46", 974: "46", 992: "13",
}  # fmt: skip
NOBODYS_END = re.compile(r"(?:5\d|5501|7700900\d|639980\d)\d\d$")
NOBODY = "00"  # no plan begins a number, its trunk 0 taken off, with two zeros
NEAR = re.compile(
    r"\b(?:tele?f|tel\b|phone|mobile|mobil|natel|cell|whatsapp|wa\.me|viber|call\b|fax|hotline|handy\b"
    r"|chiam|simu\b|waya\b|ucingo|foonu)|☎|☏|✆|📞|📱|📲"
    r"|هاتف|ت[ـ]?ل[يـ]?فون|جوال|موبايل|محمول|نقال|وات?س|للتواصل|[اإ]تصل|[اإ]تصال|فاكس|كلمني|رقمي"
    r"|ስልክ|फ़?ोन|मोबाइल|טלפון|نمبر|تلفن",
    re.IGNORECASE,
)
DATE = re.compile(
    r"(?<!\d)\d{1,2}([./-])\d{1,2}\1(?:\d\d){1,2}(?!\d)|(?<!\d)\d{4}([./-])\d\d?\2\d\d?(?!\d)"
)
CLOCK = re.compile(r"(?<!\d)\d\d[.]\d\d ?- ?\d\d[.]\d\d(?!\d)")
SHORTEST, SHORTEST_NATIONAL, LONGEST = 7, 6, 17  # digits; 15 and an international prefix


def default_regions(*tags: str) -> tuple[str, ...]:
    """Return the regions of the first tag that is known, whole or by its language, or names one."""
    for tag in tags:
        named = re.search(r"-([A-Z]{2})(?:-|$)", tag)
        known = REGIONS.get(tag) or (named and named[1]) or REGIONS.get(tag.partition("-")[0])
        if known:
            return tuple(known.split())
    return ()


def phone(written: str, regions: tuple[str, ...], before: str, alone: bool = True) -> str:
    """Return the number that folded text is, as +country and national number; or "".

    `before` is what stands before it on its line; `alone` says that no digits stand beside it.
    """
    digits = re.sub(r"\D", "", written)
    if not SHORTEST <= len(digits) <= LONGEST:
        return ""
    if written.lstrip("( ").startswith("+") or before.endswith("wa.me/"):
        return _valid("+" + digits)
    if digits.startswith("00") and (found := _valid("+" + digits[2:])):
        return found
    near = bool(NEAR.search(before)) or _coded(digits, regions)
    if not near and not _looks_the_part(written, digits):
        return ""
    groups = re.findall(r"\d+", written)
    for region in regions:
        found = _valid(digits, region)
        if len(found.partition(" ")[2]) >= SHORTEST and (
            near or _dialled(digits) or (alone and groups == _groups(found))
        ):
            return found
    return ""


def _coded(digits: str, regions: tuple[str, ...]) -> bool:
    """Return whether digits begin with a code of three digits and are as long as with one."""
    if len(digits) < 11:
        return False
    codes = (str(phonenumbers.country_code_for_region(region)) for region in regions)
    return any(len(code) == 3 and digits.startswith(code) for code in codes)


def _dialled(digits: str) -> bool:
    return digits.startswith("0") and len(digits) >= 9


def _looks_the_part(written: str, digits: str) -> bool:
    """Return whether digits without a word before them may be a number: no date, price, years."""
    groups = re.findall(r"\d+", written)
    if DATE.search(written) or CLOCK.search(written):
        return False
    if min(map(len, groups)) < 2:
        return False  # 0-306-40615-2
    if _dialled(digits):
        return not re.fullmatch(r"\d+\.\d+", written)  # a decimal fraction
    if len(groups) == 1 or all(len(group) == 3 for group in groups[1:]):
        return False  # a number, with or without its thousands apart
    if len(groups) == 2:
        years = 1000 <= int(groups[0]) <= 2100
        prices = all(int(group) % 50 == 0 for group in groups)
        return written.replace(" ", "").isdecimal() and not years and not prices
    return True


@lru_cache(maxsize=4096)
def _valid(number: str, region: str | None = None) -> str:
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return ""
    national = phonenumbers.national_significant_number(parsed)
    if len(national) < SHORTEST_NATIONAL or not phonenumbers.is_valid_number(parsed):
        return ""
    return f"+{parsed.country_code} {national}"


def _groups(found: str) -> list[str]:
    """Return the groups of digits in which a number's own country prints it."""
    parsed = phonenumbers.parse(found.replace(" ", ""))
    form = phonenumbers.PhoneNumberFormat.NATIONAL
    return re.findall(r"\d+", phonenumbers.format_number(parsed, form))


def stand_in(written: str, found: str, number: int) -> str:
    """Return the digits to write for the number `found`: as many as are `written`."""
    code, national = found[1:].split()
    digits = re.sub(r"\D", "", written)
    if digits.endswith(national):
        lead = len(digits) - len(national)
    else:  # some plans have a sign in the middle that only dialling at home needs (Argentina)
        lead = digits.find(code) + len(code) if _has_code(written) else digits[0] == "0"
    return digits[:lead] + nobodys(int(code), len(digits) - lead, number)


def nobodys(code: int, length: int, number: int) -> str:
    """Return a national number of some length that nobody has; `number` is under 1000."""
    drama = DRAMA.get(code, "")
    if len(drama) == length:
        places = drama.count("n")
        return drama[:-places] + f"{number % 10**places:0{places}d}"
    start = UNASSIGNED.get(code, NOBODY)
    return start + "5" * (length - len(start) - 3) + f"{number:03d}"


def is_nobodys(written: str, regions: Iterable[str], before: str) -> bool:
    """Return whether folded text is a number that `stand_in` may have written."""
    digits = re.sub(r"\D", "", written)
    if not NOBODYS_END.search(digits):
        return False
    if _has_code(written) or before.endswith("wa.me/"):
        rest = digits.removeprefix("00")
        known = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
        cuts = [(int(rest[:size] or 0), rest[size:]) for size in (1, 2, 3)]
        if any(code in known and _is_nobodys(code, national) for code, national in cuts):
            return True
    codes = [phonenumbers.country_code_for_region(region) for region in regions]
    return any(
        len(rest) >= SHORTEST and _is_nobodys(code, rest)
        for code in codes
        for rest in {digits, digits.removeprefix(str(code))}  # 39 347 ... without a plus
    )


def _has_code(written: str) -> bool:
    return written.lstrip("( ").startswith(("+", "00"))


def _is_nobodys(code: int, digits: str) -> bool:
    """Return whether digits, with or without the trunk sign, are a national number of nobody."""
    places = DRAMA.get(code, "").count("n") or 3
    trunk, lengths = _plan(code)
    return any(
        len(rest) >= SHORTEST_NATIONAL
        and (not lengths or len(rest) in lengths)
        and rest in (nobodys(code, len(rest), int(rest[-size:])) for size in {places, 3})
        for rest in {digits, digits.removeprefix("0"), digits.removeprefix(trunk)}
    )


@cache
def _plan(code: int) -> tuple[str, tuple[int, ...]]:
    """Return the trunk sign of a country's plan and the lengths its numbers can have."""
    region = phonenumbers.region_code_for_country_code(code)
    plan = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    if plan is None or plan.general_desc is None:
        return "", ()
    return plan.national_prefix or "", tuple(plan.general_desc.possible_length)
