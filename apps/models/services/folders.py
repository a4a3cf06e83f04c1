"""Models that somebody has put into the folder of models: which there are, and the wish that one is added.

Only what lies in that folder is taken, and nothing that leads out of it: who may add a model so does not read the machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from apps.models.checkpoint import Checkpoint
from apps.models.errors import UnsupportedModelError
from apps.models.gguf import SUFFIX
from apps.models.installed_model import ModelKind
from apps.models.models import MODEL_USABLE, ModelTask, ModelVersion, TaskKind
from apps.models.modules import WEIGHTS
from apps.models.services.registry import checkpoint_usable
from apps.models.services.tasks import task_open
from ragsite.core.actors import Actor
from ragsite.core.bounds import lengths_check
from ragsite.core.configuration import ModelStoreSettings
from ragsite.core.errors import ConflictError, ModelNotFoundError

DEEPEST = 4
"""Folders below that of models: a hub's cache has its snapshots in the third."""

MOST_LOOKED_INTO = 5_000
MOST_OFFERED = 200
_CACHED = "models--"


@dataclass(frozen=True, slots=True)
class FoundFolder:
    """A model by its place in the folder of models, and what it is called if nobody names it."""

    place: str
    name: str


def folders_found() -> list[FoundFolder]:
    """The models in the folder of models that are not installed: folders with safetensors, and GGUF files. In their order."""
    root = models_root()
    installed = ModelVersion.objects.filter(status__in=sorted(MODEL_USABLE)).exclude(path="")
    known = set(installed.values_list("path", flat=True))
    found = (path for path in _models_below(root) if str(path) not in known)
    places = sorted(str(PurePosixPath(path.relative_to(root))) for path in islice(found, MOST_OFFERED))
    return [FoundFolder(place, name_of(place)) for place in places]


def name_of(place: str) -> str:
    """What a model is called that lies there: as at its hub, where the folders say so."""
    first, *rest = PurePosixPath(place).parts
    named = first.removeprefix(_CACHED)
    if "--" in named and (rest or first != named):
        return named.replace("--", "/", 1)
    return str(PurePosixPath(first, *rest)).removesuffix(SUFFIX)


def folder_allowed(place: str) -> Path:
    """Where a place in the folder of models is.

    Raises:
        ModelNotFoundError: there is no model, or it leads out of that folder, by itself or by a link.
    """
    root = models_root()
    path = root / place
    if not place or "\0" in place or _is_hidden(PurePosixPath(place)) or path.resolve() != path or not path.exists():
        raise ModelNotFoundError(
            f"There is no model {place!r} in the folder of models.", action="Choose one of those that the page offers."
        )
    if outside := next((file for file in _files_of(path) if not file.resolve().is_relative_to(root)), None):
        raise ModelNotFoundError(
            f"{outside.name!r} of {place!r} is a link that leads out of the folder of models.",
            action="Copy the file itself there.",
        )
    return path


def model_add_folder(*, place: str, name: str = "", kind: ModelKind | None = None, actor: Actor) -> ModelTask:
    """Ask for a model of the folder of models to be added: a model worker reads all of its files, and registers it. What is asked
    for already is not asked for twice.

    Raises:
        ModelNotFoundError: as `folder_allowed`.
        UnsafeWeightsError: there are no safetensors.
        UnsupportedModelError: it is incomplete, of a kind that is not offered, or not of the kind that it should be.
        ConflictError: another folder is being added under that name.
    """
    path = folder_allowed(place)
    _kind_check(checkpoint_usable(path), kind, place)
    called = name or name_of(place)
    lengths_check(ModelTask, name=called, folder=place)
    task = task_open(TaskKind.FOLDER, None, name=called, revision="", source=place, folder=place, actor=actor)
    if task.folder != place:
        raise ConflictError(
            f"Another folder, {task.folder!r}, is being added as {called!r}.",
            action="Wait for it, or give another name.",
        )
    return task


def models_root() -> Path:
    """The folder of models, without links."""
    return ModelStoreSettings.current().folder.resolve()


def _kind_check(checkpoint: Checkpoint, kind: ModelKind | None, place: str) -> None:
    if kind is not None and checkpoint.kind != kind:
        raise UnsupportedModelError(
            f"{place!r} is a model for {checkpoint.kind.label.lower()}, and not for {kind.label.lower()}.",
            action="Choose another folder, or leave the kind to its files.",
        )


def _models_below(root: Path) -> Iterator[Path]:
    """Links are not followed, and what begins with a dot is not looked into: downloads under way are there."""
    for at, folders, names in islice(os.walk(root), MOST_LOOKED_INTO):
        here = Path(at)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if here == root:
            names = [name for name in names if name.endswith(SUFFIX)]
        if "config.json" in names and any(name.endswith(Path(WEIGHTS).suffix) for name in names):
            folders.clear()
            yield here
            continue
        yield from (here / name for name in sorted(names) if name.endswith(SUFFIX) and not (here / name).is_symlink())
        if len(here.relative_to(root).parts) >= DEEPEST:
            folders.clear()


def _files_of(path: Path) -> Iterator[Path]:
    """All that a checkpoint's files can be."""
    yield path
    if path.is_dir():
        yield from path.glob("*")
        yield from path.glob("*/*")


def _is_hidden(place: PurePosixPath) -> bool:
    return place.is_absolute() or any(part.startswith(".") for part in place.parts)
