"""Digests of a checkpoint's files: kept when it is registered or downloaded, and compared when it is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from apps.models.checkpoint import BLOCK, Checkpoint, digests_joined, file_sha256
from apps.models.services.repositories import PLAIN, HubFile


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a version as it must be: its name within the folder, its size, its SHA-256."""

    name: str
    bytes: int
    sha256: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def folder_files(checkpoint: Checkpoint) -> list[KeptFile]:
    """What there is of a checkpoint, all of which is read."""
    folder = checkpoint.folder
    return [
        KeptFile(str(file.relative_to(folder)), file.stat().st_size, file_sha256(file))
        for file in checkpoint_files(checkpoint)
    ]


def checkpoint_files(checkpoint: Checkpoint) -> list[Path]:
    """The files of a checkpoint: its weights, and the plain ones at the top and in the folders of its steps."""
    folder = checkpoint.folder
    if folder != checkpoint.path:
        return list(checkpoint.weights)
    plain = {file for at in (folder.glob("*"), folder.glob("*/*")) for file in at if file.name.endswith(PLAIN)}
    steps = set(folder.glob("*/*.safetensors"))
    return [file for file in sorted(plain | steps | set(checkpoint.weights)) if file.is_file()]


def weights_digest(checkpoint: Checkpoint, files: Iterable[KeptFile]) -> str:
    """As `weights_sha256`, of digests that are known."""
    known = {file.name: file.sha256 for file in files}
    names = [str(file.relative_to(checkpoint.folder)) for file in checkpoint.weights]
    return digests_joined([(known[name], Path(name).name) for name in names])


def is_as_stated(file: Path, stated: HubFile) -> bool:
    """Whether a file has the digest that the hub states of it, by whichever it states; one without any is taken by its size."""
    if file.stat().st_size != stated.bytes:
        return False
    if stated.sha256:
        return file_sha256(file) == stated.sha256
    return not stated.blob or _git_blob(file, stated.bytes) == stated.blob


def _git_blob(file: Path, size: int) -> str:
    """The name that git gives a file's content: SHA-1 of `blob`, its size, a zero byte and the content."""
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with file.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
