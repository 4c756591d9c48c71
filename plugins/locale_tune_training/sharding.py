"""FSDP2: weights, gradients and moments split over the processes, each layer whole when it is used.

The sharded weights are float32 and are the masters; with bfloat16 the gathered copies that compute
are bfloat16 and gradients are added up in float32. The loss module is the outermost unit, so that
the head it multiplies with is gathered too. Works on CPU (gloo) as on GPUs.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from locale_tune.api import StageFailed
from locale_tune_training.model import decoder_layers
from locale_tune_training.parallel import World


def shard(module: nn.Module, dtype: torch.dtype, world: World) -> None:
    """Split the module's parameters over the processes, layer by layer.

    Raises StageFailed if any parameter is left whole: a run that only seems to be sharded would
    need the memory it was to save.
    """
    mesh = init_device_mesh(torch.device(world.device).type, (world.size,))
    policy = MixedPrecisionPolicy(
        param_dtype=None if dtype == torch.float32 else dtype,
        reduce_dtype=torch.float32,
        cast_forward_inputs=False,  # the weights of tokens stay float32
    )
    for layer in decoder_layers(module):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(module, mesh=mesh, mp_policy=policy)
    for part in module.modules():
        if isinstance(part, FSDPModule):
            part.set_gradient_divide_factor(1.0)  # the loss is divided by the whole window
            part.set_force_sum_reduction_for_comms(True)
    whole_ones = [n for n, p in module.named_parameters() if not isinstance(p, DTensor)]
    if whole_ones:
        raise StageFailed(f"{whole_ones[0]} is not sharded", "set shard = false")


def whole(tensor: Tensor) -> Tensor:
    """Return the whole of a tensor that may be sharded. All processes must ask together."""
    return cast(Any, tensor).full_tensor() if isinstance(tensor, DTensor) else tensor


def put(target: Tensor, value: Tensor) -> Tensor:
    """Return `value` (whole, the same everywhere) laid out as `target` is."""
    value = value.to(target.device)
    if isinstance(target, DTensor):
        return distribute_tensor(value, target.device_mesh, target.placements)
    return value


def unshard(module: nn.Module) -> None:
    """Put whole parameters, on the CPU, in place of sharded ones, ties kept. All together.

    On the CPU, because one device need not hold all of a model that had to be split.
    """
    for part in module.modules():
        if isinstance(part, FSDPModule):
            part.reshard()  # a forward pass without a backward pass leaves it whole
    made: dict[int, nn.Parameter] = {}
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if isinstance(parameter, DTensor):
                if id(parameter) not in made:
                    made[id(parameter)] = nn.Parameter(whole(parameter).detach().cpu())
                part._parameters[name] = made[id(parameter)]
