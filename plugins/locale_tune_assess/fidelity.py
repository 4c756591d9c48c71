"""The check `fidelity`: are answers in the variety they are asked in, or in its sibling?

Every answer of five words or more, without lines that only repeat the prompt, gets the label that
the pack's identifier finds likeliest (`identifying.py`); the matrix of asked against found
varieties is shown. Findings, in percent of the answers that can be judged:

- `leakage`: the label is a language of `contrasts` (Standard Arabic for Gulf, German or Italian for
  Romansh), fluent or not; lower is better. A model that answers in the sibling is caught here.
  Only contrasts that the identifier knows count; without any there is no such finding.
- `variety_fidelity`: the label is the variety asked in (any of the language, where the prompt names
  none) and the answer is fluent: its bits per byte under the untouched base model stay within those
  of held-out native text of the same length (`fluency.py`). How many answers the guard turned down
  is said.
- `marker_share`: the answer holds a word that only this variety uses, by the pack's lists, and that
  does not just repeat the prompt.

Shows `context.shown["varieties"]`, the matrix first: {"asked": varieties asked in (its rows),
"labels": what was found (its columns; the own varieties first, then the contrasts, other languages,
and why no label could be given), "before" and "after": answers [asked][labels], "own": labels of
the language, "siblings": its contrasts, "guarded_out": [before, after] answers that are not fluent,
"range": [low, high] bits per byte of native text or None, "native": {label: held-out texts},
"markers": {label: {"before", "after", "native" (percent of answers and of held-out texts that hold
one), "others": {language: percent of its texts}}}}.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from locale_tune.api import Finding

from .asking import Asked, answers, asked, without_echo
from .confusion import native, usual_length
from .context import Context
from .fluency import Guard, bits_of, guard_of
from .identifying import SCRIPT, SHORT, UNKNOWN, Languages
from .languages import name_of
from .markers import Markers, check_labels
from .rates import compare_rates

MOST_OTHER = 200  # texts of each contrast language that the markers are tried on
UNCLEAR = (UNKNOWN, SCRIPT, SHORT)
Sides = tuple[list["Answer"], list["Answer"]]


@dataclass(frozen=True)
class Answer:
    """One answer: its text and label, its bits per byte under the base, and whether that is fluent.

    `bits` is None for an empty answer; `fluent` is True where there is no range to compare with.
    """

    text: str
    label: str
    bits: float | None
    fluent: bool

    @property
    def judged(self) -> bool:
        """Whether the answer is long enough to have a label."""
        return self.label != SHORT


def fidelity(context: Context) -> Iterator[Finding]:
    """Yield leakage, fidelity to the variety asked in, and the share of answers with markers."""
    languages = context.languages
    prompts = asked(context)
    if not prompts or languages is None or not languages.known:
        return
    check_labels(context.settings.markers, languages.own, context.locale.contrasts)
    texts = answers(context, prompts)
    natives = native(context, usual_length(texts))
    sides, guard = _judged(context, languages, prompts, texts, natives)
    context.save_items("fidelity", context.locale.tag, _rows(prompts, *sides))
    context.shown["varieties"] = _shown(context, languages, prompts, sides, guard, natives)
    yield from _findings(context, prompts, sides, guard, languages)


def _judged(
    context: Context,
    languages: Languages,
    prompts: list[Asked],
    texts: tuple[list[str], list[str]],
    natives: list[str],
) -> tuple[Sides, Guard | None]:
    """Label both sides' answers; one visit to the base model scores them and the native texts."""
    flat = [text for side in texts for text in side if text.strip()]
    bits = bits_of(context.before, [*natives, *flat]) if flat else []
    guard = guard_of(bits[: len(natives)])
    of_answers = iter(bits[len(natives) :])

    def judge(text: str, prompt: Asked) -> Answer:
        measured = next(of_answers) if text.strip() else None
        fluent = guard is None or (measured is not None and guard.passes(measured))
        return Answer(text, languages.label(without_echo(text, prompt.text)), measured, fluent)

    before, after = (list(map(judge, side, prompts)) for side in texts)
    return (before, after), guard


def _findings(
    context: Context,
    prompts: list[Asked],
    sides: Sides,
    guard: Guard | None,
    languages: Languages,
) -> Iterator[Finding]:
    name, told = context.locale.name, languages.told
    siblings = [tag for tag in context.locale.contrasts if tag in told]
    others = " or ".join(name_of(tag, context.locale) for tag in siblings)
    groups = [prompt.id for prompt in prompts]

    def leaks(side: list[Answer]) -> list[bool | None]:
        return [one.label in siblings if one.judged else None for one in side]

    def faithful(side: list[Answer]) -> list[bool | None]:
        return [
            _is_asked(one, prompt, languages) and one.fluent if one.judged else None
            for one, prompt in zip(side, prompts, strict=True)
        ]

    if siblings:
        yield from compare_rates(
            context,
            "leakage",
            f"Answers in {others} instead of {name}",
            (leaks(sides[0]), leaks(sides[1])),
            groups,
            lower_is_better=True,
        )
    yield from compare_rates(
        context,
        "variety_fidelity",
        f"Fluent answers in the variety of {name} asked in",
        (faithful(sides[0]), faithful(sides[1])),
        groups,
        note=_guarded(prompts, sides, guard, languages),
    )
    markers = Markers(context.settings.markers)
    own = [label for label in markers.lists if label in languages.own]
    if own:
        yield from compare_rates(
            context,
            "marker_share",
            f"Answers with a word that only {name} uses",
            (_marked(prompts, sides[0], markers, own), _marked(prompts, sides[1], markers, own)),
            groups,
            note=f"{sum(len(markers.lists[label]) for label in own)} words that the pack names",
        )


def _is_asked(answer: Answer, prompt: Asked, languages: Languages) -> bool:
    """Whether an answer is in the variety asked in; the language itself means all of them."""
    if prompt.variety in languages.words.varieties:
        return answer.label == prompt.variety
    return answer.label in languages.own


def _marked(
    prompts: list[Asked], side: list[Answer], markers: Markers, own: Sequence[str]
) -> list[bool | None]:
    return [
        markers.says(one.text, own, prompt.text) if one.judged else None
        for one, prompt in zip(side, prompts, strict=True)
    ]


def _guarded(
    prompts: list[Asked],
    sides: Sides,
    guard: Guard | None,
    languages: Languages,
) -> str:
    if guard is None:
        return "no fluency guard: too little held-out text for a range"
    counts = [
        sum(
            _is_asked(one, prompt, languages) and not one.fluent
            for one, prompt in zip(side, prompts, strict=True)
        )
        for side in sides
    ]
    return (
        f"{counts[0]} answers before and {counts[1]} after were in it but outside {guard.low:.2f} "
        f"to {guard.high:.2f} bits per byte, the range of native text under the base model"
    )


def _shown(
    context: Context,
    languages: Languages,
    prompts: list[Asked],
    sides: Sides,
    guard: Guard | None,
    natives: list[str],
) -> dict[str, object]:
    known = Counter(languages.label(text) for text in natives)
    varieties = sorted({prompt.variety for prompt in prompts})
    found = {*known, *(one.label for side in sides for one in side)}
    found |= languages.words.varieties & set(varieties)
    rest = sorted(found - languages.own - set(context.locale.contrasts) - set(UNCLEAR))
    order = [*sorted(languages.own), *context.locale.contrasts, *rest, *UNCLEAR]
    labels = [label for label in order if label in found]
    before, after = (_matrix(prompts, side, varieties, labels) for side in sides)
    return {
        "asked": varieties,
        "labels": labels,
        "before": before,
        "after": after,
        "own": sorted(languages.own),
        "siblings": list(context.locale.contrasts),
        "guarded_out": [sum(one.judged and not one.fluent for one in side) for side in sides],
        "range": [guard.low, guard.high] if guard else None,
        "native": dict(sorted(known.items())),
        "markers": _tried(context, sides, natives),
    }


def _matrix(
    prompts: list[Asked], side: list[Answer], varieties: list[str], labels: list[str]
) -> list[list[int]]:
    pairs = Counter((prompt.variety, one.label) for prompt, one in zip(prompts, side, strict=True))
    return [[pairs[variety, label] for label in labels] for variety in varieties]


def _tried(context: Context, sides: Sides, natives: list[str]) -> dict[str, object]:
    """Return, for each list, how many answers and how many texts of each language hold a marker."""
    markers = Markers(context.settings.markers)
    texts = {"before": [one.text for one in sides[0]], "after": [one.text for one in sides[1]]}
    texts["native"] = natives
    others: dict[str, list[str]] = {}
    for record in context.items("contrast", MOST_OTHER) if markers.lists else ():
        others.setdefault(record.lang, []).append(record.text)

    def share(label: str, of: Sequence[str]) -> float | None:
        return 100 * sum(markers.says(text, [label]) for text in of) / len(of) if of else None

    return {
        label: {
            **{name: share(label, of) for name, of in texts.items()},
            "others": {lang: share(label, of) for lang, of in sorted(others.items())},
        }
        for label in markers.lists
    }


def _rows(
    prompts: list[Asked], before: list[Answer], after: list[Answer]
) -> Iterator[dict[str, object]]:
    for prompt, old, new in zip(prompts, before, after, strict=True):
        yield {
            "id": prompt.id,
            "prompt": prompt.text,
            "asked": prompt.variety,
            "before": old.text,
            "after": new.text,
            "found_before": old.label,
            "found_after": new.label,
            "bits_before": old.bits,
            "bits_after": new.bits,
            "fluent_before": old.fluent,
            "fluent_after": new.fluent,
        }
