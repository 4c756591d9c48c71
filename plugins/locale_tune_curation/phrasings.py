"""Settings for lessons made of native text: what a pack asks, in its language."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from locale_tune.api import Listing, Settings, slots_of

CHOICES = 4
ORDERED = (3, 5)  # sentences to put in order, at least and at most


class Phrasing(Settings):
    """One way to ask, and how the answer is said. A kind of lesson says which slots there are."""

    MUST_ASK: ClassVar[set[str]] = set()
    MAY_SAY: ClassVar[set[str]] = set()
    LISTED: ClassVar[int] = 0  # things to list at most

    ask: str
    say: str
    listing: Listing = Field(default=Listing(), description="how this phrasing lists what it lists")

    @model_validator(mode="after")
    def _slots(self) -> Phrasing:
        """Raise ValueError where a slot is missing or means nothing."""
        asked, said = set(slots_of(self.ask)), set(slots_of(self.say))
        if asked != self.MUST_ASK:
            raise ValueError(f"'ask' must hold {_named(self.MUST_ASK)} and no other slot")
        if not said or said - self.MAY_SAY:
            raise ValueError(f"'say' may hold {_named(self.MAY_SAY)}, and must hold one")
        marked = "mark" in said | set(slots_of(self.listing.item))
        if marked and len(self.listing.marks) < self.LISTED:
            raise ValueError(f"{{mark}} needs {self.LISTED} marks: listing = {{ marks = [...] }}")
        return self


class Gap(Phrasing):
    """A text with a gap: which word is missing?"""

    MUST_ASK: ClassVar = {"text"}
    MAY_SAY: ClassVar = {"word", "sentence"}
    say: str = "{word}"


class Choice(Phrasing):
    """A text with a gap, and words to choose from."""

    MUST_ASK: ClassVar = {"text", "choices"}
    MAY_SAY: ClassVar = {"word", "sentence", "mark"}
    LISTED: ClassVar = CHOICES
    say: str = "{word}"


class Order(Phrasing):
    """Sentences in disorder: what is the text?"""

    MUST_ASK: ClassVar = {"sentences"}
    MAY_SAY: ClassVar = {"text"}
    LISTED: ClassVar = ORDERED[1]
    say: str = "{text}"


class Into(Phrasing):
    """A translation in another language: what is that in this one?"""

    MUST_ASK: ClassVar = {"translation"}
    MAY_SAY: ClassVar = {"text"}
    say: str = "{text}"


class OutOf(Phrasing):
    """A text in the language: what is that in the other one?"""

    MUST_ASK: ClassVar = {"text"}
    MAY_SAY: ClassVar = {"translation"}
    say: str = "{translation}"


class TextPhrasings(Settings):
    """Phrasings for lessons of native text; a kind without any is not made."""

    gap: tuple[Gap, ...] = Field(default=(), description="which word fills the gap")
    choice: tuple[Choice, ...] = Field(default=(), description="which of four words fills it")
    order: tuple[Order, ...] = Field(default=(), description="put sentences in order")
    blank: str = Field(default="____", min_length=1, description="what stands for the gap")


class PairPhrasings(Settings):
    """Phrasings for pairs whose translation is in the language `lang`; both ways or one."""

    lang: str = Field(description="tag of the translations' language")
    into: tuple[Into, ...] = Field(default=(), description="from it into the pack's language")
    out_of: tuple[OutOf, ...] = Field(default=(), description="from the pack's language into it")


def _named(slots: set[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(slots))
