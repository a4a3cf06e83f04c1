from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from apps.documents.lifecycle.versions import version_cancel
from apps.documents.models import Document, DocumentVersion, Visibility
from apps.documents.rights.access import access_scope
from apps.retrieval.search import underway
from apps.retrieval.search.underway import documents_underway
from ragsite.gateway.models import Permission
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


def post(client: Any, url: str, **body: Any) -> Any:
    return client.post(url, body, content_type="application/json").json()


def test_an_answer_and_a_search_say_how_many_documents_are_still_being_indexed() -> None:
    base = make.knowledge_base()
    client = make.client(base.tenant)
    first, second = make.upload(base, "One."), make.upload(base, "Two.", filename="two.md")
    assert post(client, "/api/v1/ask", question="One?")["indexing"] == {
        "documents": 2,
        "titles": ["two.md", "handbook.md"],
    }
    version_cancel(version=second.version, actor=ACTOR)
    assert post(client, "/api/v1/search", query="One")["indexing"] == {"documents": 1, "titles": ["handbook.md"]}
    make.run_stages()
    assert DocumentVersion.objects.get(pk=first.version.pk).status == "ready"
    for url, name in (("/api/v1/ask", "question"), ("/api/v1/search", "query")):
        assert post(client, url, **{name: "One"})["indexing"] is None


def test_only_what_is_searched_and_may_be_read_is_counted() -> None:
    base = make.knowledge_base()
    other = make.knowledge_base(of=base.tenant)
    hidden = make.knowledge_base(of=base.tenant, visibility=Visibility.RESTRICTED)
    strangers = make.knowledge_base()
    for each in (base, other, hidden, strangers):
        make.upload(each, "A page.")
    secret = make.upload(base, "A secret.", filename="secret.md").version.document
    Document.objects.filter(pk=secret.pk).update(restricted=True)
    gone = make.upload(base, "Gone.", filename="gone.md").version.document
    Document.objects.filter(pk=gone.pk).update(deleted_at="2026-01-01T00:00:00Z")
    caller, key = make.asking(base.tenant, "api_key")
    assert documents_underway(access_scope(caller, knowledge_base_ids=None)).documents == 2
    assert documents_underway(access_scope(caller, knowledge_base_ids=[base.pk])).documents == 1
    make.grant(secret, key)
    assert documents_underway(access_scope(caller, knowledge_base_ids=[base.pk])).documents == 2


def test_of_a_long_queue_the_newest_are_looked_at_by_the_index() -> None:
    base = make.knowledge_base()
    first = make.upload(base, "First.", filename="first.md").version
    DocumentVersion.objects.bulk_create(
        DocumentVersion(
            document=first.document, tenant_id=base.tenant_id, number=number, filename="first.md", document_type="md",
            content_hash=str(number), blob="none", size=1,
        )
        for number in range(2, underway.MOST_LOOKED_AT + 2)
    )  # fmt: skip
    Document.objects.filter(pk=first.document_id).update(deleted_at="2026-01-01T00:00:00Z")
    make.upload(base, "The newest.", filename="newest.md")
    caller = make.principal(base.tenant, Permission.QUERY)
    assert documents_underway(access_scope(caller, knowledge_base_ids=None)).documents == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {underway._NEWEST}", {"tenant": base.tenant_id, "most": underway.MOST_LOOKED_AT})
        plan = "\n".join(row for (row,) in cursor.fetchall())
    assert plan.count("version_waiting") == 4
    assert "Sort" not in plan
