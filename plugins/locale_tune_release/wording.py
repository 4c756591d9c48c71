"""The page's own words: the pack's labels where it has them, English elsewhere, each marked so."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup, escape

from locale_tune.api import Locale, fill, labels

# Unicode isolates, for places without markup: right-to-left, left-to-right, and their end (UAX 9).
RLI, LRI, PDI = "\u2067", "\u2066", "\u2069"
ENGLISH = 'lang="en" dir="ltr"'


@dataclass(frozen=True)
class Wording:
    """How one page speaks: `own` are the labels that the pack translates, as pairs."""

    locale: Locale
    own: tuple[tuple[str, str], ...] = ()

    @property
    def translated(self) -> bool:
        """Whether the page is in the pack's language."""
        return bool(self.own)

    @property
    def lang(self) -> str:
        """Return the page's language tag."""
        return self.locale.tag if self.own else "en"

    @property
    def dir(self) -> str:
        """Return the page's direction."""
        return self.locale.direction if self.own else "ltr"

    @property
    def english(self) -> Markup:
        """Return the attributes of an English element on this page, with a space before them."""
        return Markup(f" {ENGLISH}" if self.own else "")

    def text(self, name: str, **slots: object) -> Markup:
        """Return a label as markup, each slot isolated; English ones are marked on other pages."""
        given = {slot: self._isolated(value) for slot, value in slots.items()}
        mine = dict(self.own).get(name)
        label = Markup(fill(str(escape(mine or labels.ENGLISH[name])), given.__getitem__))
        if mine or not self.translated:
            return label
        return Markup("<bdi {}>{}</bdi>").format(Markup(ENGLISH), label)

    def plain(self, name: str, **slots: object) -> str:
        """Return a label without markup, for attributes and pictures."""
        mine = dict(self.own).get(name)
        rtl = self.dir == "rtl"

        def value(slot: str) -> str:
            return f"{LRI}{slots[slot]}{PDI}" if rtl else str(slots[slot])

        label = fill(mine or labels.ENGLISH[name], value)
        return f"{RLI if mine else LRI}{label}{PDI}" if rtl else label

    def number(self, text: object) -> Markup:
        """Return a number as markup; on right-to-left pages its sign stays before it."""
        written = escape(str(text))
        return Markup('<bdi dir="ltr">{}</bdi>').format(written) if self.dir == "rtl" else written

    def _isolated(self, value: object) -> str:
        return str(value) if isinstance(value, Markup) else str(self.number(value))
