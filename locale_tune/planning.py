"""Decide a build: its stages, their settings, and a fingerprint for each; nothing runs here.

A fingerprint changes when, and only when, the result could: it covers the stage and its version,
the settings, the seed, the fingerprints of the inputs, the fields of the pack that the stage reads,
the SHA-256 of the text it reads and of the code that reads it, and the libraries and the machine
where bits depend on them.
"""

from __future__ import annotations

import re
import sys
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pluggy
from pydantic import JsonValue, ValidationError

from locale_tune import trust
from locale_tune.base import Base
from locale_tune.errors import PlanError, did_you_mean
from locale_tune.files import digest, sha256_file
from locale_tune.hookspecs import hookimpl
from locale_tune.machine import version_of
from locale_tune.offers import Parts, Stage
from locale_tune.schema import Found, LanguagePack, Machine, Plan, Role, Step, without_result

BASE = "base"
LABEL = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*")
# What a stage may name in `reads`; what it does not name, it does not see.
PACK_READS = (
    "sources",
    "filters",
    "bounds",
    "prompts",
    "base_model",
    "authors",
    "licence",
    "names",
    "ui",
    "version",
    "distribution",
    "command",
)


@dataclass(frozen=True)
class Request:
    """What a person asked for on the command line, and what was found on this machine."""

    base: Base
    found: tuple[Found, ...] = ()
    seed: int = 0
    overrides: tuple[str, ...] = ()
    budget: str = ""
    command: str = ""
    resolved: Mapping[str, int] = field(default_factory=dict)
    machine: Machine = field(default_factory=Machine)


class HostPlans:
    """The host's own answer to `locale_tune_make_plan`, given last."""

    @hookimpl(trylast=True)
    def locale_tune_make_plan(self, pack: LanguagePack, parts: Parts, request: Request) -> Plan:
        """Return the plan as the pack and the request state it."""
        return make_plan(pack, parts, request)


def plan_for(pm: pluggy.PluginManager, pack: LanguagePack, parts: Parts, request: Request) -> Plan:
    """Ask the plugins, then the host, for the plan of this pack."""
    if not pm.has_plugin("host plans"):
        pm.register(HostPlans(), name="host plans")
    plan = pm.hook.locale_tune_make_plan(pack=pack, parts=parts, request=request)
    if not isinstance(plan, Plan):
        raise PlanError("a plugin that amends the plan returned no plan", "return the plan it got")
    return plan


def make_plan(pack: LanguagePack, parts: Parts, request: Request) -> Plan:
    """Bind every stage to its inputs and settings. Raise PlanError on anything that cannot work."""
    pack = pack.model_copy(update={"base_model": request.base.uri})
    names = [BASE, *pack.stages]
    _check_names(names, pack, request)
    steps: list[Step] = []
    for name in names:
        stage = _stage(name, parts)
        chosen = _chosen(name, pack, request)
        seed = _seed(name, stage, chosen, request.seed)
        settings = _settings(name, stage, chosen)
        needs = {kind: _maker(kind, name, steps) for kind in stage.needs}
        needs |= _origins(stage, steps)
        covers = _covers(stage, pack, parts, request)
        made = {step.name: step.fingerprint for step in steps}
        provider = parts.providers.get(("stages", stage.name), "")
        uncovered = without_result(stage.settings)
        fingerprint = digest(
            {
                "stage": stage.name,
                "version": stage.version,
                "provider": provider,
                "settings": {k: v for k, v in settings.items() if k not in uncovered},
                "seed": None if name == BASE else seed,
                "inputs": {kind: made[step] for kind, step in needs.items()},
                "covers": covers,
            }
        )
        steps.append(
            Step(
                name=_label(name),
                stage=stage.name,
                provider=provider,
                needs=needs,
                makes=stage.makes,
                settings=settings,
                covers=covers,
                uncovered=uncovered,
                seed=seed,
                fingerprint=fingerprint,
            )
        )
    return Plan(
        pack=pack,
        base=request.base.uri,
        base_path=request.base.path,
        seed=request.seed,
        machine=request.machine,
        steps=tuple(steps),
        sources=request.found,
        overrides=request.overrides,
        budget=request.budget,
        resolved=dict(request.resolved),
        notes=tuple(_notes(pack, request.found)),
        command=request.command,
    )


def _label(name: str) -> str:
    """`tune@polish` is the stage `tune` as a step called `polish`."""
    return name.partition("@")[2] or name


def _stage(name: str, parts: Parts) -> Stage:
    stage = parts.stages.get(name.partition("@")[0])
    if stage is None:
        known = ", ".join(sorted(parts.stages))
        raise PlanError(
            f"no plugin offers a stage '{name}'",
            did_you_mean(name, parts.stages) or f"the stages are {known or '(none installed)'}",
        )
    return stage


def _check_names(names: Iterable[str], pack: LanguagePack, request: Request) -> None:
    labels = [_label(name) for name in names]
    for label in labels:
        if not LABEL.fullmatch(label):  # it names folders
            raise PlanError(
                f"'{label}' cannot name a step", "use small letters, digits, hyphens and dots"
            )
        if labels.count(label) > 1:
            raise PlanError(
                f"two steps are called '{label}'", f"give one a name of its own: {label}@second"
            )
    asked = [*pack.settings, *(text.partition(".")[0] for text in request.overrides)]
    for name in asked:
        if name not in labels:
            raise PlanError(
                f"there are settings for '{name}', which is no step of this build",
                did_you_mean(name, labels) or f"the steps are {', '.join(labels)}",
            )


def _chosen(name: str, pack: LanguagePack, request: Request) -> dict[str, Any]:
    """Take a setting from the command line, else the pack, else the budget."""
    label = _label(name)
    chosen: dict[str, Any] = dict(pack.settings.get(label, {}))
    if label in request.resolved and chosen.get("tokens") is None:
        chosen["tokens"] = request.resolved[label]
    for override in request.overrides:
        step, _, assignment = override.partition(".")
        if step == label:
            key, value = _assignment(override, assignment)
            chosen[key] = value
    return chosen


def _seed(name: str, stage: Stage, chosen: dict[str, Any], seed: int) -> int:
    """Take the seed of one step out of what was chosen for it; without one it is the build's."""
    if "seed" in stage.settings.model_fields:
        return seed
    own = chosen.pop("seed", seed)
    if not isinstance(own, int) or isinstance(own, bool):
        raise PlanError(f"the seed of '{_label(name)}' is {own!r}", "give a whole number")
    return own


def _settings(name: str, stage: Stage, chosen: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return the settings chosen and, for the others, what the stage has as default."""
    label = _label(name)
    try:
        return stage.settings.model_validate(chosen).model_dump(mode="json")
    except ValidationError as error:
        item = error.errors()[0]
        key = ".".join(str(part) for part in item["loc"])
        known = list(stage.settings.model_fields)
        raise PlanError(
            f"the setting {label}.{key} does not work: {item['msg']}",
            did_you_mean(key, known) or f"the settings of '{stage.name}' are {', '.join(known)}",
        ) from None


def _assignment(override: str, assignment: str) -> tuple[str, Any]:
    key, found, text = assignment.partition("=")
    if not found or not key:
        raise PlanError(f"'{override}' is no setting", "write --set stage.setting=value")
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text


def _maker(kind: str, name: str, steps: list[Step]) -> str:
    """Return the newest earlier step that makes `kind`; `base` is the untouched base model."""
    if kind == BASE:
        return BASE
    for step in reversed(steps):
        if step.makes == kind:
            return step.name
    raise PlanError(
        f"the stage '{name}' needs {kind}, and no earlier stage makes it",
        f"add a stage that makes {kind} before '{name}' in [pack] stages",
    )


def _origins(stage: Stage, steps: list[Step]) -> dict[str, str]:
    """Return the models that the first step of each stage in `origins` starts from."""
    starts: dict[str, str] = {}
    for step in reversed(steps):
        starts[step.stage] = step.needs.get("model", BASE)
    return {name: starts[other] for name, other in stage.origins.items() if other in starts}


def _covers(
    stage: Stage, pack: LanguagePack, parts: Parts, request: Request
) -> dict[str, JsonValue]:
    """Return what the fingerprint covers besides settings, seed and inputs."""
    facts = pack.model_dump(mode="json")
    facts |= {"names": [facts["locale"].pop(key) for key in ("name", "endonym")]}
    facts |= {"command": request.command}
    covers: dict[str, JsonValue] = {}
    if stage.name == BASE:  # one for all languages and seeds
        covers["base"] = request.base.identity
    else:
        covers["locale"] = facts["locale"]
    for name in stage.reads:
        if name not in PACK_READS:
            known = ", ".join(PACK_READS)
            raise PlanError(f"stage '{stage.name}' reads '{name}'", f"there are {known}")
        covers[name] = facts[name]
    if "sources" in stage.reads:
        covers["sources"] = [s for s in facts["sources"] if s["on"]]
        covers["texts"] = {found.source: found.sha256 for found in request.found if found.path}
        covers["pack data"] = _data_digest(pack)
        covers["readers"] = _readers(pack, parts)
        covers["code"] = _code_of(stage, pack, parts)
        covers["unicode"] = unicodedata.unidata_version  # comes with Python: what is a letter, NFC
    for family in stage.uses:
        covers[family] = {
            name: parts.providers.get((family, name), "") for name in getattr(parts, family)
        }
    if pack.code and stage.name != BASE:
        covers["pack code"] = trust.tree_digest(pack.root)
    covers["libraries"] = {name: version_of(name) for name in stage.libraries}
    if "torch" in stage.libraries:
        covers["machine"] = request.machine.model_dump()
    return covers


def _data_digest(pack: LanguagePack) -> str:
    return trust.tree_digest(pack.root / "data") if (pack.root / "data").exists() else ""


def _readers(pack: LanguagePack, parts: Parts) -> dict[str, JsonValue]:
    """Return who offers each source kind and filter that this pack uses."""
    used = {("source_kinds", s.kind) for s in pack.sources if s.on}
    used |= {("filters", name) for name in pack.filters}
    for field_name, name in sorted(used):
        table = getattr(parts, field_name)
        if name not in table:
            what = "source kind" if field_name == "source_kinds" else "filter"
            raise PlanError(
                f"no plugin offers the {what} '{name}'",
                did_you_mean(name, table) or f"there are {', '.join(sorted(table))}",
            )
    return {f"{kind}:{name}": parts.providers.get((kind, name), "") for kind, name in sorted(used)}


def _code_of(stage: Stage, pack: LanguagePack, parts: Parts) -> dict[str, JsonValue]:
    """Return a digest of every package whose code reads or filters the texts of this pack.

    A version does not change while somebody edits a filter, and finished parts of a corpus are
    kept for the next run: without this, text of the old filter and of the new one would mix.
    """
    used: list[object] = [stage.run]
    used += [parts.source_kinds[source.kind].read for source in pack.sources if source.on]
    used += [parts.filters[name].make for name in pack.filters]
    modules = {getattr(part, "__module__", None) or type(part).__module__ for part in used}
    return {name: _package_digest(name) for name in sorted({m.partition(".")[0] for m in modules})}


def _package_digest(name: str) -> str:
    module = sys.modules.get(name)
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    files = {f.relative_to(top).as_posix(): f for top in folders for f in top.rglob("*.py")}
    if not folders and (file := getattr(module, "__file__", None)):
        files = {Path(file).name: Path(file)}
    return digest({path: sha256_file(file) for path, file in files.items() if file.is_file()})


def _notes(pack: LanguagePack, found: tuple[Found, ...]) -> Iterator[str]:
    """Say which sources are missing and what that costs, and which are off by default."""
    have = {item.source for item in found if item.path}
    for role in get_args(Role):
        on = [s for s in pack.sources if s.on and s.role == role]
        lost = [s for s in on if s.id not in have]
        if lost:
            total = sum(s.size or 0 for s in on)
            gone = sum(s.size or 0 for s in lost)
            share = f"{gone / 1e6:.2f} of {total / 1e6:.2f} MB" if total else f"{len(lost)} files"
            yield f"missing {role}: {', '.join(s.id for s in lost)} ({share})"
    for source in pack.sources:
        if not source.on:
            yield f"off by default: {source.id} ({source.licence}) {source.note}".rstrip()
