"""A request to each operation that does what it is there for: what is sent, and what has to be there before."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.test import Client

from apps.documents.lifecycle.editing import document_edit
from apps.documents.lifecycle.edits import Edit
from apps.documents.lifecycle.versions import version_cancel
from apps.documents.models import DeletionState, DocumentVersion, KnowledgeBaseDeletion, TextEdit
from apps.retrieval.models import IndexGeneration, Reindex
from ragsite.core.dynamic.changing import setting_set
from ragsite.core.dynamic.models import SettingChange
from ragsite.core.dynamic.places import Place
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import done
from tests.apps.retrieval.reindexing.rebuilding import worked
from tests.ragsite.contract_world import World

MASKING = {"mode": "at_answer", "kinds": ["email"]}
CHANGED = {"chunking": {"size": 64, "overlap": 0}}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request brings: JSON, or a form with files; `ids` replace those of the world, and `bearer` its key."""

    body: Any = None
    form: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    bearer: str = ""


def file(text: str = "The pier is closed.", name: str = "pier.txt") -> SimpleUploadedFile:
    return make.file(text, name)


OCR, REWRITING = {"name": "documents.ocr"}, {"name": "rewriting"}
HALF = {"on": False, "percent": 50, "people": []}


def changed(world: World, names: Mapping[str, str], value: Any) -> Sent:
    """A setting or flag of the tenant that was set, and what puts it back."""
    place = Place(world.tenant.pk)
    setting_set(name=names["name"], place=place, value=value, actor=ACTOR)
    return Sent({"change": SettingChange.objects.latest("id").pk}, ids=names)


def second(world: World) -> DocumentVersion:
    """Another version of the document, which answers."""
    version = make.upload(world.rows["knowledge-bases"], "The pier is open.", document=world.rows["documents"]).version
    make.run_stages()
    return version


def edited(world: World) -> Sent:
    version = document_edit(
        document=world.rows["documents"], version=world.rows["versions"], edits=[Edit(0, 1, "A")], actor=ACTOR
    )
    make.run_stages()
    edit = TextEdit.objects.get(version=version)
    return Sent({"version": str(version.pk), "edits": [edit.pk]})


def uploaded(world: World) -> DocumentVersion:
    return make.upload(world.rows["knowledge-bases"], "The pier is closed.", filename="pier.txt").version


def cancelled(world: World) -> Sent:
    return Sent(ids={"id": str(version_cancel(version=uploaded(world), actor=ACTOR).pk)})


def failed_deletion(world: World) -> Sent:
    KnowledgeBaseDeletion.objects.update(state=DeletionState.FAILED, error="The worker is gone.")
    return Sent()


def reindexed(world: World, *steps: str) -> Sent:
    """A re-index that has been started, and then what the steps say."""
    client, url = caller(world), f"/api/v1/knowledge-bases/{world.id('knowledge-bases')}/reindex/"
    started = client.post(url, {**CHANGED, "switch": "manual"}, content_type="application/json")
    assert started.status_code == 202, started.content
    for step in steps:
        if step == "work":
            worked(Reindex.objects.get())
        else:
            assert client.post(f"{url}{step}/").status_code == 202
    return Sent()


def retired(world: World) -> Sent:
    old = world.id("generations")
    reindexed(world, "work", "switch")
    IndexGeneration.objects.filter(pk=old).update(retired_at=Now() - timedelta(minutes=1))
    return Sent()


def streamed(world: World) -> Sent:
    """The id of an answer whose events are there."""
    asked = caller(world).post("/api/v1/ask", {"question": "Berths?", "stream": True}, content_type="application/json")
    (start,) = [line for line in body_of(asked).decode().splitlines() if line.startswith("data:")][:1]
    return Sent(ids={"answer_id": json.loads(start.removeprefix("data:"))["id"]})


def refresh_token(world: World) -> Sent:
    return Sent(bearer=caller(world).post("/api/v1/tokens/").json()["refresh_token"])


def caller(world: World) -> Client:
    return Client(headers={"Authorization": f"Bearer {world.key}"})


def in_base(world: World) -> dict[str, str]:
    return {"knowledge_base": world.id("knowledge-bases")}


def judged(world: World) -> dict[str, str]:
    return {"document": world.id("documents")}


def compared(world: World) -> Sent:
    return Sent(query={"against": str(done(world.rows["evaluation-sets"]).pk)})


DOING: Mapping[str, Callable[[World], Sent]] = {
    "PUT answers/{answer_id}/feedback": lambda world: Sent({"rating": "up", "comment": "Short."}),
    "GET answers/{answer_id}/events": streamed,
    "POST answers/{answer_id}/cancel": streamed,
    "POST ask": lambda world: Sent({"question": "How many berths?"}),
    "POST search": lambda world: Sent({"query": "berths", "explain": True, "neighbours": 1}),
    "POST conversations/": lambda world: Sent({"title": "Berths", "knowledge_bases": [world.id("knowledge-bases")]}),
    "PATCH conversations/{id}/": lambda world: Sent({"title": "Harbour"}),
    "POST documents/": lambda world: Sent(form={**in_base(world), "file": file(), "tags": '["a"]'}),
    "PUT documents/{id}/": lambda world: Sent(form={"file": file()}),
    "PATCH documents/{id}/": lambda world: Sent({"title": "Harbour", "metadata": {"year": 2026}}),
    "POST documents/{id}/versions/": lambda world: Sent(form={"file": file()}),
    "POST documents/{id}/edits/": lambda world: Sent(
        {"version": world.id("versions"), "edits": [{"start": 0, "end": 1, "text": "A"}]}
    ),
    "POST documents/{id}/edits/undo/": edited,
    "POST documents/{id}/grants/": lambda world: Sent({"user": "ada", "role": "reader"}),
    "POST documents/{id}/rollback/": lambda world: Sent({"version": world.id("versions")} if second(world) else None),
    "POST documents/bulk/": lambda world: Sent(form={**in_base(world), "files": [file(), file("x", "x.exe")]}),
    "POST erasures/": lambda world: Sent({"subject": "document", "id": world.id("documents")}),
    "POST evaluation-questions/{id}/judge/": lambda world: Sent({**judged(world), "grade": 0}),
    "POST evaluation-runs/": lambda world: Sent({"evaluation_set": world.id("evaluation-sets")}),
    "GET evaluation-runs/{id}/compare/": compared,
    "POST evaluation-sets/": lambda world: Sent({**in_base(world), "name": "Another"}),
    "PATCH evaluation-sets/{id}/": lambda world: Sent({"name": "Renamed"}),
    "POST evaluation-sets/{id}/questions/": lambda world: Sent({"text": "Berths?", "relevant": [judged(world)]}),
    "POST evaluation-sets/{id}/import/": lambda world: Sent(
        form={"csv": file(f"question,document,passage\nWhen?,{world.id('documents')},\n", "set.csv")}
    ),
    "POST knowledge-base-deletions/{id}/resume/": failed_deletion,
    "POST knowledge-bases/": lambda world: Sent({"name": "Manuals", "masking": MASKING}),
    "PATCH knowledge-bases/{id}/": lambda world: Sent({"description": "All", "masking": MASKING}),
    "POST knowledge-bases/{id}/grants/": lambda world: Sent({"user": "ada", "role": "editor"}),
    "DELETE knowledge-bases/{knowledge_base}/generations/{id}/": retired,
    "POST knowledge-bases/{knowledge_base}/reindex/": lambda world: Sent(CHANGED),
    "POST knowledge-bases/{knowledge_base}/reindex/cancel/": reindexed,
    "POST knowledge-bases/{knowledge_base}/reindex/resume/": reindexed,
    "POST knowledge-bases/{knowledge_base}/reindex/switch/": lambda world: reindexed(world, "work"),
    "POST knowledge-bases/{knowledge_base}/reindex/rollback/": lambda world: reindexed(world, "work", "switch"),
    "POST model-versions/{id}/fallback/": lambda world: Sent({"version": None}),
    "POST models/": lambda world: Sent({"source": "acme/other", "revision": COMMIT}),
    "POST tokens/refresh/": refresh_token,
    "POST tokens/revoke/": refresh_token,
    "POST webhooks/": lambda world: Sent({"url": "https://example.org/other", "types": ["document.created"]}),
    "PATCH webhooks/{id}/": lambda world: Sent({"description": "The harbour's own"}),
    "GET settings/{name}/": lambda world: Sent(ids=OCR),
    "PUT settings/{name}/": lambda world: Sent({"value": True}, ids=OCR),
    "DELETE settings/{name}/": lambda world: changed(world, OCR, True),
    "GET settings/{name}/history/": lambda world: changed(world, OCR, True),
    "POST settings/{name}/put-back/": lambda world: changed(world, OCR, True),
    "GET flags/{name}/": lambda world: Sent(ids=REWRITING),
    "PUT flags/{name}/": lambda world: Sent(HALF, ids=REWRITING),
    "DELETE flags/{name}/": lambda world: changed(world, REWRITING, HALF),
    "GET flags/{name}/history/": lambda world: changed(world, REWRITING, HALF),
    "POST flags/{name}/put-back/": lambda world: changed(world, REWRITING, HALF),
    "POST purges/{id}/run/": lambda world: Sent(ids={"id": "documents-purge"}),
    "POST versions/{id}/cancel/": lambda world: Sent(ids={"id": str(uploaded(world).pk)}),
    "POST versions/{id}/retry/": cancelled,
    "GET versions/{id}/diff/": lambda world: Sent(query={"against": str(second(world).pk)}),
}  # fmt: skip
"""What is not here needs nothing but its address."""

ELSEWHERE: Mapping[str, str] = {
    "POST documents/from-url/": "asks another server: tests/apps/documents/api/test_urls.py",
    "POST models/connect/": "asks another server: tests/apps/models/test_api.py",
    "POST model-versions/{id}/test/": "the same",
    "DELETE model-versions/{id}/": "the only one is in use: tests/apps/models/test_api.py",
}
"""What does not succeed here, and where it is tested that it does."""


def body_of(response: Any) -> bytes:
    """All of it, streamed or not."""

    async def parts() -> bytes:
        return b"".join([part async for part in response])

    if not response.streaming:
        return bytes(response.content)
    return asyncio.run(parts()) if response.is_async else b"".join(response.streaming_content)
