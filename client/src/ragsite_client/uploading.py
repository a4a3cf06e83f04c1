"""Files on their way to ragsite."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

File: TypeAlias = str | Path | tuple[str, bytes]
"""A file by its path, or a name and bytes."""

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many bytes of the files were sent, and of how many. What is sent again is counted from 0 again."""

OpenFile: TypeAlias = tuple[str, BinaryIO]


@contextmanager
def opened(files: Sequence[File]) -> Iterator[list[OpenFile]]:
    """The files' names, and their bytes to be read more than once."""
    with ExitStack() as until:
        yield [_opened(one, until) for one in files]


def parts(field: str, files: Sequence[OpenFile], progress: Progress | None) -> list[tuple[str, tuple[str, Any]]]:
    """The files as parts of a form of that field, read from their beginning."""
    for _, content in files:
        content.seek(0)
    if progress is None:
        return [(field, one) for one in files]
    meter = _Meter(sum(_size(content) for _, content in files), progress)
    return [(field, (name, _Metered(content, meter))) for name, content in files]


def form_fields(knowledge_base: str, about: Mapping[str, Any]) -> dict[str, str]:
    """What is said about files, as a form says it: what is no text is JSON, and what is empty is left out."""
    fields = {"knowledge_base": knowledge_base, **about}
    return {name: _text(value) for name, value in fields.items() if value or value is False}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(list(value) if isinstance(value, tuple) else value)


def _opened(file: File, until: ExitStack) -> OpenFile:
    if isinstance(file, tuple):
        return file[0], io.BytesIO(file[1])
    path = Path(file)
    return path.name, until.enter_context(path.open("rb"))


def _size(content: BinaryIO) -> int:
    size = content.seek(0, os.SEEK_END)
    content.seek(0)
    return size


class _Meter:
    def __init__(self, total: int, tell: Progress) -> None:
        self._sent, self._total, self._tell = 0, total, tell

    def add(self, size: int) -> None:
        self._sent += size
        self._tell(self._sent, self._total)


class _Metered:
    """A file that says how much of it is read; httpx reads a part, and sends it before it reads the next."""

    def __init__(self, content: BinaryIO, meter: _Meter) -> None:
        self._content, self._meter = content, meter
        self.seek, self.tell = content.seek, content.tell

    def read(self, size: int = -1) -> bytes:
        part = self._content.read(size)
        if part:
            self._meter.add(len(part))
        return part
