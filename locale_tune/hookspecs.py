"""The hooks. They offer typed parts; they never do work (docs/hooks.md has an example of each)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from locale_tune.curves import Sweep
    from locale_tune.offers import (
        Check,
        Command,
        Filter,
        Job,
        Launcher,
        Parts,
        Selector,
        SourceKind,
        Stage,
    )
    from locale_tune.schema import LanguagePack, Plan, Report

PROJECT = "locale_tune"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def locale_tune_language() -> LanguagePack | None:
    """Return the language this pack is about.

    Example::

        @hookimpl
        def locale_tune_language():
            return read_pack(Path(__file__).parent)

    Called by `plugins.load_language`, once, on the one requested pack.
    """


@hookspec
def locale_tune_sources() -> Iterable[SourceKind]:
    """Offer ways to read text.

    Example::

        @hookimpl
        def locale_tune_sources():
            yield SourceKind("psalms", read=read_psalms, doc="one psalm per file")

    Called by `plugins.parts`, once per command.
    """
    return ()


@hookspec
def locale_tune_filters() -> Iterable[Filter]:
    """Offer filters; each keeps a record or gives its reason.

    Example::

        @hookimpl
        def locale_tune_filters():
            yield Filter("long-enough", make=lambda locale, settings: too_short)

    Called by `plugins.parts`, once per command.
    """
    return ()


@hookspec
def locale_tune_selectors() -> Iterable[Selector]:
    """Offer ways to choose lessons.

    Example::

        @hookimpl
        def locale_tune_selectors():
            yield Selector("first", select=lambda records, budget, seed: list(range(budget)))

    Called by `plugins.parts`, once per command.
    """
    return ()


@hookspec
def locale_tune_stages() -> Iterable[Stage]:
    """Offer stages; a language's stage replaces a plugin's of the same name.

    Example::

        @hookimpl
        def locale_tune_stages():
            yield Stage("inject", needs=("model", "corpus"), makes="model", run=my_inject)

    Called by `plugins.parts`, once per command.
    """
    return ()


@hookspec
def locale_tune_checks() -> Iterable[Check]:
    """Offer measurements that `assess` runs on the base and on the localized model.

    Example::

        @hookimpl
        def locale_tune_checks():
            yield Check("greeting", measure=count_greetings)

    Called by `plugins.parts`, once per command.
    """
    return ()


@hookspec
def locale_tune_launchers() -> Iterable[Launcher]:
    """Offer ways to start a heavy step.

    Example::

        @hookimpl
        def locale_tune_launchers():
            yield Launcher("nice", command=lambda argv: ["nice", *argv])

    Called by `plugins.parts`, once per command.
    """
    return ()


@hookspec
def locale_tune_commands() -> Iterable[Command]:
    """Offer commands of the command line. `load` imports the command when it is asked for.

    Example::

        @hookimpl
        def locale_tune_commands():
            yield Command("hello", load=lambda: import_module("my_plugin.hello").command)

    Called by `plugins.parts`, once per command line that names no command of the host.
    """
    return ()


@hookspec(firstresult=True)
def locale_tune_make_plan(pack: LanguagePack, parts: Parts, request: Any) -> Plan | None:
    """Decide the steps of a build; the host answers last.

    Example::

        @hookimpl(wrapper=True)
        def locale_tune_make_plan(pack):
            plan = yield
            return plan.model_copy(update={"notes": (*plan.notes, "reviewed by the lab")})

    Called by `planning.plan_for`, once per command that plans.
    """


@hookspec(firstresult=True)
def locale_tune_run_stage(stage: Stage, job: Job) -> Mapping[str, Any] | None:
    """Run one stage; the host answers last.

    Example::

        @hookimpl(wrapper=True)
        def locale_tune_run_stage(stage):
            started = time.monotonic()
            facts = yield
            return {**facts, "seconds": time.monotonic() - started}

    Called by `build.build` (or the worker), once per step not yet made.
    """


@hookspec
def locale_tune_built(report: Report) -> None:
    """Hear that a build ended.

    Example::

        @hookimpl
        def locale_tune_built(report):
            print(report.release.path)

    Called by `build.build`, once, at the end.
    """


@hookspec
def locale_tune_swept(sweep: Sweep, folder: Path) -> None:
    """Hear that a sweep ended; `folder` holds its `sweep.json`.

    Example::

        @hookimpl
        def locale_tune_swept(sweep, folder):
            print(sweep.recommended)

    Called by `sweep.sweep`, once, at the end.
    """
