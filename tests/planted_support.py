"""Personal data made up for tests: valid numbers of nobody in particular, in sentences."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

DIGITS = {
    "ascii": "0123456789",
    "arabic": "٠١٢٣٤٥٦٧٨٩",
    "persian": "۰۱۲۳۴۵۶۷۸۹",
    "wide": "０１２３４５６７８９",
}
LRM, RLM, NBSP, THIN, DASH = "\u200e", "\u200f", "\u00a0", "\u2009", "\u2011"
SENTENCES = {
    "ar-gulf": [
        "السلام عليكم، دق علي على {} إذا وصلت البيت.",
        "اللي يبي يحجز يتواصل وياي على {} قبل المغرب",
        "رقم التوصيل {} والمندوب يوصل خلال ساعتين",
        "طرش الأوراق حق {} ولا تنسى الصورة",
        "كتبت له {} وما رد علي من أمس",
        "هذي بياناتي: {} وان شاء الله خير",
        "سجلوا عندكم {}، وبكرة نكمل الشغل في دبي",
    ],
    "rm": [
        "Ella ma po cuntanscher mintga damaun sut {}.",
        "Tgi che vul sa participar sa annunzia fin venderdi: {}, grazia fitg.",
        "Jau hai survegnì {} da mes cusrin a Cuira",
        "Scriva per plaschair {} sin il formular.",
        "{} è quai ch'jau hai notà ier saira en la stiva.",
    ],
    "de": [
        "Bitte melden Sie sich bis Freitag unter {}.",
        "Im Formular steht {}, das stimmt so nicht.",
        "Meine Angaben: {} – danke für die rasche Antwort!",
    ],
    "en": [
        "If anything goes wrong, reach me at {} before noon.",
        "The form still shows {}, which is hers.",
        "She wrote down {} on the back of the ticket.",
    ],
}
NEAR = {
    "phone": {"ar-gulf": "جوال ", "rm": "Tel. ", "de": "Telefon: ", "en": "phone "},
    "id-sa": {"ar-gulf": "رقم الهوية ", "en": "iqama no. ", "de": "ID ", "rm": "ID "},
    "id-qa": {"ar-gulf": "هويتي القطرية رقم الهوية ", "en": "QID ", "de": "QID ", "rm": "QID "},
    "id-bh": {"ar-gulf": "الرقم السكاني ", "en": "CPR ", "de": "CPR ", "rm": "CPR "},
}
NAMES = (
    "ahmad",
    "fatima.ali",
    "m_hassan",
    "claudia",
    "gion.andri",
    "n-caduff",
    "hana2001",
    "müller",
)
HOSTS = (
    "gmail.com",
    "hotmail.com",
    "emirates.net.ae",
    "bluewin.ch",
    "rtr.ch",
    "mail.example-bank.com.sa",
)


@dataclass(frozen=True)
class Planted:
    """A line with one item in it; `core` are its signs, ASCII digits and letters only."""

    kind: str
    line: str
    core: str
    before: str
    after: str
    locale: str


def luhn(body: str) -> str:
    """Append the Luhn digit (written anew, so that it can check the plugin's)."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return body + str(-total % 10)


def iban(country: str, account: str) -> str:
    """Put country and check digits before an account: 98 minus the remainder by 97."""
    moved = "".join(str(ord(c) - 55) if c.isalpha() else c for c in account + country + "00")
    return f"{country}{98 - int(moved) % 97:02d}{account}"


def _some(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _cut(text: str, *sizes: int, by: str = " ") -> str:
    parts = []
    for size in sizes:
        parts.append(text[:size])
        text = text[size:]
    return by.join(part for part in (*parts, text) if part)


def _phone(rng: random.Random) -> tuple[str, bool]:
    """Return a number, and whether only a word before it tells what it is."""
    code, start, rest, trunk = rng.choice(
        [("971", s, 7, "0") for s in ("50", "52", "54", "55", "56", "58")]
        + [("966", s, 7, "0") for s in ("50", "53", "54", "55", "56", "59")]
        + [("965", s, 4, "") for s in ("5001", "6666", "9900", "9966")]
        + [("974", s, 6, "") for s in ("33", "55", "66", "77")]
        + [("973", s, 6, "") for s in ("36", "39")]
        + [("968", s, 6, "") for s in ("92", "95", "99", "72")]
        + [("41", s, 7, "0") for s in ("76", "78", "79")]
        + [("41", "81252", 4, "0"), ("41", "44668", 4, "0")]
        + [("39", "347", 7, ""), ("39", "328", 7, ""), ("39", "0471", 6, "")]
        + [("49", "1712", 6, "0"), ("44", "7400", 6, "0")]
    )
    national = start + _some(rng, rest)
    known = code not in ("49", "44")
    by = rng.choice((" ", "-", "", NBSP, THIN, DASH))
    cuts = {8: (4, 4), 9: (2, 3, 2, 2), 10: (3, 3, 4)}[len(national)]
    form = rng.randrange(6)
    if form == 0 or not known:
        return f"+{code}{by}{_cut(national, *cuts, by=by)}", False
    if form == 1:
        return f"00{code}{by}{_cut(national, *cuts, by=by)}", False
    if form == 2:
        return f"(+{code}) {_cut(national, *cuts, by=by)}", False
    if form == 3 and trunk:
        return f"+{code} (0){_cut(national, *cuts, by=by)}", False
    if trunk or national[0] == "0":
        cuts = (len(trunk) + cuts[0], *cuts[1:])
        return _cut(trunk + national, *cuts, by=rng.choice((" ", "-", "", ".", "/", NBSP))), False
    spaced = (
        form == 4 and len(national) == 8 and int(national[:4]) > 2100 and national[-1] in "1379"
    )
    return (_cut(national, 4), False) if spaced else (_cut(national, *cuts, by=by), True)


def _iban(rng: random.Random) -> str:
    made = rng.choice(
        [
            iban("AE", "033" + _some(rng, 16)),
            iban("SA", "80" + _some(rng, 18)),
            iban("KW", "CBKU" + _some(rng, 22)),
            iban("QA", "DOHB" + _some(rng, 21)),
            iban("BH", "BMAG" + _some(rng, 14)),
            iban("OM", "080" + _some(rng, 16)),
            iban("CH", "00762" + _some(rng, 12)),
            iban("DE", "37040044" + _some(rng, 10)),
        ]
    )
    made = rng.choice((made, _cut(made, 4, 4, 4, 4, 4, 4), _cut(made, 4, 4, 4, 4, 4, 4, by=NBSP)))
    return made.lower() if rng.random() < 0.1 else made


def _born(rng: random.Random) -> str:
    return f"{rng.randrange(60, 99):02d}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"


def _kuwait(rng: random.Random) -> str:
    while True:
        body = "2" + _born(rng) + _some(rng, 4)
        weights = (2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        check = 11 - sum(w * int(d) for w, d in zip(weights, body, strict=True)) % 11
        if check < 10:
            return body + str(check)


def _swiss(rng: random.Random) -> str:
    body = "756" + _some(rng, 9)
    check = -sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(body)) % 10
    return rng.choice((body + str(check), _cut(body + str(check), 3, 4, 4, by=".")))


def _emirates(rng: random.Random) -> str:
    made = luhn(f"784{rng.randrange(1950, 2015)}" + _some(rng, 7))
    return rng.choice((made, _cut(made, 3, 4, 7, by="-"), _cut(made, 3, 4, 7, by=" ")))


def _card(rng: random.Random) -> str:
    made = luhn(rng.choice(("4" + _some(rng, 14), "5412" + _some(rng, 11), "37" + _some(rng, 12))))
    sizes = (4, 6) if made[0] == "3" else (4, 4, 4)
    return rng.choice((made, _cut(made, *sizes), _cut(made, *sizes, by="-")))


def _mail(rng: random.Random) -> str:
    at = rng.choice(("@", "@", "@", "@", " (at) ", "[at]", "＠"))
    name = rng.choice(NAMES) + rng.choice(("", str(rng.randrange(100))))
    return (name.upper() if rng.random() < 0.1 else name) + at + rng.choice(HOSTS)


def _ip(rng: random.Random) -> str:
    if rng.random() < 0.3:
        groups = [rng.randrange(65536) for _ in range(2)]
        return f"2001:{rng.randrange(0x600, 0xD00):x}:{groups[0]:x}::{groups[1]:x}"
    octets = (rng.choice((94, 85, 178, 213)), rng.randrange(256), rng.randrange(1, 256))
    return ".".join(map(str, (*octets, rng.randrange(256))))


KINDS: dict[str, Callable[[random.Random], str]] = {
    "e-mail": _mail,
    "ip": _ip,
    "iban": _iban,
    "card": _card,
    "id-ae": _emirates,
    "id-ch": _swiss,
    "id-kw": _kuwait,
    "id-sa": lambda rng: luhn(rng.choice("12") + _some(rng, 8)),
    "id-qa": lambda rng: rng.choice("23") + _some(rng, 10),
    "id-bh": lambda rng: f"{rng.randrange(100):02d}{rng.randrange(1, 13):02d}" + _some(rng, 5),
}


def planted(count: int, seed: int = 0) -> Iterator[Planted]:
    """Yield lines with one item each; every second one is a telephone number."""
    rng = random.Random(seed)
    for number in range(count):
        kind = "phone" if number % 2 else rng.choice(sorted(KINDS))
        item, near = _phone(rng) if kind == "phone" else (KINDS[kind](rng), kind in NEAR)
        locale = rng.choice(("ar-gulf", "ar-gulf", "rm", "rm", "de", "en"))
        core = "".join(c for c in item.casefold().replace("(0)", "") if c.isalnum())
        sentence = rng.choice(SENTENCES[locale])
        if near:
            sentence = sentence.replace("{}", NEAR[kind][locale] + "{}")
        before, _, after = sentence.partition("{}")
        yield Planted(
            kind, before + _dressed(item, rng, locale) + after, core, before, after, locale
        )


def _dressed(item: str, rng: random.Random, locale: str) -> str:
    """Write digits as a right-to-left text might, and put invisible marks around and inside."""
    if "@" not in item and "at" not in item:
        systems = ("arabic", "ascii", "persian", "wide") if locale == "ar-gulf" else ("ascii",)
        item = item.translate(str.maketrans(DIGITS["ascii"], DIGITS[rng.choice(systems)]))
    if locale == "ar-gulf" and rng.random() < 0.4:
        mark, at = rng.choice((LRM, RLM)), rng.randrange(1, len(item))
        item = rng.choice((mark + item + mark, item[:at] + mark + item[at:]))
    return item


# Lines with numbers that are nobody's.
CLEAN = [
    "Nossa lia è vegnida fundada l'onn 1919 e renovada 2015-2017.",
    "Ils 12.05.2024 a las 14:30 avain nus bavì 1,5 liters vin per 27.50 francs.",
    "Il gieu è finì 3:2 (1:0, 1:1, 1:1); aspectaturs: 12'345.",
    "ISBN 978-3-16-148410-0, p. 123-145, 2. ediziun 1998",
    "ISBN 9783161484100 und ISSN 2049-3630",
    "ISBN 978-0-25-059410-8, 978-3-02-833856-0 ed 0-306-40615-2; EAN 4003994155486",
    "Populaziun: 2 023 680 857 (cun 6 031 371 454 e 7 058 782 584 en l'onn 2011)",
    "La fatura 2024-0812-5213407, il pachet 99-044-6681234-1 e la part INV-0791234567",
    "Die Anlage kostete 1'250'000 Franken, der Kredit 12 500 000 Franken.",
    "Art. 12 Abs. 3 lit. b BV (SR 101), AS 2010 3821; BBl 2005 4623, 2008 5241",
    "AS 2010 3821; BBl 2008 5241, 2009 4371 4377 4379 8719).",
    "CH94 0076 2011 6238 5295 7 ed AE08 0331 2345 6789 0123 456 èn fallads",
    "Ils 01.02.2024 12 uras; avert 08.00-12.00 14 uras; la rait 178.82.0.0/15",
    "Il pachet 0791234567-1234 e 0812521234-9",
    "Öffnungszeiten: 08.00-12.00 und 13.30-17.30 Uhr",
    "Version 4.18.0.193 ist am 01.02.2024 12:30 erschienen.",
    "Installed Python 3.11.7, numpy 2.4.6 and Chrome/120.0.6099.71 on it.",
    "Populaziun: 1.205.443 (1990), 2.336.055 (2000), 2.698.651 (2010)",
    "Dar es Salaam 1.205.443 2.336.055 2.698.651 Dar es Salaam",
    "pi = 3.14159265358979, e = 2.718281828459045, 0.0123456789",
    "Coordinates: 46.8508 N, 9.5320 E; 25.276987, 55.296249",
    "سنة ١٩٩٠-٢٠٢٤ وفي عام 1445/2024 صدر القانون رقم 12345678",
    "﴿وَلَا تَمْشِ فِي الْأَرْضِ مَرَحًا﴾ [الإسراء: ٣٧] سورة البقرة ٢:٢٥٥",
    "السعر ٣٥٠٠-٤٥٠٠ درهم، والعدد 1,250,000 نسمة تقريبا",
    "فاز العين ٣-١ في الدقيقة ٩٠+٤ وحضر 25000 متفرج",
    "المادة 23 من القانون الاتحادي رقم (5) لسنة 1985 بتاريخ 15/12/1985",
    "من 2019 2020 الى 5000 6000 ريال",
    "2010 3821 و 2000 1319 1471 و 1445 9912",
    "الراتب 12000000 دينار والباقي 50012345 دينار",
    "رقم الطلب A-99123456 ورقم الفاتورة INV20240115001",
    "https://x.com/user/status/1234567890123456789 شوفوا",
    "https://example.com/item?id=4111111111111111&page=2",
    "order no. 1012345678, batch 20240115, lot 784512",
    "The network 10.0.0.1/8, 192.168.1.20 and 127.0.0.1 are not on the internet.",
    "user@example.org asked @ahmad_2001 about icon@2x.png at 5pm",
    "std::string s = std::vector<int>::value_type{}; 12:30:45 10:20:30:40",
    "2 + 2 = 4; 10 000 000 : 4 = 2 500 000; 1-2-3-4-5-6-7-8-9",
    "Tel Aviv 1909, Natal 1999; mobile 2020",
    "1.2.3.4 Scope; 12.3.1.2 Exceptions; 4.5.1.2 Rules",
    "EU 2016/679, C-311/18, 2019/1937, RS 0.101.09",
    "timestamp 1700000000 1700086400 1700172800",
    "ቁጥር 1,234,567 እና 2016 ዓ.ም.",
    "٠٫١٢٣٤٥٦٧٨٩ و ١٢٬٣٤٥٬٦٧٨",
]
