"""`tune`: prompt weights from measured lengths, the mix of languages, two stages."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from feeding import a_job, lesson, lessons_of
from safetensors.torch import load_file
from tiny import tiny_tokenizer

from locale_tune import planning, plugins
from locale_tune.api import Artifact, LanguagePack, Locale, StageFailed
from locale_tune.base import Base
from locale_tune_training import tune
from locale_tune_training.encoding import Encoder
from locale_tune_training.lessons import Mix, encode, prompt_weight, prompt_weights
from locale_tune_training.settings import TuneSettings

torch.set_num_threads(1)
TOKENIZER = tiny_tokenizer()
ENCODER = Encoder(TOKENIZER)
SMALL = {"sequence": 64, "rows_per_step": 1, "tokens": 300, "lr": 1e-2}
SHORT = [lesson("rm", f"Tge pled vegn suenter il pled val {n}?", "b", "short") for n in range(6)]
LONG = [lesson("rm", f"Tge {n}?", "La lingua viva en la val da las muntognas.") for n in range(6)]
ENGLISH = [lesson("en", f"What is {n}?", "The people of the valley sing.") for n in range(6)]


def settings(**more):
    return TuneSettings(**{**SMALL, **more})


def job(home, records, name="", **more):
    artifact = lessons_of(Path(home) / (name or "x"), records)
    return a_job(home, settings(**more), name=name, lessons=artifact)


def test_the_two_ends_of_the_published_fit():
    assert prompt_weight(0.08) == pytest.approx(0.242)
    assert prompt_weight(0.001) == 0.242
    assert prompt_weight(0.0) == 0.242
    assert prompt_weight(1.0) == 0.0
    assert prompt_weight(7.83) == 0.0
    middle = prompt_weight(math.sqrt(0.08))
    assert middle == pytest.approx(0.121)
    # w_p = PLW^0.30103 has its best value at 0.652 in the paper's fit
    assert pytest.approx(0.652, abs=2e-3) == 0.242**0.30103


def test_ratios_are_measured_by_source_and_language(tmp_path):
    french = [lesson("fr", "Quoi?", "Rien du tout ici", "short")]
    got = prompt_weights(job(tmp_path, [*SHORT, *LONG, *french]), ENCODER)
    assert set(got) == {("short", "rm"), ("rm-lessons", "rm"), ("short", "fr")}
    ask = [len(ENCODER.content_ids(r.messages[0].content)) for r in SHORT]
    say = [1 + len(ENCODER.content_ids(r.messages[1].content)) for r in SHORT]  # and its end
    short = got["short", "rm"]
    assert short["ratio"] == pytest.approx(sum(say) / sum(ask), abs=1e-4)
    assert short["weight"] == pytest.approx(prompt_weight(sum(say) / sum(ask)), abs=1e-4)
    assert short["weight"] > 0
    assert got["rm-lessons", "rm"]["weight"] == 0.0


def weights_of(tokens):
    return [sorted(set(tokens.piece(i, 0, tokens.length(i))[1].tolist()))
            for i in range(len(tokens))]  # fmt: skip


def test_auto_gives_each_source_its_weight(tmp_path):
    tokens, _, found = encode(job(tmp_path, [*SHORT, *LONG], prompt_loss_weight="auto"), ENCODER)
    weight = found["short", "rm"]["weight"]
    got = weights_of(tokens)
    assert got[:6] == [pytest.approx([0.0, weight, 1.0])] * 6
    assert got[6:] == [[0.0, 1.0]] * 6


def test_weight_one_is_instruction_modelling(tmp_path):
    """All of what people wrote counts alike; the template's own text does not, but for the stop."""
    tokens, _, _ = encode(job(tmp_path, LONG[:1], prompt_loss_weight=1.0), ENCODER)
    ids, weights = tokens.piece(0, 0, tokens.length(0))
    trained = TOKENIZER.decode(ids[weights == 1.0], skip_special_tokens=False)
    messages = LONG[0].messages
    assert trained == messages[0].content + messages[1].content + "<|im_end|>"
    rest = TOKENIZER.decode(ids[weights == 0.0], skip_special_tokens=False)
    assert rest == "<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n\n"


@pytest.mark.parametrize("bad", [-0.1, 1.1, "automatic"])
def test_other_weights_are_refused(bad):
    with pytest.raises(ValueError, match="prompt_loss_weight"):
        TuneSettings(prompt_loss_weight=bad)


def test_without_a_mix_the_order_is_the_usual_one(tmp_path):
    here = job(tmp_path, [*LONG, *ENGLISH])
    lessons, tally, _ = encode(here, ENCODER)
    mix = Mix(lessons, tally, here.settings, 0)
    assert sorted(mix.order(0)) == list(range(12))
    assert mix.most_tokens(4.0) == lessons.total * 4
    assert mix.shares == {}


def test_a_mix_never_shows_a_language_more_often_than_max_epochs(tmp_path):
    records = [*LONG[:1], *ENGLISH]
    facts = tune.run(job(tmp_path, records, min_shares={"rm": 0.5}, tokens=10_000, max_epochs=3))
    languages = facts["languages"]
    assert languages["rm"]["share"] == pytest.approx(0.5)
    assert languages["rm"]["passes"] <= 3.3
    assert languages["en"]["passes"] < 2


def test_lessons_are_chosen_by_source_and_tag(tmp_path):
    polish = [lesson("rm", "Pertge?", "Perquai.", quality="best")]
    facts = tune.run(job(tmp_path, [*SHORT, *LONG, *polish], "a", only_tags=("quality=best",)))
    assert facts["lessons"] == 1
    facts = tune.run(job(tmp_path, [*SHORT, *LONG], "b", only_sources=("short",)))
    assert facts["lessons"] == 6
    with pytest.raises(StageFailed, match="no lessons") as caught:
        tune.run(job(tmp_path, LONG, "c", only_sources=("nothing",)))
    assert "only_sources" in caught.value.remedy


def test_best_fit_trains_the_same_lessons_in_fewer_updates(tmp_path):
    records = [lesson("rm", f"{n}?", "val " * (3 + 5 * (n % 5))) for n in range(40)]
    steps = {}
    for packing in ("in-order", "best-fit"):
        here = job(tmp_path, records, packing, packing=packing, tokens=None, epochs=1.0)
        steps[packing] = tune.run(here)["steps"]
    assert steps["best-fit"] < steps["in-order"]


def test_everything_together_trains(tmp_path):
    facts = tune.run(
        job(
            tmp_path,
            [*SHORT, *LONG, *ENGLISH],
            smooth_over="language",
            prompt_loss_weight="auto",
            neftune=5.0,
            packing="best-fit",
            temperature=3.0,
            min_shares={"!en": 0.4},
            tokens=3000,
            max_epochs=50,
        )
    )
    assert facts["last_loss"] < facts["first_loss"]
    assert 0 < facts["smoothed_over"] < len(TOKENIZER)
    assert set(facts["prompt_loss_weights"]) == {"en-lessons en", "rm-lessons rm", "short rm"}
    assert facts["languages"]["rm"]["share"] >= 0.4


def tensors(folder):
    return load_file(folder / "model.safetensors")


def test_the_second_stage_starts_from_the_bits_of_the_first(tmp_path, monkeypatch):
    started = []

    def train(module, *rest):
        started.append({k: v.detach().clone() for k, v in module.model.state_dict().items()})
        return real(module, *rest)

    real = tune.train
    monkeypatch.setattr(tune, "train", train)
    first = job(tmp_path, [*SHORT, *LONG], "tune", only_sources=("rm-lessons",))
    tune.run(first)
    tuned = Artifact("model", first.out, "tuned")
    polish = settings(only_sources=("short",), lr=1e-3)
    lessons = first.inputs["lessons"]
    again = a_job(tmp_path, polish, name="polish", lessons=lessons, model=tuned)
    assert tune.run(again)["lessons"] == 6
    base, made, ended = (tensors(at) for at in (tmp_path / "model", first.out, again.out))
    assert all(torch.equal(started[1][key], made[key]) for key in made)
    assert not all(torch.equal(base[key], made[key]) for key in made)
    assert not all(torch.equal(made[key], ended[key]) for key in made)


def plan_of(polish):
    pack = LanguagePack(
        locale=Locale(id="toy", tag="rm", script="Latn", name="T", endonym="t", direction="ltr"),
        base_model="base",
        stages=("collect", "select", "tune", "tune@polish"),
        settings={"tune": {"only_sources": ["broad"]}, "polish": polish},
        root=Path("pack"),
    )
    parts = plugins.parts(plugins.manager())
    return planning.make_plan(pack, parts, planning.Request(base=Base("base", None, "1")))


def test_a_second_stage_is_planned_with_lessons_and_settings_of_its_own():
    plan = plan_of({"only_tags": ["quality=best"], "lr": 2e-5})
    steps = {step.name: step for step in plan.steps}
    assert steps["polish"].stage == "tune"
    assert steps["polish"].needs == {"model": "tune", "lessons": "select"}
    assert steps["polish"].settings["only_tags"] == ["quality=best"]
    assert steps["polish"].settings["only_sources"] == []
    assert steps["tune"].settings["only_sources"] == ["broad"]
    other = {step.name: step.fingerprint for step in plan_of({"lr": 3e-5}).steps}
    assert other["tune"] == steps["tune"].fingerprint, "the first stage does not depend on it"
    assert other["polish"] != steps["polish"].fingerprint
