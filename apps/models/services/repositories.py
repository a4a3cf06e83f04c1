"""What a hub's repository holds, and which of it is downloaded: weights that run no code, configuration and vocabulary.

Pure: the hub is asked in `hub.py`, and files are read in `pulling_work.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from apps.models.checkpoint import PICKLED
from apps.models.errors import UnsafeWeightsError, UnsupportedModelError
from apps.models.gguf import SUFFIX
from apps.models.modules import WEIGHTS
from ragsite.core.errors import ModelNotFoundError, PermanentError

COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
PLAIN = (".json", ".txt", ".model", ".jinja")
SAFE_WEIGHTS = (".safetensors", SUFFIX)
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
OTHER_FORMATS = frozenset({"onnx", "openvino", "original", "coreml", "tflite", "flax", "tensorrt"})
"""Folders in which repositories keep the same model for other programs."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the hub states it: `sha256` of those kept as large files, `blob` (git's SHA-1) of the others."""

    name: str
    bytes: int
    sha256: str = ""
    blob: str = ""

    @property
    def is_weights(self) -> bool:
        return self.name.endswith(SAFE_WEIGHTS)


@dataclass(frozen=True, slots=True)
class Plan:
    """The files of a version that are downloaded, small ones first, and the licence that its card states."""

    files: tuple[HubFile, ...]
    licence: str = ""

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def weights(self) -> tuple[HubFile, ...]:
        return tuple(file for file in self.files if file.is_weights)

    @property
    def is_packed(self) -> bool:
        """Whether its weights are GGUF, which holds a language model with all that belongs to it."""
        return all(file.name.endswith(SUFFIX) for file in self.weights)

    def encode(self) -> list[dict[str, Any]]:
        """The files as JSON."""
        return [asdict(file) for file in self.files]

    @classmethod
    def decode(cls, files: Iterable[Mapping[str, Any]], *, licence: str) -> Plan:
        return cls(tuple(HubFile(**file) for file in files), licence)


def revision_check(hub_id: str, revision: str | None) -> str:
    """The revision, which pins a version.

    Raises:
        ModelNotFoundError: `hub_id` names no repository.
        PermanentError: (code `unpinned_revision`) it is not a commit's full hash.
    """
    if not HUB_ID.fullmatch(hub_id):
        raise ModelNotFoundError(f"{hub_id[:200]!r} is no hub id such as 'owner/name'.", action="Give one.")
    if revision is None or not COMMIT.fullmatch(revision):
        raise PermanentError(
            f"The revision {revision!r} of {hub_id!r} is not a commit: branches and tags can change.",
            code="unpinned_revision",
            action="Give the full 40-digit commit hash with --revision.",
        )
    return revision


def plan_make(source: str, found: Sequence[HubFile], *, wanted: str = "", licence: str = "") -> Plan:
    """Choose what to download of a repository's files; `wanted` names the weights where there are several to choose from.

    Raises:
        UnsafeWeightsError: its weights are pickled.
        UnsupportedModelError: it has no weights, or not the wanted ones, or several of which one has to be named.
    """
    files = [file for file in found if _is_ours(file.name)]
    weights = _weights(source, files, wanted) or _none(source, found)
    chosen = [file for file in files if file.name.endswith(PLAIN)] + weights
    return Plan(tuple(sorted(chosen, key=lambda file: (file.is_weights, file.name))), licence)


def _weights(source: str, files: list[HubFile], wanted: str) -> list[HubFile]:
    if wanted:
        named = [file for file in files if file.name == wanted and file.is_weights]
        if not named:
            raise UnsupportedModelError(
                f"{source!r} has no weights {wanted!r}; it has {_names(file for file in files if file.is_weights)}.",
                action="Name one of these.",
            )
        return named
    tensors = [file for file in files if file.name.endswith(".safetensors") and _is_loaded(file.name)]
    if tensors:
        return tensors
    packed = [file for file in files if file.name.endswith(SUFFIX)]
    if len(packed) > 1:
        raise UnsupportedModelError(
            f"{source!r} has the weights {_names(packed)}.", action="Say which to take with --file."
        )
    return packed


def _none(source: str, found: Sequence[HubFile]) -> list[HubFile]:
    pickled = [file for file in found if any(PurePosixPath(file.name).match(pattern) for pattern in PICKLED)]
    if pickled:
        raise UnsafeWeightsError(
            f"{source!r} has only pickled weights ({_names(pickled)}), which can run code when they are read.",
            action="Choose a revision with model.safetensors, or convert it and register the folder.",
        )
    raise UnsupportedModelError(
        f"{source!r} has no {WEIGHTS}, nor any other safetensors or GGUF.", action="Check the name and the commit."
    )


def _is_ours(name: str) -> bool:
    """Whether a file may be taken at all: of a known type, at a plain place within the folder."""
    parts = PurePosixPath(name).parts
    plain = bool(parts) and not name.startswith("/") and all(part[0] != "." for part in parts)
    return plain and not OTHER_FORMATS & set(parts[:-1]) and name.endswith((*PLAIN, *SAFE_WEIGHTS))


def _is_loaded(name: str) -> bool:
    """Whether an engine reads it, at the top or in the folder of one of the model's steps; variants for others are left."""
    last = PurePosixPath(name).name
    return last == WEIGHTS or SHARD.fullmatch(last) is not None


def _names(files: Iterable[HubFile]) -> str:
    names = [file.name for file in files]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (", ".join(names[:5]) or "none") + more
