"""Which scripts write no spaces between words: the one list, for all that cuts or counts words.

Without a dictionary there are only the letters to count there. Tibetan and Ethiopic write spaces of
their own: a sign between syllables or words (`SEPARATORS`). Korean writes spaces.
"""

from __future__ import annotations

import re

# Tibetan between syllables, Ethiopic between words.
SEPARATORS = str.maketrans(dict.fromkeys("\u0f0b\u0f0c\u1361", " "))
HAN_AND_KANA = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U0001aff0-\U0001b16f"
    "\U00020000-\U0003ffff"
)
# Thai, Lao, Burmese, Khmer, New Tai Lue, Tai Tham, Balinese, Javanese, Burmese again, Cham, Tai
# Viet.
OTHERS = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u1980-\u19ff\u1a20-\u1aaf"
    "\u1b00-\u1b7f\ua980-\ua9ff\uaa00-\uaa5f\uaa60-\uaadf"
)
LETTERS = HAN_AND_KANA + OTHERS  # for a class of a regular expression
SCRIPTS = frozenset({"Hani", "Hans", "Hant", "Hira", "Jpan", "Kana"}) | frozenset(
    {"Bali", "Cham", "Java", "Khmr", "Lana", "Laoo", "Mymr", "Talu", "Tavt", "Thai"}
)
_LETTER = re.compile(f"[{LETTERS}]")


def is_unspaced(letter: str) -> bool:
    """Return whether a letter belongs to a script that writes no spaces between words."""
    return _LETTER.match(letter) is not None


def runs(text: str) -> list[str]:
    """Return what stands between spaces, or between the signs that stand for them."""
    return text.translate(SEPARATORS).split()
