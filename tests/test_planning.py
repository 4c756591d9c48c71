"""A plan: bindings, settings, and fingerprints that change when, and only when, results could."""

from __future__ import annotations

import importlib
from dataclasses import replace

import pytest
from pydantic import Field
from tests_support import PACK, REMOTE

from locale_tune.base import Base
from locale_tune.errors import PlanError
from locale_tune.machine import this_machine
from locale_tune.offers import Check, Filter, Parts, SourceKind, Stage
from locale_tune.packfile import read_pack
from locale_tune.planning import Request, make_plan
from locale_tune.schema import CHANGES_NOTHING, Found, Machine, Settings
from locale_tune_training.settings import TuneSettings


class Tuning(Settings):
    """Settings of a toy stage."""

    rate: float = 0.1
    tokens: int | None = Field(default=None, gt=0)
    save_every: int = Field(default=1, json_schema_extra=CHANGES_NOTHING)


def nothing(job):
    return {}


def stage(name, needs, makes, **more):
    return Stage(name, needs=needs, makes=makes, run=nothing, **more)


STAGES = (
    stage("base", (), "model"),
    stage("collect", (), "corpus", reads=("sources", "filters")),
    stage("inject", ("model", "corpus"), "model", settings=Tuning, libraries=("torch",)),
    stage("tune", ("model", "corpus"), "model", settings=Tuning),
    stage("assess", ("base", "model", "corpus"), "findings", reads=("prompts", "names")),
)
PARTS = Parts(
    stages={s.name: s for s in STAGES},
    source_kinds={"text": SourceKind("text", read=lambda *a: ())},
    providers={("stages", s.name): "here 1.0" for s in STAGES},
)
ALL = '["collect", "inject", "tune", "assess"]'
BASE = Base("base", None, "identity")


def plan(write_pack, text=PACK, parts=PARTS, **request):
    root = write_pack(text.replace('["collect"]', ALL))
    return make_plan(read_pack(root), parts, Request(**{"base": BASE, **request}))


def prints(made):
    return {step.name: step.fingerprint for step in made.steps}


def changed(before, after):
    old, new = prints(before), prints(after)
    return {name for name in new if old.get(name) != new[name]}


def test_needs_bind_to_the_newest_earlier_maker(write_pack):
    needs = {step.name: step.needs for step in plan(write_pack).steps}
    assert needs["inject"] == {"model": "base", "corpus": "collect"}
    assert needs["tune"]["model"] == "inject"
    assert needs["assess"] == {"base": "base", "model": "tune", "corpus": "collect"}


def test_an_origin_is_what_the_first_step_of_a_stage_started_from(write_pack):
    checking = replace(STAGES[4], origins={"tuned": "align"})
    more = (*STAGES[:4], stage("align", ("model",), "model"), checking)
    parts = replace(PARTS, stages={s.name: s for s in more})
    without = plan(write_pack, parts=parts)
    assert without.steps[-1].needs == {"base": "base", "model": "tune", "corpus": "collect"}
    text = PACK.replace('["collect"]', '["collect", "tune", "align", "align@second", "assess"]')
    last = plan(write_pack, text, parts).steps[-1]
    assert (last.needs["tuned"], last.needs["model"]) == ("tune", "second")
    alone = PACK.replace('["collect"]', '["collect", "align", "assess"]')
    assert plan(write_pack, alone, parts).steps[-1].needs["tuned"] == "base"


def test_the_same_request_has_the_same_fingerprints(write_pack):
    assert plan(write_pack) == plan(write_pack)


def test_a_setting_reruns_its_step_and_what_depends_on_it(write_pack):
    later = plan(write_pack, overrides=("tune.rate=0.05",))
    assert changed(plan(write_pack), later) == {"tune", "assess"}


def test_a_budget_count_reruns_only_what_it_changes(write_pack):
    later = plan(write_pack, resolved={"inject": 9000})
    assert changed(plan(write_pack), later) == {"inject", "tune", "assess"}
    assert later.steps[2].settings["tokens"] == 9000


def test_the_seed_and_the_base_rerun_what_comes_of_them(write_pack):
    assert changed(plan(write_pack), plan(write_pack, seed=1)) == set(prints(plan(write_pack))) - {
        "base"
    }
    other = plan(write_pack, base=Base("base", None, "other bytes"))
    assert changed(plan(write_pack), other) == {"base", "inject", "tune", "assess"}


def test_a_step_may_have_a_seed_of_its_own(write_pack):
    first, own = plan(write_pack), plan(write_pack, overrides=("tune.seed=3",))
    assert [step.seed for step in own.steps] == [0, 0, 0, 3, 0]
    assert changed(first, own) == {"tune", "assess"}
    in_pack = PACK + "\n[settings.tune]\nseed = 3\n"
    assert prints(plan(write_pack, in_pack)) == prints(own)
    assert prints(plan(write_pack, overrides=("tune.seed=0",))) == prints(first)


@pytest.mark.parametrize("value", ["one", "1.5", "true", "[1]"])
def test_a_seed_is_a_whole_number(write_pack, value):
    with pytest.raises(PlanError, match="the seed of 'tune' is"):
        plan(write_pack, overrides=(f"tune.seed={value}",))


def test_without_smoothing_it_does_not_matter_what_is_smoothed_over():
    none, some = (
        [
            TuneSettings(label_smoothing=share, smooth_over=over)
            for over in ("vocabulary", "language")
        ]
        for share in (0, 0.1)
    )
    assert none[0] == none[1]
    assert some[0] != some[1]


def test_the_text_counts_by_content_and_not_by_place(write_pack, tmp_path):
    def found(sha, path="x"):
        return (Found(source="lines", path=tmp_path / path, sha256=sha, how="h"),)

    first = plan(write_pack, found=found("1" * 64))
    assert changed(first, plan(write_pack, found=found("1" * 64, "elsewhere"))) == set()
    second = plan(write_pack, found=found("2" * 64))
    assert changed(first, second) == {"collect", "inject", "tune", "assess"}


def test_the_machine_counts_only_where_bits_depend_on_it(write_pack):
    later = plan(write_pack, machine=Machine(threads=8))
    assert changed(plan(write_pack), later) == {"inject", "tune", "assess"}


def test_prompts_count_only_where_they_are_read(write_pack):
    before = plan(write_pack)
    later = plan(write_pack, text=PACK.replace("Co vai?", "Co vai oz?"))
    assert changed(before, later) == {"assess"}


def test_who_offers_the_checks_counts_where_they_are_run(write_pack):
    stages = {**PARTS.stages, "assess": replace(PARTS.stages["assess"], uses=("checks",))}

    def made(offered):
        checks = {name: Check(name, measure=lambda context: iter(())) for name in offered}
        return plan(write_pack, parts=replace(PARTS, stages=stages, checks=checks))

    assert changed(made(["a"]), made(["a", "b"])) == {"assess"}


def test_a_name_counts_only_where_it_is_read(write_pack):
    other = plan(write_pack, text=PACK.replace('"toi"', '"Toi"'))
    assert changed(plan(write_pack), other) == {"assess"}


def test_the_base_is_one_for_all_languages(write_pack):
    other = plan(write_pack, text=PACK.replace('tag = "rm"', 'tag = "de"'))
    assert "base" not in changed(plan(write_pack), other)


@pytest.mark.parametrize("label", ["../../x", "a/b", "", "A", ".."])
def test_a_step_cannot_be_named_like_a_path(write_pack, label):
    text = PACK.replace('["collect"]', f'["collect@{label}", "collect"]')
    if label:
        with pytest.raises(PlanError, match="cannot name a step"):
            plan(write_pack, text=text)


def test_a_new_provider_is_another_result(write_pack):
    parts = Parts(
        stages=PARTS.stages,
        source_kinds=PARTS.source_kinds,
        providers={**PARTS.providers, ("stages", "inject"): "pack 2.0"},
    )
    assert changed(plan(write_pack), plan(write_pack, parts=parts)) == {"inject", "tune", "assess"}


def test_a_stage_twice_has_settings_of_its_own(write_pack):
    text = PACK.replace('["collect"]', '["collect", "tune", "tune@polish", "assess"]')
    made = plan(write_pack, text=text + "\n[settings.polish]\nrate = 0.5\n")
    steps = {step.name: step for step in made.steps}
    assert steps["polish"].needs["model"] == "tune"
    assert (steps["tune"].settings["rate"], steps["polish"].settings["rate"]) == (0.1, 0.5)


@pytest.mark.parametrize(
    ("stages", "problem", "remedy"),
    [
        ('["colect"]', "no plugin offers a stage 'colect'", "did you mean 'collect'"),
        ('["inject"]', "needs corpus, and no earlier stage makes it", "before 'inject'"),
        ('["collect", "collect"]', "two steps are called 'collect'", "collect@second"),
    ],
)
def test_stages_that_cannot_work(write_pack, stages, problem, remedy):
    with pytest.raises(PlanError, match=problem) as caught:
        plan(write_pack, text=PACK.replace('["collect"]', stages))
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("override", "problem", "remedy"),
    [
        ("tun.rate=1", "'tun', which is no step", "did you mean 'tune'"),
        ("tune.rat=1", "tune.rat does not work", "did you mean 'rate'"),
        ("tune.rate=fast", "tune.rate does not work", ""),
        ("tune.rate", "is no setting", "--set stage.setting=value"),
    ],
)
def test_overrides_that_cannot_work(write_pack, override, problem, remedy):
    with pytest.raises(PlanError, match=problem) as caught:
        plan(write_pack, overrides=(override,))
    assert remedy in caught.value.remedy


def test_a_source_kind_that_nobody_offers(write_pack):
    with pytest.raises(PlanError, match="source kind 'txt'"):
        plan(write_pack, text=PACK.replace('kind = "text"', 'kind = "txt"'))


def test_notes_say_what_is_missing_and_what_it_costs(write_pack):
    notes = plan(write_pack, text=PACK + REMOTE + "on = false\n").notes
    assert any(note.startswith("missing text: lines") for note in notes)
    assert any("off by default: remote" in note for note in notes)


def test_this_machine_is_known_without_torch(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    machine = this_machine("cpu")
    assert (machine.device, machine.threads) == ("cpu", 3)


def test_a_setting_that_changes_no_result_changes_no_fingerprint(write_pack):
    before = plan(write_pack)
    assert changed(before, plan(write_pack, overrides=("tune.save_every=9",))) == set()
    assert changed(before, plan(write_pack, overrides=("tune.rate=0.2",))) == {"tune", "assess"}


def test_when_a_training_stage_saves_and_reports_runs_nothing_again(write_pack):
    tune = replace(PARTS.stages["tune"], settings=TuneSettings)
    parts = replace(PARTS, stages={**PARTS.stages, "tune": tune})
    before = plan(write_pack, parts=parts)
    said = ("tune.checkpoint_seconds=7", 'tune.report_to=["tensorboard"]')
    assert changed(before, plan(write_pack, parts=parts, overrides=said)) == set()
    later = plan(write_pack, parts=parts, overrides=("tune.lr=2e-4",))
    assert changed(before, later) == {"tune", "assess"}


def test_a_filter_that_was_edited_is_another_filter(write_pack, tmp_path, monkeypatch):
    package = tmp_path / "edited_filter"
    package.mkdir()
    (package / "__init__.py").write_text("from .keeps import make\n")
    (package / "keeps.py").write_text("def make(locale, settings):\n    return lambda r: ''\n")
    monkeypatch.syspath_prepend(tmp_path)
    make = importlib.import_module("edited_filter").make
    parts = replace(PARTS, filters={"mine": Filter("mine", make=make)})
    text = PACK.replace("[pack]\n", '[pack]\nfilters = ["mine"]\n')
    before = plan(write_pack, text, parts)
    assert plan(write_pack, text, parts) == before
    (package / "keeps.py").write_text("def make(locale, settings):\n    return lambda r: 'no'\n")
    assert changed(before, plan(write_pack, text, parts)) == {"collect", "inject", "tune", "assess"}


def test_another_unicode_may_read_a_text_otherwise(write_pack, monkeypatch):
    before = plan(write_pack)
    monkeypatch.setattr("unicodedata.unidata_version", "99.0.0")
    assert changed(before, plan(write_pack)) == {"collect", "inject", "tune", "assess"}
