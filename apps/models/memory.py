"""What a model takes beside its weights while it computes. Each function is one row's of `apps.models.kinds`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GATED = {"modernbert", "nomic_bert", "qwen3", "gemma3_text"}
"""Model types whose feed-forward part has a gate."""


def encoder_token_numbers(config: Mapping[str, Any]) -> int:
    """How many numbers an encoder keeps at once for each token of a batch.

    The most are there in a layer's feed-forward part: what it is given, what is added to its result, that result, and the
    widening in between before and after its activation; where a gate is multiplied with it, that too. Nothing is kept from
    layer to layer.
    """
    width = _first(config, "hidden_size", "dim", "d_model", "n_embd")
    widened = _first(config, "intermediate_size", "hidden_dim", "encoder_ffn_dim", "n_inner") or 4 * width
    return 3 * width + (3 if config.get("model_type") in GATED else 2) * widened


def _first(config: Mapping[str, Any], *names: str) -> int:
    return next((int(config[name]) for name in names if config.get(name)), 0)
