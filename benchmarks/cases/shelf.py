"""The files of a case in a running system."""

from __future__ import annotations

import contextlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragsite_client import FileResult, ProblemError, Upload, WaitedTooLongError

from benchmarks.cases.checks import Case, ChunksCheck, UploadCheck
from benchmarks.cases.library import Library, UnreadableError

Chunking = Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that became a version of a document."""

    name: str
    document: str
    version: str


class Shelf:
    """A case's knowledge base, with its files in it. Those that are to be cut otherwise each lie in one of their own."""

    def __init__(self, library: Library, case: Case) -> None:
        self.library, self.case = library, case
        self.base = ""
        self._placed: dict[tuple[str, str], list[Placed] | str] = {}
        self._texts: dict[str, str] = {}

    def fill(self) -> None:
        """Upload everything that checks other than of uploads need."""
        own = [check for check in self.case.checks if isinstance(check, ChunksCheck) and check.chunking]
        if any(not isinstance(check, UploadCheck) and check not in own for check in self.case.checks):
            self.base = self.library.base(self.case.name)
            for path in self.case.files:
                self._placed[_key(path.name)] = self._place(self.base, path)
        for check in own:
            key = _key(check.file, check.chunking)
            if key not in self._placed:
                base = self.library.base(self.case.name, check.chunking)
                self._placed[key] = self._place(base, self.path(check.file))

    def await_ended(self) -> None:
        """Until nothing is worked on any more, or for too long."""
        versions = [one.version for placed in self._placed.values() if not isinstance(placed, str) for one in placed]
        with contextlib.suppress(WaitedTooLongError):
            list(self.library.client.as_ended(versions))

    def path(self, name: str) -> Path:
        """The file of that name, however its letters are composed on this disk.

        Raises:
            FileNotFoundError: there is none.
        """
        for path in self.case.folder.rglob("*"):
            if _composed(path.relative_to(self.case.folder).as_posix()) == _composed(name):
                return path
        raise FileNotFoundError(f"{self.case.name} has no {name}.")

    def all_of(self, name: str, chunking: Chunking = None) -> list[Placed]:
        """What the file became: one document, or those of a ZIP's members, of which the first is ready.

        Raises:
            UnreadableError: it was refused, or could not be read.
            WaitedTooLongError: it is not ready.
        """
        placed = self._placed.get(_key(name, chunking), "the case has no such file")
        if isinstance(placed, str):
            raise UnreadableError(f"{name}: {placed}")
        self.library.ready(placed[0].version)
        return placed

    def one(self, name: str, chunking: Chunking = None) -> Placed:
        """What the file became; errors as of `all_of`."""
        return self.all_of(name, chunking)[0]

    def text(self, name: str) -> str:
        """Its parsed text."""
        if name not in self._texts:
            self._texts[name] = self.library.text(self.one(name).version)
        return self._texts[name]

    def about(self, name: str) -> str:
        """Its title, metadata and tags."""
        return self.library.about(self.one(name).document)

    def narrowed_to(self, files: Sequence[str]) -> dict[str, Any]:
        """A search's options that let it find these files alone; none at all if there are none."""
        return {"filters": {"documents": [self.one(name).document for name in files]}} if files else {}

    def _place(self, base: str, path: Path) -> list[Placed] | str:
        """What became of a file, or why it was refused."""
        try:
            if path.suffix == ".zip":
                results = self.library.upload_zip(base, path)
                return [_member(one) for one in results if one.version] or "no member was taken"
            return [_single(path.name, self.library.client.upload(base, (path.name, path.read_bytes())))]
        except ProblemError as error:
            return error.detail


def _key(name: str, chunking: Chunking = None) -> tuple[str, str]:
    return _composed(name), json.dumps(chunking) if chunking else ""


def _single(name: str, upload: Upload) -> Placed:
    return Placed(name, upload.document, upload.version.id)


def _member(result: FileResult) -> Placed:
    return Placed(result.filename, result.document or "", result.version.id if result.version else "")


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
