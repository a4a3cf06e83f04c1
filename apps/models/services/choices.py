"""What may be chosen for a version, and what it is where nothing was: by the checkpoint's files, or its family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.models.checkpoint import Checkpoint
from apps.models.errors import UnsupportedModelError
from apps.models.installed_model import ModelKind
from apps.models.prompts import NO_PROMPTS, Prompts, prompt_room, prompts_checked, prompts_of_family


@dataclass(frozen=True, slots=True)
class VersionChoices:
    """What may be chosen for a version of an embedding model; None leaves it to the checkpoint's files, or its family.

    `dimensions` are the first numbers of each vector that are kept.
    """

    query_prompt: str | None = None
    document_prompt: str | None = None
    dimensions: int | None = None


NO_CHOICES = VersionChoices()


def choices_check(choices: VersionChoices, *, kind: ModelKind, what: str) -> None:
    """Raises UnsupportedModelError: something is chosen for a model that reads no prompts and gives no vectors."""
    if kind != ModelKind.EMBEDDING and any((choices.query_prompt, choices.document_prompt, choices.dimensions)):
        raise UnsupportedModelError(
            f"{what!r} is a model for {kind.label.lower()}, which reads no prompts and gives no vectors.",
            action="Leave out prompts and dimensions.",
        )


def version_identity(checkpoint: Checkpoint, choices: VersionChoices, *, names: Sequence[str]) -> dict[str, Any]:
    """The columns that tell versions with the same weights apart: what was chosen; else what the files name; else what the
    model's family was trained with, which its `names` tell.

    Raises:
        UnsupportedModelError: it takes no prompts, they leave no room for a text, or its vectors are not so wide.
    """
    choices_check(choices, kind=checkpoint.kind, what=str(checkpoint.path))
    prompts = _prompts(checkpoint, choices, names=names)
    return {
        "query_prompt": prompts.query,
        "document_prompt": prompts.document,
        "dimensions": _dimensions(checkpoint, choices.dimensions),
    }


def _dimensions(checkpoint: Checkpoint, chosen: int | None) -> int | None:
    if chosen is not None and not 1 <= chosen <= (checkpoint.dimensions or 0):
        made = checkpoint.dimensions or "no"
        raise UnsupportedModelError(
            f"{str(checkpoint.path)!r} makes vectors of {made} dimensions, of which {chosen} cannot be kept.",
            action="Leave out --dimensions, or give fewer: as many as the model was trained to be cut to.",
        )
    return chosen or checkpoint.dimensions


def _prompts(checkpoint: Checkpoint, choices: VersionChoices, *, names: Sequence[str]) -> Prompts:
    chosen = (choices.query_prompt, choices.document_prompt)
    if checkpoint.kind != ModelKind.EMBEDDING:
        return NO_PROMPTS
    usual = checkpoint.prompts or prompts_of_family(names, model_type=checkpoint.model_type)
    query, document = (one if one is not None else other for one, other in zip(chosen, _both(usual), strict=True))
    return _fitting(prompts_checked(Prompts(query, document)), checkpoint)


def names_of(name: str, source: str | Path) -> list[str]:
    """What a model is called: its name, its source's last part, and the model's folder if it lies in the hub's cache."""
    parts = Path(source).parts
    return [name, *(part for part in parts if part.startswith("models--")), *parts[-1:]]


def _both(prompts: Prompts) -> tuple[str, str]:
    return prompts.query, prompts.document


def _fitting(prompts: Prompts, checkpoint: Checkpoint) -> Prompts:
    longest = max(_both(prompts), key=prompt_room)
    if (room := prompt_room(longest)) >= checkpoint.max_tokens:
        raise UnsupportedModelError(
            f"The prompt {longest[:60]!r} takes about {room} of the {checkpoint.max_tokens} tokens that the model reads.",
            action="Give a shorter one with --query-prompt or --document-prompt.",
        )
    return prompts
