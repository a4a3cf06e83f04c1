"""What a store of blobs does, whichever it is, and what it is given to write."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Protocol

from django.core.files.base import File


class BlobStore(Protocol):
    """A Django storage with what a store of very many blobs needs beside.

    Names are `tenant/blob`, two ids; their order is that of the characters. What goes wrong is an OSError of this machine, or
    a TransientError in words.
    """

    is_local: bool
    """Whether a blob is a file of this machine, at `path(name)`."""

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Write what `content` yields, whole or not at all; the name must be new."""

    def open(self, name: str, mode: str = "rb") -> File[bytes]:
        """Read from the beginning. Raises FileNotFoundError."""

    def path(self, name: str) -> str:
        """Raises NotImplementedError: blobs are no files here."""

    def remove(self, names: Collection[str]) -> None:
        """Remove blobs; missing ones are no error."""

    def names_after(self, position: str, *, limit: int) -> list[str]:
        """The first names after `position`, a name or "", in order; fewer than `limit` only at the end."""

    def older_than(self, names: Collection[str], seconds: float) -> list[str]:
        """Those of the names whose blobs are there and were written longer ago than that."""

    def check(self) -> None:
        """Raises TransientError: blobs can't be kept there; says why and what to do. Quick."""


class Parts:
    """Bytes that come in parts, as the content of a Django storage: read once, from front to back."""

    name = None
    closed = False

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._left = b""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The parts as they come, whatever size is asked for."""
        return self._parts

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer only at the end; all that is left when `size` is negative."""
        gathered, length = [self._left], len(self._left)
        while size < 0 or length < size:
            part = next(self._parts, None)
            if part is None:
                break
            gathered.append(part)
            length += len(part)
        whole = b"".join(gathered)
        end = length if size < 0 else size
        self._left = whole[end:]
        return whole[:end]

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing to close: the parts are whose they were."""
