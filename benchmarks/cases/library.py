"""A running system as those see it who use it over its API, with what the cases need beside the typed client."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from ragsite_client import Client, FileResult, Upload, Version
from ragsite_client.line import ADDRESS, Line
from ragsite_client.reading import made

TIMEOUT_SECONDS = 120.0
READY_SECONDS = 180.0
RETRIES = 5
PAGE = 100
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
        self._line = Line(url, key, timeout=TIMEOUT_SECONDS, retries=RETRIES, transport=None)
        self._address, self._headers = f"{url.rstrip('/')}{ADDRESS}", {"Authorization": f"Bearer {key.strip()}"}

    def base(self, name: str, chunking: Mapping[str, Any] | None = None) -> str:
        """A new knowledge base."""
        settings = {"chunking": chunking} if chunking else {}
        return self.client.create_knowledge_base(f"{name} {time.time_ns()}", **settings).id

    def upload_zip(self, base: str, path: Path) -> list[FileResult]:
        """What became of each member."""
        return self.client.upload_many(base, [(path.name, path.read_bytes())])

    def replace(self, document: str, path: Path) -> Upload:
        """Make the file the next version of the document."""
        files = {"file": (path.name, path.read_bytes())}
        address = f"{self._address}/documents/{document}/"
        reply = self._line.send(
            lambda: httpx.Request("PUT", address, files=files, headers=self._headers), repeatable=False
        )
        return made(Upload, reply)

    def roll_back(self, document: str, version: str) -> None:
        """Make an earlier version answer again."""
        self._line.put("POST", f"/documents/{document}/rollback/", {"version": version})

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
        asked = httpx.QueryParams(knowledge_base=base, **narrowed)
        return int(self._line.get(f"/documents/?{asked}")["count"])

    def chunks(self, version: str) -> list[Chunk]:
        """In the order of the text."""
        rows: list[Chunk] = []
        while True:
            asked = httpx.QueryParams(limit=PAGE, offset=len(rows))
            page = self._line.get(f"/versions/{version}/chunks/?{asked}")
            rows += [made(Chunk, one) for one in page["results"]]
            if not page["results"] or len(rows) >= page["count"]:
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
        found = self._line.get(f"/versions/{new}/diff/?{httpx.QueryParams(against=old)}")
        return json.dumps(found, ensure_ascii=False)
