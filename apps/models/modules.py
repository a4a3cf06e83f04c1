"""The steps by which a sentence-transformers checkpoint makes one vector of the states of a text's tokens."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.models.errors import UnsafeWeightsError, UnsupportedModelError

WEIGHTS = "model.safetensors"
OWN_CODE = "sentence_transformers."
"""Where modules come from that need no code of the checkpoint's own."""


TAKEN_OVER = {"nomic_bert"}
"""Model types whose checkpoints still name code that transformers has of its own by now."""


class Pooling(enum.Enum):
    """How the vectors of the tokens become the vector of the text."""

    MEAN = "mean"
    CLS = "cls"
    LAST = "lasttoken"
    WEIGHTED_MEAN = "weightedmean"
    MAX = "max"
    MEAN_SQRT = "mean_sqrt_len_tokens"


# The second names are those of older checkpoints, which have a flag for each.
_POOLINGS = {pooling.value: pooling for pooling in Pooling} | {
    "mean_tokens": Pooling.MEAN,
    "cls_token": Pooling.CLS,
    "weightedmean_tokens": Pooling.WEIGHTED_MEAN,
    "max_tokens": Pooling.MAX,
}


class Activation(enum.Enum):
    """What follows a dense layer, by the name of its class in torch.nn."""

    IDENTITY = "Identity"
    TANH = "Tanh"
    RELU = "ReLU"
    GELU = "GELU"
    SILU = "SiLU"
    SIGMOID = "Sigmoid"


@dataclass(frozen=True, slots=True)
class Dense:
    """A linear layer, `linear.weight` and perhaps `linear.bias` in `weights`, and its activation."""

    weights: Path
    width: int
    has_bias: bool
    activation: Activation


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """A normalisation with `norm.weight` and `norm.bias` in `weights`."""

    weights: Path


@dataclass(frozen=True, slots=True)
class Normalize:
    """Every vector is brought to length 1."""


Step = Dense | LayerNorm | Normalize


@dataclass(frozen=True, slots=True)
class Modules:
    """What follows the network: pooling, with a prompt's tokens or without, then steps in this order.

    `width` is what pooling says of the states, or None.
    """

    pooling: Pooling
    pools_prompt: bool
    width: int | None
    steps: tuple[Step, ...]

    @property
    def weights(self) -> tuple[Path, ...]:
        """The files of the steps, in their order."""
        return tuple(step.weights for step in self.steps if not isinstance(step, Normalize))

    @property
    def last_width(self) -> int | None:
        """The width of the vectors that come out; None where no step says one."""
        widths = [step.width for step in self.steps if isinstance(step, Dense)]
        return widths[-1] if widths else self.width


def modules_read(path: Path) -> Modules:
    """What modules.json names after the transformer; for a plain transformer pooling by its config, or the mean.

    Raises:
        UnsupportedModelError: a step is unknown, asks for code of its own, or comes in an order that makes no vector.
        UnsafeWeightsError: a step's weights are no safetensors.
    """
    listed = modules_listed(path)
    names = [name for name, _ in listed]
    if listed and names[:2] != ["Transformer", "Pooling"]:
        raise UnsupportedModelError(
            f"{str(path)!r} is made of {', '.join(names)}.",
            action="Use a model that begins with Transformer and Pooling.",
        )
    folder = path / (dict(listed[:2]).get("Pooling") or "1_Pooling")
    pooling = json_read(folder / "config.json") or {}
    return Modules(
        pooling=_pooling(path, pooling),
        pools_prompt=bool(pooling.get("include_prompt", True)),
        width=pooling.get("word_embedding_dimension") or pooling.get("embedding_dimension"),
        steps=tuple(_step(path / folder, name) for name, folder in listed[2:] if name != "Dropout"),
    )


def scoring_check(path: Path) -> None:
    """Refuse a reranker that does more than its network and the logits of its last token tell.

    Raises:
        UnsupportedModelError: it names other steps, or asks for code of its own.
    """
    others = [name for name, _ in modules_listed(path) if name not in ("Transformer", "LogitScore")]
    if others:
        raise UnsupportedModelError(
            f"{str(path)!r} is a reranker with the steps {', '.join(others)}.",
            action="Use one that scores by its network alone, or by the logits of an answer (LogitScore).",
        )


def own_code_check(path: Path) -> None:
    """Refuse an encoder whose config.json names code of its own, which would have to be run for it to mean what it should.

    Without it, transformers builds what it knows by that `model_type`, and vectors may be others without a word.

    Raises:
        UnsupportedModelError: it does, and transformers is not known to have taken that code over.
    """
    config = json_read(path / "config.json") or {}
    if (named := config.get("auto_map")) and config.get("model_type") not in TAKEN_OVER:
        raise UnsupportedModelError(
            f"{str(path)!r} needs the code {', '.join(sorted(map(str, named.values())))}, which comes with the checkpoint and is"
            " never run.",
            action="Use a model, or a copy of this one, that transformers builds by itself.",
        )


def modules_listed(path: Path) -> list[tuple[str, str]]:
    """The names and folders of modules.json, in their order; empty where there is none.

    Raises:
        UnsupportedModelError: one asks for code of its own.
    """
    listed = [(str(module["type"]), str(module["path"])) for module in json_read(path / "modules.json") or []]
    foreign = [kind for kind, _ in listed if not kind.startswith(OWN_CODE)]
    if foreign:
        raise UnsupportedModelError(
            f"{str(path)!r} needs the code {', '.join(foreign)}, which comes with the checkpoint and is never run.",
            action="Use a model that needs no code of its own.",
        )
    return [(kind.rsplit(".", 1)[-1], folder) for kind, folder in listed]


def json_read(file: Path) -> Any:
    """What a JSON file holds; None where there is none.

    Raises:
        UnsupportedModelError: it is not JSON.
    """
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnsupportedModelError(
            f"{str(file)!r} is not JSON: {error}.", action="Copy the checkpoint again."
        ) from error


def _step(folder: Path, name: str) -> Step:
    match name:
        case "Normalize":
            return Normalize()
        case "LayerNorm":
            return LayerNorm(_weights(folder))
        case "Dense":
            return _dense(folder, json_read(folder / "config.json") or {})
        case unknown:
            raise UnsupportedModelError(
                f"{str(folder.parent)!r} has the step {unknown}.",
                action="Use a model made of Transformer, Pooling, Dense, LayerNorm and Normalize only.",
            )


def _dense(folder: Path, config: Mapping[str, Any]) -> Dense:
    odd = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding", "use_residual": False}
    for key, usual in odd.items():
        if (value := config.get(key)) not in (None, usual):
            raise UnsupportedModelError(
                f"{str(folder)!r} has {key}={value!r}, where {usual!r} is offered.",
                action="Use a model whose dense layers work on the text's vector alone.",
            )
    return Dense(
        _weights(folder), int(config["out_features"]), bool(config.get("bias", True)), _activation(folder, config)
    )


def _activation(folder: Path, config: Mapping[str, Any]) -> Activation:
    named = str(config.get("activation_function", "torch.nn.Tanh"))
    known = {activation.value: activation for activation in Activation}
    name = named.rsplit(".", 1)[-1]
    if not named.startswith("torch.nn.") or name not in known:
        raise UnsupportedModelError(
            f"{str(folder)!r} has the activation {named!r}.", action=f"Use one of torch.nn's {', '.join(known)}."
        )
    return known[name]


def _weights(folder: Path) -> Path:
    if not (folder / WEIGHTS).is_file():
        raise UnsafeWeightsError(f"{str(folder)!r} has no {WEIGHTS}.")
    return folder / WEIGHTS


def _pooling(path: Path, config: Mapping[str, Any]) -> Pooling:
    modes = _modes(config)
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        names = ", ".join(pooling.value for pooling in Pooling)
        raise UnsupportedModelError(
            f"{str(path)!r} pools by {', '.join(modes)}.", action=f"Use a model that pools by one of {names}."
        )
    return _POOLINGS[modes[0]]


def _modes(config: Mapping[str, Any]) -> Sequence[str]:
    """The modes that are on, in either of the two ways in which they are written; the mean where nothing is said."""
    named = config.get("pooling_mode")
    if named is not None:
        return [named] if isinstance(named, str) else list(named)
    flags = [key.removeprefix("pooling_mode_") for key, on in config.items() if key.startswith("pooling_mode_") and on]
    return sorted(flags) or ["mean"]
