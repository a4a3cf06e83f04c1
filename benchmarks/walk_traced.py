"""The tracing half of benchmarks.walk: imported once Django is set up."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.documents.models import KnowledgeBase
from apps.models.services.registry import bundled_model_path, model_register
from benchmarks.acting import ACTOR
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.models import Permission, Tenant
from workers.jobs import STAGES
from workers.running import job_run

PROJECT = str(Path(__file__).resolve().parents[1]) + "/"
ROOMS = ("apps/", "workers/", "ragsite/")
TEXT = "# Ferries\n\nThe ferry leaves the harbour at nine in the morning.\n\nIt takes two hours.\n"


@dataclass
class Walk:
    """The files in the order in which they are first entered, and how often a folder is entered that was left before."""

    files: list[str] = field(default_factory=list)
    returns: int = 0
    _last: str = ""
    _left: set[str] = field(default_factory=set)

    def enter(self, file: str) -> None:
        if file not in self.files:
            self.files.append(file)
        folder = str(Path(file).parent)
        if folder != self._last:
            self.returns += folder in self._left
            self._left.add(self._last)
            self._last = folder

    def figures(self) -> dict[str, int]:
        return {"files": len(self.files), "folders": len({Path(f).parent for f in self.files}), "returns": self.returns}

    def in_words(self) -> str:
        return "{files} files in {folders} folders, {returns} returns".format(**self.figures())


def walked() -> dict[str, Walk]:
    """The walk of a document from its upload until it is ready, and of a question until its answer."""
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    tenant = Tenant.objects.create(name="Harbour", slug="harbour")
    base = KnowledgeBase.objects.create(tenant=tenant, name="Handbooks")
    _, key = api_key_create(tenant=tenant, name="walker", permissions=tuple(Permission), actor=ACTOR)
    client = Client(headers={"Authorization": f"Bearer {key}"}, SERVER_NAME="localhost")
    _document(client, base, "warm.md", "# Warm\n\nEverything is imported once.\n")
    _question(client, "What is imported?")
    return {
        "document": _traced(lambda: _document(client, base, "ferries.md", TEXT)),
        "question": _traced(lambda: _question(client, "When does the ferry leave?")),
    }


def _document(client: Client, base: KnowledgeBase, name: str, text: str) -> None:
    sent = {"knowledge_base": str(base.pk), "file": SimpleUploadedFile(name, text.encode())}
    assert client.post("/api/v1/documents/", sent).status_code == 202
    for stage in STAGES:
        while job_run(stage):
            pass


def _question(client: Client, question: str) -> None:
    answer = client.post("/api/v1/ask", {"question": question}, content_type="application/json")
    assert answer.status_code == 200, answer.content


def _traced(walk_it: Callable[[], None]) -> Walk:
    walk = Walk()

    def look(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(PROJECT) and name[len(PROJECT) :].startswith(ROOMS):
            walk.enter(name[len(PROJECT) :])

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        walk_it()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return walk
