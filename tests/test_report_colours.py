"""Contrast of every colour on the page, from its style sheet (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from itertools import product

import pytest

from locale_tune_release.page import TEMPLATES

STYLE = re.sub(r"/\*.*?\*/", "", (TEMPLATES / "style.css").read_text(encoding="utf-8"), flags=re.S)
LIGHT, DARK = re.findall(r":root \{([^{}]*)\}", STYLE)
PALETTES = {
    name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", body))
    for name, body in (("light", LIGHT), ("dark", DARK))
}
RULES = [
    (selector.strip(), name.strip(), value.strip())
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", STYLE.split("}", 1)[1])
    for name, _, value in (part.partition(":") for part in body.split(";") if ":" in part)
]
TEXT = ("ink", "muted", "accent", "better", "worse", "before", "after")
SURFACES = (
    "page",
    "card",
    "tile",
    "better-soft",
    "worse-soft",
    "unclear-soft",
    "note-soft",
    "piece-a",
    "piece-b",
    "piece-torn",
    "piece-torn-2",
)
MARKS = ("axis", "mark-before", "mark-after", "mark-better", "mark-worse", "mark-unclear")


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def lowest(one: str, other: str) -> float:
    """Return the contrast of two named colours in the palette where it is lower."""
    return min(contrast(palette[one], palette[other]) for palette in PALETTES.values())


def used(value: str) -> set[str]:
    return set(re.findall(r"var\(--([\w-]+)\)", value))


def test_the_formula_knows_black_on_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_dark_gives_every_colour_of_light_another_value() -> None:
    assert set(PALETTES["light"]) == set(PALETTES["dark"])
    assert all(PALETTES["light"][name] != PALETTES["dark"][name] for name in PALETTES["light"])
    assert luminance(PALETTES["dark"]["page"]) < 0.05 < luminance(PALETTES["light"]["page"])


@pytest.mark.parametrize(("text", "surface"), list(product(TEXT, SURFACES)))
def test_text_reaches_four_and_a_half(text: str, surface: str) -> None:
    assert lowest(text, surface) >= 4.5


@pytest.mark.parametrize("surface", [name for name in SURFACES if name.startswith("piece")])
def test_the_lines_below_pieces_reach_three(surface: str) -> None:
    assert lowest("axis", surface) >= 3


@pytest.mark.parametrize(("mark", "surface"), list(product(MARKS, ("card", "tile"))))
def test_graphics_reach_three(mark: str, surface: str) -> None:
    assert lowest(mark, surface) >= 3


def test_every_text_colour_is_one_that_was_tested() -> None:
    found = [value for _, name, value in RULES if name == "color"]
    assert found
    assert all(used(value) <= set(TEXT) and used(value) for value in found)


def test_every_background_is_a_surface_or_a_mark_without_text() -> None:
    bands = {"axis"}  # the lines below pieces, which a person tells apart without colour
    for selector, name, value in RULES:
        if name == "background":
            allowed = {"mark-after"} if selector == ".meter.after" else set(SURFACES)
            allowed |= bands if selector.startswith(".pieces ") else set()
            assert used(value) <= allowed, selector
            assert used(value), f"{selector} writes a colour of its own"


def test_every_stroke_and_fill_is_a_mark() -> None:
    found = [(s, n, v) for s, n, v in RULES if n in ("stroke", "fill") and v != "none"]
    assert len(found) > 12
    for selector, name, value in found:
        allowed = {*MARKS, "ink", "card"} if name == "fill" else set(MARKS)
        assert used(value), selector
        assert used(value) <= allowed, selector


def test_no_rule_names_a_side_of_the_paper() -> None:
    for selector, name, value in RULES:
        assert not re.search(r"\b(left|right)\b", f"{name} {value}"), selector


def test_one_column_on_narrow_screens() -> None:
    narrow = STYLE.split("@media screen and (max-width: 760px)")[1].split("@media")[0]
    assert re.search(r"\.pair[^{]*\{ grid-template-columns: minmax\(0, 1fr\); \}", narrow)
