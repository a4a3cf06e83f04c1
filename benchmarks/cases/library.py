"""A running system as those see it who use it over its API, with what the cases need beside the typed client."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragsite_client import Client, FileResult, Upload, Version
from ragsite_client.reading import made

TIMEOUT_SECONDS = 120.0
READY_SECONDS = 180.0
RETRIES = 5
READY = "ready"


class UnreadableError(Exception):
    """A file was refused, or could not be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk with where in the parsed text it stands."""

    text: str
    start: int
    end: int
    table_header: str = ""


class Library:
    """Knowledge bases and documents of a system."""

    def __init__(self, url: str, key: str) -> None:
        self.client = Client(url, key, timeout=TIMEOUT_SECONDS, retries=RETRIES)

    def base(self, name: str, chunking: Mapping[str, Any] | None = None) -> str:
        """A new knowledge base."""
        settings = {"chunking": chunking} if chunking else {}
        return self.client.create_knowledge_base(f"{name} {time.time_ns()}", **settings).id

    def upload_zip(self, base: str, path: Path) -> list[FileResult]:
        """What became of each member."""
        return self.client.upload_many(base, [(path.name, path.read_bytes())])

    def replace(self, document: str, path: Path) -> Upload:
        """Make the file the next version of the document."""
        return self.client.upload_version(document, path)

    def roll_back(self, document: str, version: str) -> None:
        """Make an earlier version answer again."""
        self.client.call("POST", f"/documents/{document}/rollback/", {"version": version})

    def ready(self, version: str) -> Version:
        """The version once it is.

        Raises:
            UnreadableError: it became something else.
            WaitedTooLongError: it became nothing.
        """
        (found,) = self.client.as_ended([version], seconds=READY_SECONDS)
        if found.status != READY:
            raise UnreadableError(f"{found.status}: {found.error_code} {found.error}")
        return found

    def about(self, document: str) -> str:
        """Title, metadata and tags."""
        found = self.client.document(document)
        return "\n".join([found.title, json.dumps(dict(found.metadata), ensure_ascii=False), *found.tags])

    def count(self, base: str, **narrowed: str) -> int:
        """How many documents the list has."""
        return int(self.client.call("GET", "/documents/", knowledge_base=base, **narrowed)["count"])

    def chunks(self, version: str) -> list[Chunk]:
        """In the order of the text."""
        rows = [made(Chunk, one) for one in self.client.rows(f"/versions/{version}/chunks/")]
        return sorted(rows, key=lambda chunk: (chunk.start, chunk.end))

    def text(self, version: str) -> str:
        """The parsed text, put together again from its chunks, which overlap."""
        text = ""
        for chunk in self.chunks(version):
            if chunk.start > len(text):
                text = f"{text}\n".ljust(chunk.start)
            text += chunk.text[len(text) - chunk.start :]
        return text

    def difference(self, new: str, old: str) -> str:
        """What the API says that differs between two versions, as JSON."""
        found = self.client.call("GET", f"/versions/{new}/diff/", against=old)
        return json.dumps(found, ensure_ascii=False)
