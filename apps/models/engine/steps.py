"""What becomes of the states of a text's tokens: pooled to one vector, then through the checkpoint's further steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.nn import functional

from apps.models.errors import UnsupportedModelError
from apps.models.modules import Activation, Dense, LayerNorm, Pooling, Step

Vectors = Callable[[torch.Tensor], torch.Tensor]

ACTIVATIONS: dict[Activation, Vectors] = {
    Activation.IDENTITY: lambda vectors: vectors,
    Activation.TANH: torch.tanh,
    Activation.RELU: torch.relu,
    Activation.GELU: functional.gelu,
    Activation.SILU: functional.silu,
    Activation.SIGMOID: torch.sigmoid,
}


def pool(texts: Sequence[torch.Tensor], pooling: Pooling, *, left_out: Sequence[int]) -> torch.Tensor:
    """One vector a text, in float32, from the states of each text's tokens: (tokens, width), without the first `left_out`.

    Of a text that its prompt leaves no room for, the last token stays. Weights of a weighted mean are the tokens' places,
    counted from 1 with those left out.
    """
    return torch.stack(
        [_pooled(states, pooling, min(skip, len(states) - 1)) for states, skip in zip(texts, left_out, strict=True)]
    )


def _pooled(states: torch.Tensor, pooling: Pooling, skip: int) -> torch.Tensor:
    kept = states[skip:]
    match pooling:
        case Pooling.CLS:
            return kept[0].float()
        case Pooling.LAST:
            return kept[-1].float()
        case Pooling.MAX:
            return kept.amax(dim=0).float()
        case Pooling.MEAN:
            return kept.mean(dim=0, dtype=torch.float32)
        case Pooling.MEAN_SQRT:
            return kept.sum(dim=0, dtype=torch.float32) / math.sqrt(len(kept))
        case Pooling.WEIGHTED_MEAN:
            weights = torch.arange(skip + 1, len(states) + 1, dtype=torch.float32, device=states.device)
            mean: torch.Tensor = (weights / weights.sum()) @ kept.float()
            return mean


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
