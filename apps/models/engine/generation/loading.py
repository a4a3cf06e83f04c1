"""Loads language models: a folder of transformers with safetensors, or a GGUF file, whose weights are unpacked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig
from transformers.utils import logging as transformers_logging

from apps.models.checkpoint import Checkpoint
from apps.models.errors import UnsupportedModelError
from apps.models.gguf import SUFFIX, gguf_head

ARCHITECTURE: Any = AutoModelForCausalLM
LOCAL = {"local_files_only": True, "trust_remote_code": False}


def config_read(checkpoint: Checkpoint) -> Any:
    """The model's configuration as transformers has it, before its weights are read.

    Raises:
        UnsupportedModelError: transformers does not know such a model.
    """
    file = checkpoint.weights[0]
    try:
        if file.suffix == SUFFIX:
            stated = gguf_head(file).config()
            return AutoConfig.for_model(stated.pop("model_type"), **stated)
        return AutoConfig.from_pretrained(checkpoint.path, **LOCAL)
    except (OSError, ValueError, KeyError) as error:
        raise _unsupported(checkpoint.path, error) from error


def network_load(checkpoint: Checkpoint, dtype: torch.dtype) -> Any:
    """The network with its weights.

    Raises:
        UnsupportedModelError: the weights do not make up the network that the configuration describes.
    """
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder, options = _source(checkpoint)
    if "gguf_file" in options:
        options["quantization_config"] = GgufConfig(dequantize=True)
    else:
        options["use_safetensors"] = True
    try:
        network, report = ARCHITECTURE.from_pretrained(folder, dtype=dtype, output_loading_info=True, **options)
    except (OSError, ValueError, ImportError) as error:
        raise _unsupported(checkpoint.path, error) from error
    if missing := sorted(report["missing_keys"]):
        raise UnsupportedModelError(
            f"The weights at {str(checkpoint.path)!r} lack {missing[:3]} and {max(0, len(missing) - 3)} more.",
            action="Save the model again: without these the network would answer at random.",
        )
    return network.eval()


def tokenizer_load(checkpoint: Checkpoint) -> Any:
    """The model's tokenizer.

    Raises:
        UnsupportedModelError: it can't be read.
    """
    folder, options = _source(checkpoint)
    try:
        return AutoTokenizer.from_pretrained(folder, **options)
    except (OSError, ValueError, ImportError) as error:
        raise _unsupported(checkpoint.path, error) from error


def ending_tokens(network: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens with which the model ends its turn."""
    stated = (network.generation_config.eos_token_id, network.config.eos_token_id, tokenizer.eos_token_id)
    found: set[int] = set()
    for ids in stated:
        found.update(ids if isinstance(ids, list) else [] if ids is None else [ids])
    return frozenset(found)


def _source(checkpoint: Checkpoint) -> tuple[Path, dict[str, Any]]:
    file = checkpoint.weights[0]
    if file.suffix == SUFFIX:
        return file.parent, LOCAL | {"gguf_file": file.name}
    return checkpoint.path, dict(LOCAL)


def _unsupported(path: Path, error: Exception) -> UnsupportedModelError:
    return UnsupportedModelError(f"The model at {str(path)!r} could not be loaded: {error}")
