"""The rules that every pack must meet, in the words of someone who knows the language."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple

from locale_tune import assets, labels, planning, plugins
from locale_tune.base import Base
from locale_tune.errors import LocaleTuneError
from locale_tune.headline import Installed
from locale_tune.offers import Parts
from locale_tune.packfile import read_pack, where
from locale_tune.schema import Bad, Found, LanguagePack, Record, Source

LOOKED_AT = 200
SCRIPT_NAMES = {"Latn": "LATIN", "Arab": "ARABIC", "Cyrl": "CYRILLIC", "Deva": "DEVANAGARI"}
SCRIPT_NAMES |= {"Ethi": "ETHIOPIC", "Grek": "GREEK", "Hebr": "HEBREW", "Beng": "BENGALI"}
SCRIPT_SHARE = 0.6


class Verdict(NamedTuple):
    """One rule on one pack."""

    state: Literal["ok", "fix", "note"]
    rule: str
    text: str
    remedy: str = ""


def check_pack(found: Installed) -> Iterator[Verdict]:
    """Yield a verdict per rule. Raise PackErrors when pack.toml itself cannot be read."""
    pack = read_pack(found.root, found.distribution, found.version)
    yield Verdict(
        "ok", "pack.toml", f"{pack.locale.name} ({pack.locale.tag}, {pack.locale.script})"
    )
    yield from _card(pack)
    yield from _labels(pack)
    pm = plugins.manager(lambda text: None)
    try:
        pack = plugins.register_language(pm, pack)
        parts = plugins.parts(pm, pack)
        located = assets.locate_all(pack)
        request = planning.Request(base=Base(pack.base_model, None, "check"), found=located)
        plan = planning.plan_for(pm, pack, parts, request)
    except LocaleTuneError as error:
        at = error.where or where(pack.root, "pack")
        yield Verdict("fix", "plan", f"{at}: {error.problem}", error.remedy)
        return
    yield Verdict("ok", "plan", " -> ".join(step.name for step in plan.steps))
    yield from _held_out(pack)
    for item in located:
        yield from _source(pack, parts, item)


def _card(pack: LanguagePack) -> Iterator[Verdict]:
    places = [pack.root / "README.md", pack.root.parent / "README.md"]
    if any(place.exists() for place in places):
        yield Verdict("ok", "data card", "README.md says who wrote the texts")
    else:
        yield Verdict(
            "fix", "data card", "there is no README.md", "write who wrote the texts, and for whom"
        )
    if not pack.prompts:
        text = f"{where(pack.root, 'pack')}: no prompts, so the report can show no answers"
        yield Verdict("fix", "prompts", text, 'prompts = ["a question in the language", ...]')
    else:
        yield Verdict("ok", "prompts", f"{len(pack.prompts)} prompts for the side-by-side page")


def _labels(pack: LanguagePack) -> Iterator[Verdict]:
    """Say how much of the report page is in the pack's language; unknown labels are not read."""
    missing, all_of = labels.missing(pack.ui), len(labels.ENGLISH)
    if not pack.ui:
        text = "no [ui]: the labels of the report stay English"
        yield Verdict("note", "labels", text, "docs/pack-format.md lists them")
    elif missing:
        text = f"{all_of - len(missing)} of {all_of} labels; English: {', '.join(missing)}"
        yield Verdict("note", "labels", text, f"add them to [ui]: {where(pack.root, 'ui')}")
    else:
        yield Verdict("ok", "labels", f"all {all_of} labels of the report")


def _held_out(pack: LanguagePack) -> Iterator[Verdict]:
    if not any(source.on and source.role == "text" for source in pack.sources):
        text = f"{where(pack.root, 'sources')}: no source has the role 'text'"
        yield Verdict("fix", "sources", text, 'at least one needs  role = "text"')


def _source(pack: LanguagePack, parts: Parts, found: Found) -> Iterator[Verdict]:
    """Read the first records of one source and look at them as a reader would."""
    index = next(i for i, s in enumerate(pack.sources) if s.id == found.source)
    source, place = pack.sources[index], where(pack.root, "sources", index)
    if found.path is None:
        yield Verdict(
            "note", "sources", f"{source.id}: {found.problem}", "locale-tune fetch, with a network"
        )
        return
    try:
        read = parts.source_kinds[source.kind].read(source, found.path, pack.locale)
        seen = list(islice(iter(read), LOOKED_AT))
    except LocaleTuneError as error:
        at = error.where or place
        yield Verdict("fix", "sources", f"{at}: {source.id}: {error.problem}", error.remedy)
        return
    records = [item for item in seen if isinstance(item, Record)]
    for bad in [item for item in seen if isinstance(item, Bad)][:3]:
        yield Verdict("fix", "records", f"{bad.where}: {bad.reason}", "mend or remove that record")
    if not records:
        yield Verdict(
            "fix", "sources", f"{place}: {source.id} gives no records", "check kind and options"
        )
        return
    yield from _letters(pack, source, records)


def _letters(pack: LanguagePack, source: Source, records: list[Record]) -> Iterator[Verdict]:
    name = SCRIPT_NAMES.get(pack.locale.script)
    own = source.role == "text" and source.lang in ("", pack.locale.tag)
    letters = [c for r in records for c in r.text if unicodedata.category(c)[0] == "L"]
    if not (own and name and letters):
        yield Verdict("ok", "sources", f"{source.id}: {len(records)} records read")
        return
    share = sum(unicodedata.name(c, "").startswith(name) for c in letters) / len(letters)
    text = f"{source.id}: {len(records)} records read, {share:.0%} {name.title()} letters"
    if share < SCRIPT_SHARE:
        yield Verdict("fix", "script", text, f"is this {pack.locale.name}? check file and script")
    else:
        yield Verdict("ok", "sources", text)
