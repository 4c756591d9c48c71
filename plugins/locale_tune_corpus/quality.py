"""Filters of running text by how it is written; every threshold is an option of the pack.

The rules are those of Gopher (Rae et al. 2021, arXiv:2112.11446, appendix A1) and FineWeb (Penedo
et al. 2024, arXiv:2406.17557), whose limits FineWeb-2 (Penedo et al. 2025, arXiv:2506.20920) sets
language by language. Defaults here are wide, so that no script, no long words and no verse is
caught by them; what only a language can say (stop words, ends of lines) is off until a pack says
it.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock
from pydantic import Field, ValidationError

from locale_tune.api import (
    Locale,
    PackError,
    Record,
    Settings,
    commit_folder,
    did_you_mean,
    read_json,
    spacing,
    verified,
    write_json,
)
from locale_tune_corpus.fold import fold
from locale_tune_corpus.words import per_word, words

Keep = Callable[[Record], str]
OptionsT = TypeVar("OptionsT", bound=Settings)

ENDS = frozenset(".!?…‽⁇⁈⁉؟۔።፧፨।॥。！？｡།༎။។៕։՞܀߹᙮")
CLOSERS = "\"'”’»«›‹)]}」』】）\u200e\u200f"
BULLETS = tuple("-*•‣◦▪●–—·■□►")
GIVEN = ("seed", "texts", "facts", "work")  # by `collect`, to every filter: no options of a pack
WIDTH, DEPTH = 1 << 21, 3  # counters of BoilerplateLines: 24 MB


class QualityOptions(Settings):
    """Limits of `quality`. Rules on words hold for texts of `least_words` or more."""

    least_words: int = Field(50, ge=1, description="judge the words of longer texts only")
    duplicate_lines: float = Field(0.30, description="most characters in lines seen before")
    top_ngrams: tuple[float, ...] = Field(
        (0.20, 0.18, 0.16), description="most characters in the most frequent 2, 3, 4 words"
    )
    duplicate_ngrams: tuple[float, ...] = Field(
        (0.25, 0.24, 0.23, 0.22, 0.21, 0.20),
        description="most characters in repeated runs of 5, 6, ... 10 words",
    )
    word_length: tuple[float, float] = Field(
        (1.5, 20.0), description="mean letters of a word, from and to"
    )
    alphabetic_words: float = Field(0.5, description="least share of words with a letter")
    symbols: float = Field(0.1, description="most # and ... per word")
    bullet_lines: float = Field(0.9, description="most lines that begin with a bullet")
    ellipsis_lines: float = Field(0.3, description="most lines that end in an ellipsis")
    punctuated_lines: float = Field(
        -1, description="least share of lines that end a sentence; -1: any"
    )
    stop_words: tuple[str, ...] = Field((), description="words that every longer text has")
    min_stop_words: int = Field(2, description="how many of them must occur")


class BoilerplateOptions(Settings):
    """Limits of `boilerplate`."""

    documents: int = Field(10, ge=2, description="a line of so many records is boilerplate")
    share: float = Field(0.5, description="most characters of a record in such lines")


def quality(locale: Locale, settings: Mapping[str, Any]) -> Keep:
    """Keep text that is written as text is: sentences, not lists of symbols or repetitions.

    In a script without spaces letters are counted for words: repeated runs are four times as many
    letters as words, stop words are looked for anywhere, and the lengths of words are not judged.
    """
    options = _options(QualityOptions, settings, "quality")
    stop_words = tuple(filter(None, map(fold, options.stop_words)))

    def keep(record: Record) -> str:
        lines = [line.strip() for line in record.text.splitlines() if line.strip()]
        if reason := _lines(lines, options):
            return reason
        found = words(record.text, locale.script)
        if len(found) < options.least_words * per_word(locale.script):
            return ""
        spaced = locale.script not in spacing.SCRIPTS
        if spaced and (reason := _written(record.text, found, options)):
            return reason
        if _stop_words(found, stop_words, locale.script) < min(
            options.min_stop_words, len(stop_words)
        ):
            return f"fewer than {options.min_stop_words} stop words"
        return _ngrams(found, options, per_word(locale.script))

    return keep


def _lines(lines: list[str], options: QualityOptions) -> str:
    count = len(lines) or 1
    again = sum(len(line) * (times - 1) for line, times in Counter(lines).items())
    if again > options.duplicate_lines * sum(map(len, lines)):
        return "lines that repeat"
    if count > 2 and sum(line.startswith(BULLETS) for line in lines) > options.bullet_lines * count:
        return "nothing but a list"
    cut = sum(line.endswith(("…", "...")) for line in lines)
    if count > 2 and cut > options.ellipsis_lines * count:
        return "lines that break off"
    ended = sum(line.rstrip(CLOSERS)[-1:] in ENDS for line in lines if line.rstrip(CLOSERS))
    if ended < options.punctuated_lines * count:
        return "too few lines that end a sentence"
    return ""


def _written(text: str, found: list[str], options: QualityOptions) -> str:
    least, most = options.word_length
    alphabetic = [word for word in found if any(map(str.isalpha, word))]
    if len(alphabetic) < options.alphabetic_words * len(found):
        return "too few words with a letter"
    letters = sum(map(str.isalpha, "".join(alphabetic)))
    if not least <= letters / len(alphabetic) <= most:
        return f"words of {letters / len(alphabetic):.1f} letters on average"
    symbols = text.count("#") + text.count("...") + text.count("…")
    return "too many symbols" if symbols > options.symbols * len(found) else ""


def _stop_words(found: list[str], stop_words: tuple[str, ...], script: str) -> int:
    if script in spacing.SCRIPTS:
        run = "".join(found)
        return sum(run.count(word.replace(" ", "")) for word in stop_words)
    counts = Counter(found)
    return sum(counts[word] for word in stop_words)


def _ngrams(found: list[str], options: QualityOptions, scale: int) -> str:
    """Say which runs of words take too large a share of the characters, or return "".

    A run of n + 1 words is there twice only where one of n words is, so each size looks at the
    places that the size before has left.
    """
    total = sum(map(len, found))
    top, again = (
        dict(enumerate(options.top_ngrams, 2)),
        dict(enumerate(options.duplicate_ngrams, 5)),
    )
    starts: Iterable[int] = range(len(found))
    for number in sorted({*top, *again}):
        size = number * scale
        grams = {at: tuple(found[at : at + size]) for at in starts if at + size <= len(found)}
        counts = Counter(grams.values())
        grams = {at: gram for at, gram in grams.items() if counts[gram] > 1}
        if not grams:
            break
        if number in top:
            best = max(counts, key=counts.__getitem__)
            covered = _covered(found, size, (at for at, gram in grams.items() if gram == best))
            if covered > top[number] * total:
                return f"the same {number} words again and again"
        if number in again:
            first: dict[tuple[str, ...], int] = {}
            later = [at for at, gram in grams.items() if first.setdefault(gram, at) != at]
            if _covered(found, size, later) > again[number] * total:
                return f"passages of {number} words that repeat"
        starts = grams
    return ""


def _covered(found: list[str], size: int, starts: Iterable[int]) -> int:
    """Return the characters in runs of `size` words from `starts`, each character once."""
    covered = end = 0
    for start in starts:
        covered += sum(map(len, found[max(start, end) : start + size]))
        end = start + size
    return covered


def boilerplate(locale: Locale, settings: Mapping[str, Any]) -> Keep:
    """Keep records that do not consist of lines of other records: menus, notices, "read more".

    All texts of the language are read once before, by `texts` of `collect`; the counts are kept in
    the folder `work`, where other processes find them. Records of one line are left to the search
    for copies, which keeps one of them.
    """
    options = _options(BoilerplateOptions, settings, "boilerplate")
    own = (row[-1] for row in settings.get("texts", tuple)() if row[0] == locale.id)
    seen = lines_of(own, Path(settings["work"]) if settings.get("work") else None)
    settings.get("facts", {}).update(documents=seen.documents)

    def keep(record: Record) -> str:
        lines = list(_content(record.text))
        if len(lines) < 2:
            return ""
        common = sum(len(line) for line in lines if seen.count(line) >= options.documents)
        often = common > options.share * sum(map(len, lines))
        return f"mostly lines that {options.documents} other texts have too" if often else ""

    return keep


def lines_of(texts: Iterable[str], work: Path | None) -> BoilerplateLines:
    """Return the counts of all lines: from the folder `work`, if they were counted there before.

    The folder must belong to these texts alone: they are not read when it holds the counts.
    """
    seen = BoilerplateLines()
    if work is None:
        seen.add_all(texts)
        return seen
    work.mkdir(parents=True, exist_ok=True)
    with FileLock(work / ".lines.lock", fallback_to_soft=False):  # one counts, the others wait
        if verified(work / "lines") is None:
            seen.add_all(texts)
            commit_folder(work / "lines", seen.save)
            return seen
    seen.load(work / "lines")
    return seen


class BoilerplateLines:
    """Counts in how many texts a line stands, in bounded memory and in any order.

    A count-min sketch (Cormode and Muthukrishnan 2005): a count is never too low, and with ten
    million lines one line in three thousand is taken for a line of ten texts.
    """

    def __init__(self, width: int = WIDTH) -> None:
        self.documents = 0
        self._width = width
        self._rows = [array("I", bytes(4 * width)) for _ in range(DEPTH)]

    def add(self, text: str) -> None:
        """Count every line of a text once."""
        self.documents += 1
        for line in set(_content(text)):
            for row, place in zip(self._rows, self._places(line), strict=True):
                row[place] += 1

    def add_all(self, texts: Iterable[str]) -> None:
        """Count the lines of many texts."""
        for text in texts:
            self.add(text)

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the counts into a folder, in this machine's order of bytes."""
        (folder / "rows").write_bytes(b"".join(row.tobytes() for row in self._rows))
        write_json(folder / "documents.json", self.documents)
        return {}

    def load(self, folder: Path) -> None:
        """Take the counts that `save` wrote."""
        self.documents = int(read_json(folder / "documents.json"))
        with (folder / "rows").open("rb") as file:
            self._rows = [array("I") for _ in range(DEPTH)]
            for row in self._rows:
                row.fromfile(file, self._width)

    def count(self, line: str) -> int:
        """Return in how many texts a folded line was, or a little more."""
        return min(row[place] for row, place in zip(self._rows, self._places(line), strict=True))

    def _places(self, line: str) -> Iterator[int]:
        digest = hashlib.blake2b(line.encode(), digest_size=4 * DEPTH).digest()
        for at in range(0, 4 * DEPTH, 4):
            yield int.from_bytes(digest[at : at + 4], "big") % self._width


def _content(text: str) -> Iterator[str]:
    """Yield the folded lines of a text; numbers are all the same ("Page 3", "Page 4")."""
    for line in text.splitlines():
        if shown := re.sub(r"\d+", "0", fold(line)):
            yield shown


def _options(model: type[OptionsT], settings: Mapping[str, Any], name: str) -> OptionsT:
    given = {key: settings[key] for key in settings if key not in GIVEN}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        option = ".".join(map(str, error.errors()[0]["loc"]))
        known = list(model.model_fields)
        raise PackError(
            f"option '{option}' of the filter '{name}': {error.errors()[0]['msg']}",
            did_you_mean(option, known) or f"the options are {', '.join(known)}",
        ) from None
