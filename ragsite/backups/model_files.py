"""Which files of models a backup keeps, and where they lie after a restore.

What a hub has can be downloaded again, by its commit and digests; what comes as a package is installed with it. A folder that
somebody registered is nowhere else: its files are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

from apps.models.gguf import SUFFIX
from apps.models.models import ModelVersion
from apps.models.services.registry import BUNDLED_WRITER, bundled_model_path, bundled_writer_path
from ragsite.backups.manifest import StoredFile

RESTORED = "restored"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ModelsKept(StrEnum):
    """Whose files go into a backup."""

    OWN = "own"
    ALL = "all"
    NONE = "none"


def model_files(
    versions: Sequence[tuple[str, str, list[dict[str, Any]]]], kept: ModelsKept
) -> Iterator[tuple[StoredFile, Path]]:
    """Each file that is kept: by its path on this installation, its size and its digest; and where it is read."""
    for source, path, files in versions:
        if _is_kept(source, path, kept):
            for one in files:
                at = _folder_of(path) / one["name"]
                yield StoredFile(str(at), one["bytes"], one["sha256"]), at


def place_after(path: str, *, before: Path, now: Path) -> Path:
    """Where a file or folder of a model lies after a restore: below the folder of models, in the same place if it was there, else
    below `restored`.
    """
    if Path(path).is_relative_to(before):
        return now / Path(path).relative_to(before)
    return now / RESTORED / PurePosixPath(path).relative_to("/")


def paths_follow(*, before: Path, now: Path, restored: frozenset[str]) -> int:
    """Let versions name the files that were restored, and those of the folder of models where it lies now; how many changed."""
    changed = 0
    for version in ModelVersion.objects.exclude(path=""):
        files = {str(_folder_of(version.path) / one["name"]) for one in version.files}
        if Path(version.path).is_relative_to(before) or (files and files <= restored):
            path = str(place_after(version.path, before=before, now=now))
            changed += path != version.path and ModelVersion.objects.filter(pk=version.pk).update(path=path)
    return changed


def _is_kept(source: str, path: str, kept: ModelsKept) -> bool:
    if kept is ModelsKept.OWN:
        return Path(source).is_absolute() and not _is_bundled(source, path)
    return kept is ModelsKept.ALL and not _is_bundled(source, path)


def _is_bundled(source: str, path: str) -> bool:
    packaged = {str(one.resolve()) for one in (bundled_model_path(), bundled_writer_path()) if one is not None}
    return source == BUNDLED_WRITER or str(Path(path).resolve()) in packaged


def _folder_of(path: str) -> Path:
    """What the names of its files are relative to."""
    return Path(path).parent if path.endswith(SUFFIX) else Path(path)
