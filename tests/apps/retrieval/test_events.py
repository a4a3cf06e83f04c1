"""Every kind of event happens once, over HTTP and by the stages, and is published as its schema says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from apps.documents.models import Document, KnowledgeBase
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import IndexGeneration, Reindex
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.events import InstallationEvent, event_decode, events
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.apps.retrieval.reindexing.rebuilding import other_model, worked
from tests.apps.retrieval.reindexing.test_dropping import long_ago
from tests.apps.retrieval.transports import Failing
from tests.events import assert_fits
from workers.jobs import JOBS
from workers.running import job_run

pytestmark = pytest.mark.django_db

BASES, DOCUMENTS = "/api/v1/knowledge-bases/", "/api/v1/documents/"
QUESTION = "How many berths for guests has the harbour?"


def send(client: Client, method: str, url: str, **body: Any) -> Any:
    response = getattr(client, method)(url, body, content_type="application/json")
    assert response.status_code < 300, response.content
    return response.json() if response.content else None


def told() -> dict[str, list[OutboxEvent]]:
    found = defaultdict(list)
    for row in OutboxEvent.objects.order_by("id"):
        found[row.type].append(row)
    return found


def documents_live(client: Client, base: KnowledgeBase) -> Document:
    """One is indexed, renamed and has a second version; one fails; one is deleted. The first is left."""
    kept = make.ready_version(base).document
    send(client, "patch", f"{DOCUMENTS}{kept.pk}/", title="Harbour", tags=["port"])
    gone = make.upload(base, make.BROKEN_PDF, filename="broken.pdf").version.document
    send(client, "patch", f"{DOCUMENTS}{gone.pk}/", title="Not yet readable")
    make.upload(base, "# Harbour\n\nThe harbour has 43 berths for guests.", document=kept)
    make.run_stages()
    send(client, "delete", f"{DOCUMENTS}{gone.pk}/")
    return kept


def rights_change(client: Client, base: KnowledgeBase, document: Document) -> None:
    """Each kind of reader is granted a knowledge base or a document, and no longer."""
    key, user, group = make.keyed(base.tenant)[0], *make.asking(base.tenant, "group")[1:], make.member(base.tenant)
    for resource, subject in ((base, key), (document, user), (base, group)):
        make.grant(resource, subject)
    for url in (f"{BASES}{base.pk}/grants/", f"{DOCUMENTS}{document.pk}/grants/"):
        for grant in send(client, "get", url)["results"]:
            send(client, "delete", f"{url}{grant['id']}/")
    send(client, "patch", f"{BASES}{base.pk}/", description="Of guests")


def generations_change(client: Client, base: KnowledgeBase, folder: Path) -> None:
    """Another generation comes to answer, and the first is dropped."""
    old, reindex = generation_ensure(base), f"{BASES}{base.pk}/reindex/"
    send(client, "post", reindex, model=other_model(folder).name, chunking={"size": 64, "overlap": 0})
    worked(Reindex.objects.get())
    long_ago(IndexGeneration.objects.get(pk=old.pk))
    send(client, "delete", f"{BASES}{base.pk}/generations/{old.pk}/")


def test_everything_that_happens_is_published_as_its_schema_says_and_can_be_read_back(
    use_transport: Callable[[Any], None], tmp_path: Path
) -> None:
    base = make.knowledge_base()
    client = make.client(base.tenant)
    document = documents_live(client, base)
    rights_change(client, base, document)
    send(client, "put", f"/api/v1/settings/documents.ocr/?knowledge_base={base.pk}", value=True)
    generations_change(client, base, tmp_path)
    answer = send(client, "post", "/api/v1/ask", question=QUESTION)
    assert answer["found"]
    send(client, "put", f"/api/v1/answers/{answer['id']}/feedback", rating="up")
    send(client, "delete", f"/api/v1/answers/{answer['id']}/feedback")
    use_transport(Failing(ModelUnavailableError("No worker.")))
    degraded = send(client, "post", "/api/v1/ask", question=QUESTION)["degraded"]
    send(client, "post", "/api/v1/erasures/", subject="user", id=str(make.member(base.tenant).pk))
    for job in (job for job in JOBS if job.name in ("erase", "audit-seal")):
        while job_run(job):
            pass

    rows = told()
    ours = {cls.name for cls in events() if not issubclass(cls, InstallationEvent)}
    assert {name for name in rows if not name.startswith("model.")} == ours, "each event of tenants happens here"
    for row in (row for kind in rows.values() for row in kind):
        of_installation = row.type not in ours or row.payload.get("chain_id") == str(UUID(int=0))
        assert row.tenant_id == (None if of_installation else base.tenant_id)
        assert_fits(row.type, row.payload)
        again = event_decode(row.type, 1, row.payload, tenant_id=row.tenant_id)
        assert (again.name, str(again.key), again.payload()) == (row.type, row.key, row.payload)
    whole, without = (row.payload for row in rows["query.processed"])
    assert (whole["degraded"], without["degraded"]) == ([], degraded)
    assert [one["step"] for one in degraded] == ["embed"]
