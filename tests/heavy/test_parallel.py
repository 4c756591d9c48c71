"""Two processes make the run of one: the same rows, the same sums, one that writes."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from forking import TOKENIZER, ended, first_rows, fork, job_in, rows, settings_of, together
from safetensors.torch import load_file, save_file
from tiny import tiny_model

from locale_tune.api import StageFailed, verified
from locale_tune_training import sharding
from locale_tune_training.checkpoints import Checkpoints
from locale_tune_training.hooks import Hooks
from locale_tune_training.loop import State, train
from locale_tune_training.model import LossModule
from locale_tune_training.parallel import World
from locale_tune_training.trainer import Trainer

STEPS = 6


def trained(folder, rank=0, steps=STEPS, hooks=None, **more):
    """Train in `folder`, each process with folders of its own; keep what came out."""
    torch.set_num_threads(1)
    module = LossModule(tiny_model(TOKENIZER), 0.1)
    job = job_in(folder / str(rank))
    settings = settings_of("tune", **{"rows_per_step": 3, "lr": 3e-3, **more})
    state = train(module, rows("tune"), steps, settings, job, hooks)
    found = {name: p.detach().clone() for name, p in module.model.named_parameters()}
    save_file(found, folder / f"rank{rank}.safetensors")
    (folder / f"rank{rank}.loss").write_text(" ".join(map(repr, state.history)))


def alone(folder, **more):
    """Return weights and losses of one process."""
    folder.mkdir()
    assert ended(fork(lambda: trained(folder, **more))) == 0
    return results(folder, 0)


def results(folder, rank):
    losses = (folder / f"rank{rank}.loss").read_text().split()
    return load_file(folder / f"rank{rank}.safetensors"), torch.tensor([float(x) for x in losses])


@pytest.mark.parametrize(
    ("shard", "dtype", "tolerance"),
    [
        (False, "float32", 2e-6),
        (False, "bfloat16", 2e-6),
        (True, "float32", 2e-6),
        (True, "bfloat16", 5e-3),  # gradients of bfloat16 copies are added up in another order
    ],
)
def test_two_processes_equal_one(tmp_path, shard, dtype, tolerance):
    more = {"dtype": dtype, "checkpoint_seconds": 1e9}
    one = alone(tmp_path / "one", **more)

    def look(trainer, _state):
        kinds = {isinstance(master, sharding.DTensor) for master in trainer.masters}
        assert kinds == {shard}, "a run on CPUs must not only seem to be sharded"

    hooks = Hooks(begin=look)
    codes = together(lambda rank: trained(tmp_path, rank, shard=shard, hooks=hooks, **more))
    assert codes == [0, 0]
    two = [results(tmp_path, rank) for rank in range(2)]
    torch.testing.assert_close(two[0][1], one[1], rtol=1e-5 if tolerance < 1e-3 else 1e-2, atol=0)
    for name, weight in one[0].items():
        assert torch.equal(two[0][0][name], two[1][0][name]), "both hold the same"
        torch.testing.assert_close(two[0][0][name], weight, rtol=0, atol=tolerance)


@pytest.mark.parametrize("shard", [False, True])
def test_adapters_too(tmp_path, shard):
    pytest.importorskip("peft", reason="peft is optional: pip install 'locale-tune[adapters]'")
    more = {"adapter": "dora", "adapter_rank": 4, "checkpoint_seconds": 1e9}
    one = alone(tmp_path / "one", **more)
    assert together(lambda rank: trained(tmp_path, rank, shard=shard, **more)) == [0, 0]
    for name, weight in one[0].items():
        torch.testing.assert_close(results(tmp_path, 0)[0][name], weight, rtol=0, atol=2e-6)


def test_without_the_sum_over_processes_they_differ(tmp_path, monkeypatch):
    monkeypatch.setattr(World, "add_gradients", lambda self, tensors: None)
    one = alone(tmp_path / "one", checkpoint_seconds=1e9)
    together(lambda rank: trained(tmp_path, rank, checkpoint_seconds=1e9))
    far = [(results(tmp_path, 0)[0][n] - w).abs().max() for n, w in one[0].items()]
    assert max(far) > 1e-3, "the test above can fail"


@pytest.mark.parametrize("shard", [False, True])
def test_two_stopped_go_on_as_one_and_as_two(tmp_path, shard, monkeypatch):
    one = alone(tmp_path / "one", checkpoint_seconds=1e9)

    def stop(rank):
        def ask(_trainer, state):
            if state.step == 3 and rank == 1:  # one is asked, both stop
                os.kill(os.getpid(), signal.SIGTERM)
            return "go on"

        trained(tmp_path, rank, hooks=Hooks(after_step=ask), shard=shard, checkpoint_seconds=1e9)

    assert together(stop) == [75, 75]
    saved = list(tmp_path.glob("*/work/checkpoint-*"))
    assert [path.parts[-3:] for path in saved] == [("0", "work", "checkpoint-00000003")]
    assert verified(saved[0])
    # One process reads what two wrote, sharded or not: the format is the same.
    module = LossModule(tiny_model(TOKENIZER, seed=9))
    settings = settings_of("tune")
    trainer = Trainer(module, settings, torch.float32)
    state = Checkpoints(saved[0].parent, verified(saved[0])["recipe"]).resume(trainer, State())
    assert state.step == 3
    assert len(list(trainer.moments())) == 3 * len(trainer.masters)
    codes = together(lambda rank: trained(tmp_path, rank, shard=shard, checkpoint_seconds=1e9))
    assert codes == [0, 0]
    for name, weight in one[0].items():
        torch.testing.assert_close(results(tmp_path, 0)[0][name], weight, rtol=0, atol=2e-6)


def test_what_stops_one_stops_both_and_says_why(tmp_path):
    def poisoned(rank):
        def spoil(trainer, step):
            if step == 2 and rank == 1:
                with torch.no_grad():
                    trainer.masters[0][:] = float("nan")

        trained(tmp_path, rank, hooks=Hooks(before_step=spoil))

    assert together(poisoned) == [76, 76]
    assert sorted(p.name for p in (tmp_path / "0" / "work").glob("checkpoint-*"))[-1].endswith("2")
    assert together(lambda rank: trained(tmp_path, rank, lr=1e-5)) == [2, 2], "another recipe"
    assert together(lambda rank: trained(tmp_path, rank)) == [0, 0]


def test_a_run_that_only_seems_sharded_is_refused():
    def attempt(rank):
        world = World(rank, 2, "cpu")
        torch.distributed.init_process_group("gloo")
        module = LossModule(tiny_model(TOKENIZER))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sharding, "fully_shard", lambda *a, **k: None)
            with pytest.raises(StageFailed, match="is not sharded"):
                sharding.shard(module, torch.float32, world)
        sharding.shard(module, torch.float32, world)
        assert all(isinstance(p, sharding.DTensor) for p in module.parameters())
        head = module.model.get_output_embeddings().weight
        assert head is module.model.get_input_embeddings().weight, "tied weights stay tied"
        sharding.unshard(module)
        assert module.model.get_output_embeddings().weight is (
            module.model.get_input_embeddings().weight
        )

    assert together(attempt) == [0, 0]


def test_a_window_is_shared_out_whole():
    window = first_rows("tune", 5)
    shares = [World(rank, 3).own(window, even=True) for rank in range(3)]
    assert [len(share) for share in shares] == [2, 2, 2]
    weighed = [row for share in shares for row in share if row.weights.sum() > 0]
    assert {row.ids.tolist().__repr__() for row in weighed} == {
        row.ids.tolist().__repr__() for row in window
    }
    assert len(weighed) == 5, "the sixth is a copy that weighs nothing"
    assert World().own(window) == window


def test_alone_is_a_world_of_one():
    world = World()
    assert world.main
    assert world.total(1.5, 2.0) == [1.5, 2.0]
    assert world.any(True, False) == [True, False]
    assert world.gathered("x") == ["x"]
