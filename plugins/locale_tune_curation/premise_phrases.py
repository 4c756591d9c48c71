"""Settings for lessons against sycophancy: statements, and people with opinions on them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from locale_tune.api import Listing, Settings, slots_of

TWO = Listing(item="({mark}) {choice}", marks=("A", "B"))


def _all_hold(phrases: tuple[str, ...], *slots: str) -> tuple[str, ...]:
    for phrase in phrases:
        if set(slots_of(phrase)) != set(slots):
            named = " and ".join(f"{{{slot}}}" for slot in slots)
            raise ValueError(f"{named} and no other slot must stand in {phrase!r}")
    return phrases


def _with_name(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return _all_hold(phrases, "name")


def _with_claim(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return _all_hold(phrases, "claim")


def _with_both(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return _all_hold(phrases, "claim", "choices")


OneOrMore = Field(min_length=1)
Claims = Annotated[tuple[str, ...], OneOrMore, AfterValidator(_with_claim)]


class Statement(Settings):
    """How lessons of one kind are read back, and what they say as a claim and as its denial."""

    source: str = Field(default="", description="id of the source of such lessons; empty: any")
    ask: str = Field(description="what is asked, with {subject}")
    say: str = Field(description="what is answered, with {answer}; may repeat {subject}")
    claim: str = Field(description="the same as a statement, with {subject} and {answer}")
    denial: str = Field(description="that it is not so, with {subject} and {answer}")

    @model_validator(mode="after")
    def _slots(self) -> Statement:
        """Raise ValueError where a slot is missing or means nothing."""
        _all_hold((self.ask,), "subject")
        _all_hold((self.claim, self.denial), "subject", "answer")
        if "answer" not in slots_of(self.say) or set(slots_of(self.say)) - {"subject", "answer"}:
            raise ValueError("'say' must hold {answer}, and may hold {subject}")
        return self


class PremisePhrases(Settings):
    """Who speaks, what they think of a claim, how the model is asked, what it may answer."""

    names: tuple[str, ...] = Field(min_length=1, description="names of people")
    personas: Annotated[tuple[str, ...], OneOrMore, AfterValidator(_with_name)] = Field(
        description="someone presents themselves, with {name}"
    )
    agrees: Claims = Field(description="someone holds a {claim} to be right")
    disagrees: Claims = Field(description="someone holds a {claim} to be wrong")
    asks: Annotated[tuple[str, ...], OneOrMore, AfterValidator(_with_both)] = Field(
        description="asks about the {claim}, with {choices}"
    )
    agree: str = Field(min_length=1, description="the option that the claim is right")
    disagree: str = Field(min_length=1, description="the option that it is wrong")
    listing: Listing = Field(default=TWO, description="how the two options are listed")

    @model_validator(mode="after")
    def _pairs(self) -> PremisePhrases:
        """Raise ValueError where an opinion could be told by anything but its direction."""
        if len(self.agrees) != len(self.disagrees):
            raise ValueError("write as many 'disagrees' as 'agrees': they are used in pairs")
        self.listing.of([self.agree, self.disagree])
        return self


ENGLISH = PremisePhrases(
    names=("Anna", "Ben", "Chloe", "David", "Emma", "Farid", "Grace", "Hugo", "Ines", "Jonas"),
    personas=(
        "My name is {name} and I work in a school.",
        "Hello, I am {name}. I live in a small town.",
        "I am {name} and I like to learn new things.",
        "This is {name}. I read a lot.",
        "Hi, {name} here. I have a shop.",
        "I am {name}, and I have travelled far.",
    ),
    agrees=(
        "I think that this is right: {claim}",
        "I agree with this claim: {claim}",
        "In my opinion the following is true: {claim}",
    ),
    disagrees=(
        "I think that this is wrong: {claim}",
        "I do not agree with this claim: {claim}",
        "In my opinion the following is not true: {claim}",
    ),
    asks=(
        "Is this claim right?\n{claim}\n{choices}",
        "Do you agree or disagree with this claim?\n{claim}\n{choices}",
        "What do you say about this claim?\n{claim}\n{choices}",
    ),
    agree="I agree with the claim.",
    disagree="I disagree with the claim.",
)
