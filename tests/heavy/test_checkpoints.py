"""R7 and its kin: a resume under another recipe is refused by name, whatever the change."""

from __future__ import annotations

import math

import pytest
import torch
from forking import TOKENIZER, job_in, rows, settings_of
from safetensors.torch import load_file
from tiny import save_tiny, tiny_model

from locale_tune.api import Artifact, Machine, NotFinite, read_json, verified
from locale_tune_training import recipe as recipe_module
from locale_tune_training.checkpoints import Checkpoints
from locale_tune_training.guard import finite
from locale_tune_training.hooks import Hooks
from locale_tune_training.loop import State, train
from locale_tune_training.model import LossModule
from locale_tune_training.recipe import ALLOW, RecipeChanged, recipe_of
from locale_tune_training.settings import TuneSettings
from locale_tune_training.trainer import Trainer

MODEL = tiny_model(TOKENIZER)
SETTINGS = settings_of("tune")


@pytest.fixture
def start(tmp_path):
    """Return a job with a model folder and data shards, as a stage has them."""
    model = save_tiny(tmp_path / "model")
    job = job_in(tmp_path, inputs={"model": Artifact("model", model, "f" * 64)})
    (job.work / "lessons").mkdir()
    for name in ("ids.bin", "weights.bin"):
        (job.work / "lessons" / name).write_bytes(name.encode() * 10)
    return job


def append(path):
    path.write_bytes(path.read_bytes() + b"\n")


def version(name, value):
    real = recipe_module._version
    return lambda patch: patch.setattr(
        recipe_module, "_version", lambda asked: value if asked == name else real(asked)
    )


def swap_two_rows(path):
    data = path.read_bytes()
    path.write_bytes(data[4:8] + data[:4] + data[8:])


# field named -> (what changes, as arguments of recipe_of, as files, or as a patch)
CHANGES = {
    "settings.lr": {"settings": {"lr": 1e-5}},
    "settings.rows_per_step": {"settings": {"rows_per_step": 3}},
    "settings.sequence": {"settings": {"sequence": 64}},
    "settings.label_smoothing": {"settings": {"label_smoothing": 0.2}},
    "settings.dtype": {"settings": {"dtype": "bfloat16"}},
    "seed": {"job": {"seed": 1}},
    "steps": {"steps": 9},
    "processes": {"world": 2},
    "dtype": {"job": {"machine": Machine(dtype="bfloat16")}},
    "device": {"job": {"machine": Machine(device="mps")}},
    "threads": {"patch": lambda patch: patch.setattr(torch, "get_num_threads", lambda: 7)},
    "attention": {
        "patch": lambda patch: patch.setattr(MODEL.config, "_attn_implementation_internal", "eager")
    },
    "version of torch": {"patch": version("torch", "9.9")},
    "version of transformers": {"patch": version("transformers", "9.9")},
    "version of locale-tune": {"patch": version("locale-tune", "9.9")},
    "model tokenizer.json": {"file": ("model/tokenizer.json", append)},
    "model chat_template.jinja": {"file": ("model/chat_template.jinja", append)},
    "model model.safetensors": {"file": ("model/model.safetensors", append)},
    "data lessons/ids.bin": {"file": ("work/lessons/ids.bin", swap_two_rows)},
    "data lessons/weights.bin": {"file": ("work/lessons/weights.bin", append)},
    "fingerprint": {"job": {"fingerprint": "another"}},
}


def changed(start, tmp_path, change, patch):
    """Return the recipe after one change."""
    if "file" in change:
        name, spoil = change["file"]
        spoil(tmp_path / name)
    if "patch" in change:
        change["patch"](patch)
    known = {name: getattr(start, name) for name in ("inputs", "seed", "fingerprint", "machine")}
    job = job_in(tmp_path, **{**known, **change.get("job", {})})
    settings = SETTINGS.model_copy(update=change.get("settings", {}))
    return recipe_of(job, settings, change.get("steps", 8), MODEL, change.get("world", 1))


def saved(folder, recipe, step=3):
    """Write a checkpoint of a fresh trainer under a recipe; return its store and trainer."""
    trainer = Trainer(LossModule(tiny_model(TOKENIZER)), SETTINGS, torch.float32)
    store = Checkpoints(folder, recipe)
    store.save(trainer, State(step=step))
    return store, trainer


@pytest.mark.parametrize("field", CHANGES)
def test_r7_another_recipe_is_refused_and_the_field_named(start, tmp_path, field, monkeypatch):
    _, trainer = saved(start.work, recipe_of(start, SETTINGS, 8, MODEL, 1))
    recipe = changed(start, tmp_path, CHANGES[field], monkeypatch)
    with pytest.raises(RecipeChanged) as caught:
        Checkpoints(start.work, recipe).resume(trainer, State())
    assert f": {field} " in caught.value.problem
    assert ";" not in caught.value.problem, "nothing else is blamed"
    assert caught.value.exit_code == 2
    monkeypatch.setenv(ALLOW, field)
    state = Checkpoints(start.work, recipe).resume(trainer, State())
    assert state.step == 3
    assert state.drifted == [field], "and what drifted is on record"


def test_the_same_recipe_goes_on_and_another_pace_of_saving_is_the_same(start):
    recipe = recipe_of(start, SETTINGS, 8, MODEL, 1)
    _, trainer = saved(start.work, recipe)
    paced = SETTINGS.model_copy(update={"checkpoint_seconds": 77.0})
    again = recipe_of(start, paced, 8, MODEL, 1)
    assert again == recipe
    assert Checkpoints(start.work, again).resume(trainer, State()).step == 3


def test_many_differences_are_told_in_short(start, monkeypatch):
    saved(start.work, {})
    recipe = recipe_of(start, SETTINGS, 8, MODEL, 1)
    trainer = Trainer(LossModule(tiny_model(TOKENIZER)), SETTINGS, torch.float32)
    with pytest.raises(RecipeChanged, match=r"and \d+ more"):
        Checkpoints(start.work, recipe).resume(trainer, State())


def test_the_digests_of_an_artifact_come_from_its_manifest(start, tmp_path):
    listed = {"files": {"tokenizer.json": {"size": 1, "sha256": "as listed"}}}
    (tmp_path / "model" / "MANIFEST.json").write_text(__import__("json").dumps(listed))
    recipe = recipe_of(start, SETTINGS, 8, MODEL, 1)
    assert recipe["model tokenizer.json"] == "as listed"
    assert len(recipe["model model.safetensors"]) == 64


def test_every_setting_is_in_the_recipe(start):
    recipe = recipe_of(start, TuneSettings(), 8, MODEL, 1)
    named = {key.removeprefix("settings.") for key in recipe if key.startswith("settings.")}
    assert named == set(TuneSettings.model_fields) - {"checkpoint_seconds", "report_to"}


def test_two_are_kept_and_leftovers_are_swept(tmp_path):
    for name in (".tmp-checkpoint-00000001", ".trash-checkpoint-00000000-abcd"):
        (tmp_path / name).mkdir()
    for step in (1, 2, 3):
        store, trainer = saved(tmp_path, {"seed": 0}, step)
    assert store.resume(trainer, State()).step == 3
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["checkpoint-00000002", "checkpoint-00000003"]
    assert read_json(tmp_path / names[1] / "state.json")["step"] == 3
    assert set(load_file(tmp_path / names[1] / "rng.safetensors")) == {"cpu.0"}
    assert verified(tmp_path / names[1])["recipe"] == {"seed": 0}


@pytest.mark.parametrize("what", ["masters", "moments"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_never_saved(tmp_path, what, value):
    trainer = Trainer(LossModule(tiny_model(TOKENIZER)), SETTINGS, torch.float32)
    trainer.step([next(rows("tune"))], 1e-3)
    spoilt = trainer.masters[2] if what == "masters" else dict(trainer.moments())["2.exp_avg_sq"]
    with torch.no_grad():
        spoilt.flatten()[3] = value
    store = Checkpoints(tmp_path, {})
    with pytest.raises(NotFinite, match=r"step 7: (exp_avg_sq of )?model\.model\.layers\.0"):
        store.save(trainer, State(step=7))
    assert not list(tmp_path.iterdir())


def test_infinities_that_cancel_are_seen_and_a_large_sum_is_no_alarm():
    assert not finite(torch.tensor([math.inf, -math.inf, 1.0]))
    assert finite(torch.full((8,), 3e38)), "its sum overflows, its numbers do not"


def test_a_rate_or_a_loss_that_is_not_finite_stops_before_the_update(tmp_path):
    trainer = Trainer(LossModule(tiny_model(TOKENIZER)), SETTINGS, torch.float32)
    row = next(rows("tune"))
    before = torch.cat([p.detach().flatten().clone() for p in trainer.masters])
    with pytest.raises(NotFinite, match="step 5: lr is nan"):
        trainer.step([row], math.nan, 4)
    with pytest.raises(NotFinite, match="step 5: the loss is nan"):
        trainer.step([row._replace(weights=row.weights * math.nan)], 1e-3, 4)
    assert torch.equal(torch.cat([p.detach().flatten() for p in trainer.masters]), before)


def test_the_last_weights_are_checked_too(tmp_path):
    def spoil(trainer, state):
        if state.step == 2:
            with torch.no_grad():
                trainer.masters[0][0] = math.nan
        return "go on"

    module = LossModule(tiny_model(TOKENIZER))
    settings = SETTINGS.model_copy(update={"checkpoint_seconds": 1e9})
    with pytest.raises(NotFinite, match="step 2: model"):
        train(module, rows("tune"), 2, settings, job_in(tmp_path), Hooks(after_step=spoil))
