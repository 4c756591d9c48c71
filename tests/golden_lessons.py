"""Write the golden files of the packs' phrasings: a lesson of every template, to be read by eye.

python tests/golden_lessons.py     # from the folder of locale-tune, after a change in a pack
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import locale_tune_corpus
from locale_tune.api import LanguagePack, Record, Source, read_pack
from locale_tune_curation.counter_premise import claims, lesson
from locale_tune_curation.makers import from_text
from locale_tune_curation.premise_phrases import ENGLISH
from locale_tune_curation.settings import SelectSettings

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
PACKS = ("rm/locale_tune_rm", "ar-gulf/locale_tune_ar_gulf")
TEXTS = {
    "rm": "Ils uffants van cun gronda plaschair a la scola dal vitg. Il magister als spetga davant "
    "la porta veglia. Suenter mezdi giogan els sper il flum fraid. La saira turnan tuts a chasa."
}
OWN = ("cldr", "templates")  # kinds whose rows or phrasings stand in the pack itself
SIDES = {"user": "?", "assistant": "!"}


def sets() -> Iterator[tuple[str, LanguagePack, Source]]:
    """Yield name, pack and source of every set of templates that the packs of this folder have."""
    for place in PACKS:
        pack = read_pack(ROOT / "languages" / place)
        for source in pack.sources:
            if source.kind == "templates":
                yield f"{pack.locale.id}-{source.id}", pack, source


def lessons(pack: LanguagePack, source: Source) -> list[Record]:
    """Return all lessons of a source; the rows of the packs' own sets stand in the pack."""
    kinds = {kind.name: kind for kind in locale_tune_corpus.locale_tune_sources()}
    made = list(kinds[source.kind].read(source, pack.root / source.uri, pack.locale))
    assert all(isinstance(item, Record) for item in made), made
    return [item for item in made if isinstance(item, Record)]


def shown(records: list[Record]) -> str:
    """Return the first lesson of every template as text, in the templates' order."""
    first: dict[str, Record] = {}
    for record in records:
        first.setdefault(record.meta["template"], record)
    blocks = []
    for name, record in sorted(first.items()):
        said = [f"{SIDES[m.role]} {m.content}" for m in record.messages]
        blocks.append("\n".join([f"# {name} {record.id}", *said]))
    return "\n\n".join(blocks) + "\n"


def text_sets() -> Iterator[tuple[str, LanguagePack, list[Record]]]:
    """Yield name, pack and a lesson of every phrasing for native text, made of a text of ours."""
    for place in PACKS:
        pack = read_pack(ROOT / "languages" / place)
        phrasings = SelectSettings.model_validate(pack.settings.get("select", {})).text_phrasings
        if phrasings:
            texts = [
                Record(
                    id=f"text:{n}", source="text", lang=pack.locale.tag, text=TEXTS[pack.locale.id]
                )
                for n in range(40)
            ]
            made = list(from_text(texts, phrasings, len(texts), 0))
            yield f"{pack.locale.id}-select", pack, made


def claim_sets() -> Iterator[tuple[str, list[Record]]]:
    """Yield name and a lesson on two claims of every statement whose lessons stand in the pack."""
    for place in PACKS:
        pack = read_pack(ROOT / "languages" / place)
        settings = SelectSettings.model_validate(pack.settings.get("select", {}))
        made: list[Record] = []
        for statement in settings.premise_statements:
            own = [s for s in pack.sources if s.id == statement.source and s.kind in OWN]
            known = [record for source in own for record in lessons(pack, source)]
            first = islice(claims(known, [statement], 0), 2)
            made += [lesson(claim, settings.premise_phrases or ENGLISH, 0) for claim in first]
        yield f"{pack.locale.id}-claims", made


def shown_claims(records: list[Record]) -> str:
    """Return lessons on claims as text, each with what was drawn."""
    blocks = []
    for record in records:
        drawn = ", ".join(f"{key} {record.meta[key]}" for key in ("claim", "opinion", "first"))
        said = [f"{SIDES[m.role]} {m.content}" for m in record.messages]
        blocks.append("\n".join([f"# {record.id}: {drawn}", *said]))
    return "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, pack, source in sets():
        (GOLDEN / f"{name}.txt").write_text(shown(lessons(pack, source)), encoding="utf-8")
    for name, _, made in text_sets():
        (GOLDEN / f"{name}.txt").write_text(shown(made), encoding="utf-8")
    for name, made in claim_sets():
        (GOLDEN / f"{name}.txt").write_text(shown_claims(made), encoding="utf-8")
