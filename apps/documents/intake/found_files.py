"""Paths as an operator gives them - files, folders, patterns - as the files they stand for."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from apps.documents.intake.sources import SourceFile
from ragsite.core.errors import NotFoundError


def files_found(paths: Sequence[str]) -> Iterator[SourceFile]:
    """The files the paths stand for; of folders all files below, without hidden ones, links to folders and devices.

    A file's name is its path below the deepest folder that all given paths share, so that it is the same wherever the
    command is run. A folder that can't be read comes as a file that can't.

    Raises:
        NotFoundError: a path leads nowhere; raised before the first file is given.
    """
    places = [_place(path) for path in paths]
    root = Path(os.path.commonpath(places))
    for path in paths:
        for found in _files(path):
            yield from _source_file(found, root)


def _place(path: str) -> Path:
    """The folder below which a path's files lie."""
    given = Path(path).absolute()
    if given.is_dir():
        return given
    if given.exists():
        return given.parent
    if not glob.has_magic(path) or next(glob.iglob(path, recursive=True), None) is None:
        raise NotFoundError(f"There is no file or folder {path!r}.", action="Check the path.")
    fixed = given
    while glob.has_magic(str(fixed)):
        fixed = fixed.parent
    return fixed


def _files(path: str) -> Iterator[Path]:
    given = Path(path)
    if given.is_dir():
        return _below(given)
    if given.exists():
        return iter([given])
    return (Path(match) for match in glob.iglob(path, recursive=True) if not Path(match).is_dir())


def _below(folder: Path) -> Iterator[Path]:
    unreadable: list[Path] = []
    for where, folders, names in os.walk(folder, onerror=lambda error: unreadable.append(Path(error.filename))):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(where, name) for name in sorted(names) if not name.startswith("."))
    yield from unreadable


def _source_file(path: Path, root: Path) -> Iterator[SourceFile]:
    """The file, unless it is a device or went away a moment ago."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return
    if stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode):
        name = os.fsencode(os.path.relpath(path.absolute(), root)).decode("utf-8", "replace")
        yield SourceFile(name=name, path=path, size=about.st_size)
