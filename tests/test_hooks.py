"""Each hook, used the way its docstring shows."""

from __future__ import annotations

import pluggy
import pytest

from locale_tune import hookspecs, planning, plugins
from locale_tune.base import Base
from locale_tune.build import HostRuns
from locale_tune.errors import PlanError, PluginError
from locale_tune.hookspecs import hookimpl
from locale_tune.offers import Check, Filter, Launcher, Parts, Selector, SourceKind, Stage
from locale_tune.packfile import read_pack

REQUEST = planning.Request(base=Base("base", None, "x"))


def manager(*offers):
    pm = pluggy.PluginManager(hookspecs.PROJECT)
    pm.add_hookspecs(hookspecs)
    for number, plugin in enumerate(offers):
        plugins.register(pm, plugin, f"plugin {number}")
    return pm


class Offers:
    """Offers one part of each kind."""

    @hookimpl
    def locale_tune_sources(self):
        yield SourceKind("psalms", read=lambda source, path, locale: ())

    @hookimpl
    def locale_tune_filters(self):
        yield Filter("long-enough", make=lambda locale, settings: lambda record: "")

    @hookimpl
    def locale_tune_selectors(self):
        yield Selector("first", select=lambda records, budget, seed: list(range(budget)))

    @hookimpl
    def locale_tune_stages(self):
        yield Stage("base", needs=(), makes="model", run=lambda job: {})
        yield Stage("collect", needs=(), makes="corpus", run=lambda job: {"by": "plugin"})

    @hookimpl
    def locale_tune_checks(self):
        yield Check("greeting", measure=lambda context: iter(()))

    @hookimpl
    def locale_tune_launchers(self):
        yield Launcher("nice", command=lambda argv: ["nice", *argv])


def test_every_offer_is_gathered_by_name_with_its_provider():
    parts = plugins.parts(manager(Offers()))
    assert set(parts.source_kinds) == {"psalms"}
    assert set(parts.filters) == {"long-enough"}
    assert parts.selectors["first"].select([], 2, 0) == [0, 1]
    assert set(parts.checks) == {"greeting"}
    assert parts.launchers["nice"].command(["x"]) == ["nice", "x"]
    assert parts.providers["stages", "collect"] == "plugin 0"


def test_a_language_may_answer_for_itself(write_pack):
    pack = read_pack(write_pack())

    class Language:
        @hookimpl
        def locale_tune_language(self):
            return pack

    assert manager(Language()).hook.locale_tune_language() == pack


def test_a_languages_stage_replaces_a_plugins(write_pack):
    pack = read_pack(write_pack(), "locale-tune-toy", "1.0")

    class Own:
        @hookimpl
        def locale_tune_stages(self):
            yield Stage("collect", needs=(), makes="corpus", run=lambda job: {"by": "pack"})

    pm = manager(Offers())
    plugins.register(pm, Own(), plugins.provider_of(pack))
    assert plugins.parts(pm, pack).stages["collect"].run(None) == {"by": "pack"}
    assert plugins.parts(manager(Offers())).stages["collect"].run(None) == {"by": "plugin"}
    with pytest.raises(PluginError):
        plugins.parts(pm)  # without the language, two strangers offer one name


def plan(pm, write_pack):
    pack = read_pack(write_pack())
    kinds = {"text": SourceKind("text", read=lambda *a: ())}
    parts = plugins.parts(pm)
    parts = Parts(stages=parts.stages, source_kinds=kinds, providers=parts.providers)
    return planning.plan_for(pm, pack, parts, REQUEST)


def test_a_wrapper_amends_the_plan(write_pack):
    class Reviewed:
        @hookimpl(wrapper=True)
        def locale_tune_make_plan(self, pack):
            made = yield
            return made.model_copy(update={"notes": (*made.notes, "reviewed by the lab")})

    made = plan(manager(Offers(), Reviewed()), write_pack)
    assert made.notes[-1] == "reviewed by the lab"


def test_a_wrapper_that_loses_the_plan_is_a_sentence(write_pack):
    class Lost:
        @hookimpl(wrapper=True)
        def locale_tune_make_plan(self):
            yield

    with pytest.raises(PlanError, match="returned no plan"):
        plan(manager(Offers(), Lost()), write_pack)


def test_a_wrapper_times_a_stage():
    class Timed:
        @hookimpl(wrapper=True)
        def locale_tune_run_stage(self, stage):
            facts = yield
            return {**facts, "stage": stage.name}

    pm = manager(Timed())
    pm.register(HostRuns())
    stage = Stage("x", needs=(), makes="corpus", run=lambda job: {"n": 1})
    assert pm.hook.locale_tune_run_stage(stage=stage, job=None) == {"n": 1, "stage": "x"}


def test_the_end_of_a_build_is_told():
    heard = []

    class Listener:
        @hookimpl
        def locale_tune_built(self, report):
            heard.append(report)

    manager(Listener()).hook.locale_tune_built(report="the report")
    assert heard == ["the report"]
