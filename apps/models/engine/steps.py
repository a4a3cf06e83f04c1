"""What becomes of pooled vectors: the further steps of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.nn import functional

from apps.models.errors import UnsupportedModelError
from apps.models.modules import Activation, Dense, LayerNorm, Step

Vectors = Callable[[torch.Tensor], torch.Tensor]

ACTIVATIONS: dict[Activation, Vectors] = {
    Activation.IDENTITY: lambda vectors: vectors,
    Activation.TANH: torch.tanh,
    Activation.RELU: torch.relu,
    Activation.GELU: functional.gelu,
    Activation.SILU: functional.silu,
    Activation.SIGMOID: torch.sigmoid,
}


def steps_load(steps: Sequence[Step], device: torch.device) -> list[Vectors]:
    """What each step makes of vectors (n, width), computed in float32.

    Raises:
        UnsupportedModelError: a step's weights are not those of its kind.
    """
    return [_loaded(step, device) for step in steps]


def _loaded(step: Step, device: torch.device) -> Vectors:
    match step:
        case Dense():
            names = ["linear.weight", "linear.bias"] if step.has_bias else ["linear.weight"]
            weight, *bias = _tensors(step.weights, names, device)
            after = ACTIVATIONS[step.activation]
            return lambda vectors: after(functional.linear(vectors, weight, *bias))
        case LayerNorm():
            scale, shift = _tensors(step.weights, ["norm.weight", "norm.bias"], device)
            return lambda vectors: functional.layer_norm(vectors, scale.shape, scale, shift)
        case _:
            return functional.normalize


def _tensors(file: Path, names: Sequence[str], device: torch.device) -> list[torch.Tensor]:
    try:
        found = load_file(file)
        return [found[name].to(device, torch.float32) for name in names]
    except (SafetensorError, KeyError) as error:
        raise UnsupportedModelError(
            f"{str(file)!r} holds no {', '.join(names)}: {error}.", action="Save the model again."
        ) from error
