"""A time budget becomes token counts, once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from locale_tune import budget, worker
from locale_tune.errors import PlanError
from locale_tune.offers import Parts, Stage
from locale_tune.schema import Machine, Plan, Step
from locale_tune.store import Runs


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200)])
def test_units(text, seconds):
    assert budget.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "0m", "-5m", "1d"])
def test_no_budget(text):
    with pytest.raises(PlanError, match="is no budget"):
        budget.seconds(text)


@dataclass(frozen=True)
class Probing:
    """What a probe sees of a job."""

    machine: Machine


def step(name, **settings):
    return Step(
        name=name,
        stage=name,
        provider="p",
        needs={},
        makes="model",
        settings=settings,
        fingerprint=name,
    )


def test_without_a_gpu_a_build_is_short_unless_asked_otherwise():
    cpu, gpu = Machine(device="cpu"), Machine(device="cuda")
    assert [budget.effective("", m) for m in (cpu, gpu)] == [budget.CPU_BUDGET, ""]
    assert [budget.effective("2h", m) for m in (cpu, gpu)] == ["2h", "2h"]
    assert [budget.effective("none", m) for m in (cpu, gpu)] == ["", ""]


@pytest.fixture
def asked(write_pack, tmp_path, monkeypatch):
    from locale_tune.packfile import read_pack

    plan = Plan(
        pack=read_pack(write_pack()),
        base="b",
        base_path=None,
        seed=0,
        machine={"device": "cpu"},
        steps=(step("base"), step("inject"), step("tune")),
        budget="100s",
    )

    def stage(name, share, speed=None):
        return Stage(
            name, needs=(), makes="model", run=dict, speed=lambda job: 0.0, budget_share=share
        )

    plain = Stage("base", needs=(), makes="model", run=dict)
    parts = Parts(
        stages={"base": plain, "inject": stage("inject", 0.6), "tune": stage("tune", 0.3)}
    )
    probes = []

    def measure(runs, which, parallel):
        probes.append(which.name)
        return 300.0, "float32"

    monkeypatch.setattr(budget, "measure_speed", measure)
    return plan, Runs(tmp_path / "run", plan), parts, probes


def resolve(asked, made):
    plan, runs, parts, _ = asked
    runs.out.mkdir(exist_ok=True)
    return budget.resolve(plan, runs, parts, made.append, lambda text: None)


def test_shares_of_the_time_times_the_speed(asked):
    made = []
    assert resolve(asked, made) == {"inject": 20_000, "tune": 10_000}
    assert [s.name for s in made] == ["base"], "the probe runs on the base model"


def test_seconds_granted_are_shares_of_the_budget(asked):
    plan, _, parts, _ = asked
    granted = budget.granted(plan, parts)
    assert granted == {"inject": pytest.approx(200 / 3), "tune": pytest.approx(100 / 3)}
    assert budget.granted(plan.model_copy(update={"budget": ""}), parts) == {}


def test_the_same_question_is_not_measured_again(asked):
    plan, runs, parts, probes = asked
    first = resolve(asked, [])
    probes.clear()
    assert resolve(asked, []) == first
    assert budget.answered(runs.out, plan, parts) == first
    assert probes == []


def test_another_prompt_or_learning_rate_is_the_same_question(asked):
    plan, runs, parts, probes = asked
    resolve(asked, [])
    probes.clear()
    pack = plan.pack.model_copy(update={"prompts": ("another",), "version": "2"})
    steps = (step("base"), step("inject", lr=1.0), step("tune"))
    other = plan.model_copy(update={"pack": pack, "steps": steps})
    assert budget.answered(runs.out, other, parts) is not None
    longer = (step("base"), step("inject", sequence=9), step("tune"))
    assert budget.answered(runs.out, plan.model_copy(update={"steps": longer}), parts) is None


def test_what_one_setting_slows_is_measured_alone(asked):
    plan, runs, parts, probes = asked
    first = resolve(asked, [])
    probes.clear()
    steps = (step("base"), step("inject"), step("tune", sequence=9))
    told = budget.resolve(plan.model_copy(update={"steps": steps}), runs, parts, print, print)
    assert probes == ["tune"]
    assert told["inject"] == first["inject"]


def test_a_count_that_was_set_is_not_measured(asked):
    plan, runs, parts, probes = asked
    runs.out.mkdir(exist_ok=True)
    steps = (step("base"), step("inject", tokens=5), step("tune"))
    told = budget.resolve(plan.model_copy(update={"steps": steps}), runs, parts, print, print)
    assert told == {"tune": 30_000}
    steps = (step("base"), step("inject", tokens=5))
    probes.clear()
    assert budget.resolve(plan.model_copy(update={"steps": steps}), runs, parts, print, print) == {}
    assert probes == []


def test_another_budget_is_measured_and_the_first_is_kept(asked):
    plan, runs, parts, probes = asked
    first = resolve(asked, [])
    probes.clear()
    other = plan.model_copy(update={"budget": "50s"})
    assert budget.resolve(other, runs, parts, print, print) == {"inject": 10_000, "tune": 5_000}
    assert probes
    assert budget.answered(runs.out, plan, parts) == first


def test_the_dtype_that_was_faster_is_kept_for_the_plan(asked):
    plan, runs, _, probes = asked
    assert budget.fastest(runs.out, plan) == plan.machine, "nothing measured yet"
    slower = plan.model_copy(update={"machine": Machine(dtype="bfloat16")})
    resolve((slower, Runs(runs.out, slower), asked[2], probes), [])
    assert budget.fastest(runs.out, slower).dtype == "float32"
    assert budget.fastest(runs.out, plan) == plan.machine, "another machine has its own answer"


@pytest.mark.parametrize(
    ("machine", "dtype", "timed"),
    [
        (Machine(dtype="bfloat16"), "auto", ["bfloat16", "float32"]),
        (Machine(dtype="float32"), "auto", ["float32"]),  # it would be waited for in vain
        (Machine(dtype="bfloat16"), "float32", ["bfloat16"]),  # the setting decides, whatever this
        (Machine(device="cuda", dtype="bfloat16"), "auto", ["bfloat16"]),
    ],
)
def test_both_dtypes_are_timed_where_the_processor_has_both(
    asked, monkeypatch, machine, dtype, timed
):
    plan, runs, parts, _ = asked
    seen = []

    def speed(job):
        seen.append(job.machine.dtype)
        return 1.0 if job.machine.dtype == "bfloat16" else 2.0

    monkeypatch.setattr(worker, "job_for", lambda *_: Probing(machine))
    stages = {**parts.stages, "tune": replace(parts.stages["tune"], speed=speed)}
    tune = plan.steps[2].model_copy(update={"settings": {"dtype": dtype}})
    told = worker._speed(runs, tune, replace(parts, stages=stages), print)
    assert seen == timed
    assert told["dtype"] == ("float32" if len(timed) == 2 else "")
