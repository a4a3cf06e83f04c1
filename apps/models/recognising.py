"""Tells by a checkpoint's configuration which kind of model it is. Each function is one row's of `apps.models.kinds`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.models.errors import UnsupportedModelError
from apps.models.judging import judges

CLASSIFIER = "ForSequenceClassification"
WRITER = "ForCausalLM"
READER = "ForQuestionAnswering"


def scores_pairs(path: Path, config: Mapping[str, Any]) -> bool:
    """Whether the model reads two texts together and gives one score: a classifier, or a causal model that answers yes or no.

    Raises:
        UnsupportedModelError: it is a classifier that gives several.
    """
    if judges(path, config):
        return True
    named = config.get("architectures") or []
    if not any(str(name).endswith(CLASSIFIER) for name in named):
        return False
    if (scores := _scores(config)) != 1:
        raise UnsupportedModelError(
            f"{str(path)!r} gives {scores} scores for a pair of texts, where a reranker gives one.",
            action="Use a cross-encoder with a single output, or an embedding model.",
        )
    return True


def writes_texts(path: Path, config: Mapping[str, Any]) -> bool:
    """Whether the model writes on from a text. One with steps above its network (modules.json) makes vectors of what it reads."""
    named = config.get("architectures") or []
    return any(str(name).endswith(WRITER) for name in named) and not (path / "modules.json").is_file()


def finds_answers(path: Path, config: Mapping[str, Any]) -> bool:
    """Whether the model marks where a passage answers a question. One with steps above its network makes vectors."""
    named = config.get("architectures") or []
    return any(str(name).endswith(READER) for name in named) and not (path / "modules.json").is_file()


def encodes_texts(path: Path, config: Mapping[str, Any]) -> bool:
    """Any other model: whatever stands above its encoder, the states of a text's tokens make a vector."""
    return True


def _scores(config: Mapping[str, Any]) -> int:
    labels = config.get("id2label")
    # A configuration that says nothing means two classes.
    return len(labels) if isinstance(labels, dict) else int(config.get("num_labels") or 2)
