"""The gate before the sources: what may not be read, by licence or by where it comes from.

`collect` reads only what `admitted` keeps; `told_in` lets every plan say the same beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from locale_tune.api import LanguagePack, PackError, Source, licences, where
from locale_tune_corpus.settings import CollectSettings

STAGE = "collect"


class Refused(NamedTuple):
    """A source that is not read, and why. One that `blocks` stops the build until it is decided."""

    source: Source
    reason: str
    blocks: bool = False


def admitted(
    sources: Sequence[Source], settings: CollectSettings
) -> tuple[tuple[Source, ...], tuple[Refused, ...]]:
    """Return the sources that may be read, and those that may not with the reasons.

    A source of unknown licence blocks where `allow_licences` is empty: nobody has decided then.
    """
    found = {source.id: _refused(source, settings) for source in sources}
    kept = tuple(source for source in sources if found[source.id] is None)
    return kept, tuple(refused for refused in found.values() if refused)


def told_in(plan: Any, pack: LanguagePack) -> Any:
    """Return a plan whose notes name the sources that are not read, and that are not fetched.

    Raises PackError, with the line in the pack, for the first source of unknown licence, and where
    none of the texts may be read.
    """
    notes: list[str] = []
    unread: list[set[str]] = []
    for settings in settings_in(plan):
        kept, refused = admitted([source for source in pack.sources if source.on], settings)
        _stop_at_unknown(refused, pack)
        _stop_without_text(kept, refused)
        notes += [f"not read: {item.source.id}: {item.reason}" for item in refused]
        unread.append({item.source.id for item in refused})
    if not notes:
        return plan
    never = sorted(set.intersection(*unread))  # what one step refuses, another may read
    return plan.model_copy(update={"notes": (*plan.notes, *notes), "unread": tuple(never)})


def settings_in(plan: Any) -> Iterator[CollectSettings]:
    """Yield the settings of every step of a plan that collects."""
    for step in getattr(plan, "steps", ()):  # what is no plan, the host refuses
        if step.stage == STAGE:
            yield CollectSettings.model_validate(step.settings)


def homes(source: Source) -> Iterator[str]:
    """Yield the names a source goes by in `residency`: country, steward, host or registry."""
    yield source.residency
    yield source.steward
    host = urlsplit(source.uri).hostname
    yield host or ("data" if source.uri.startswith("data/") else source.uri.partition(":")[0])


def _refused(source: Source, settings: CollectSettings) -> Refused | None:
    wanted = settings.allow_licences
    if not licences.permits(wanted, source.licence):
        if wanted:
            return Refused(source, f"its licence {source.licence} is not in collect.allow_licences")
        return Refused(source, f"nobody has said what its licence {source.licence} asks", True)
    names = [name for name in homes(source) if name]
    if settings.residency and not {n.casefold() for n in settings.residency} & {
        name.casefold() for name in names
    }:
        return Refused(source, f"it is from {', '.join(names)}, outside collect.residency")
    return None


def _stop_without_text(kept: Sequence[Source], refused: Sequence[Refused]) -> None:
    texts = [item for item in refused if item.source.role == "text"]
    if texts and not any(source.role == "text" for source in kept):
        reasons = "; ".join(f"{item.source.id}: {item.reason}" for item in texts)
        raise PackError(
            f"none of the pack's texts may be read: {reasons}",
            "widen collect.residency or collect.allow_licences",
        )


def _stop_at_unknown(refused: Sequence[Refused], pack: LanguagePack) -> None:
    for item in refused:
        if item.blocks:
            index = pack.sources.index(item.source)
            raise PackError(
                f"the source '{item.source.id}' is not read: {item.reason}",
                "read its terms; then write the SPDX licence, leave it out with  on = false, or "
                f'decide for this pack:  [settings.collect] allow_licences = ["share-alike", '
                f'"{item.source.licence}"]',
                where(pack.root, "sources", index, "licence"),
            )
