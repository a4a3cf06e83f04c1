"""The admin's search: what is found by name, and by whom."""

from __future__ import annotations

import pytest
from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import Document, KnowledgeBase, Visibility
from apps.documents.rights.titles import TitleWords
from apps.retrieval.models import Query
from tests import factories as make
from tests.apps.monitoring.workspace.test_pages import staff

pytestmark = pytest.mark.django_db
SEES = ("view_document", "view_knowledgebase", "view_query")


def found(client: Client, wanted: str) -> list[str]:
    page = client.get("/admin/search/", {"s": wanted, "extended": 1})
    assert page.status_code == 200
    return [result.title for result in page.context["results"]]


def documents(base: KnowledgeBase, *titles: str) -> None:
    rows = (Document(tenant=base.tenant, knowledge_base=base, title=title, content_hash=title) for title in titles)
    Document.objects.bulk_create(rows)


def asked(base: KnowledgeBase, *questions: str) -> None:
    Query.objects.bulk_create(Query(tenant=base.tenant, asked_by="ada", question=one) for one in questions)


def test_pages_knowledge_bases_documents_and_questions_are_found_by_name() -> None:
    base = make.knowledge_base(name="Harbour rules")
    documents(base, "harbour-tides_2024.md", "Lighthouse")
    asked(base, "When does the harbour close?", "Who keeps the light?")
    client = staff(base.tenant, *SEES)
    assert found(client, "harbour") == ["Harbour rules", "harbour tides 2024", "When does the harbour close?"]
    assert found(client, "tides har") == ["harbour tides 2024"]
    assert found(client, "question") == ["Questions"]


def test_what_another_tenant_has_is_not_found() -> None:
    base, other = make.knowledge_base(name="Harbour"), make.knowledge_base(name="Harbour elsewhere")
    documents(other, "harbour.md")
    asked(other, "Which harbour?")
    assert found(staff(base.tenant, *SEES), "harbour") == ["Harbour"]


def test_titles_of_what_may_not_be_read_are_told_to_nobody(admin_client: Client) -> None:
    base = make.knowledge_base(name="Open", visibility=Visibility.TENANT)
    closed = make.knowledge_base(of=base.tenant, name="Closed harbour", visibility=Visibility.RESTRICTED)
    documents(closed, "harbour wages")
    documents(base, "harbour plan", "harbour secret")
    Document.objects.filter(title="harbour secret").update(restricted=True)
    assert found(staff(base.tenant, *SEES), "harbour") == ["harbour plan"]
    assert found(admin_client, "harbour") == ["harbour plan"]


def test_what_was_allowed_a_moment_ago_is_not_found_from_memory() -> None:
    base = make.knowledge_base()
    documents(base, "harbour plan")
    client = staff(base.tenant, *SEES)
    assert found(client, "harbour") == ["harbour plan"]
    Document.objects.update(restricted=True)
    assert found(client, "harbour") == []


def test_a_reader_finds_names_and_no_questions_of_others() -> None:
    base = make.knowledge_base(name="Harbour")
    documents(base, "harbour.md")
    asked(base, "Which harbour?")
    assert found(staff(base.tenant), "harbour") == ["Harbour", "harbour.md"]


def test_a_few_of_each_kind_are_shown_by_the_same_number_of_queries() -> None:
    base = make.knowledge_base(name="Rules")
    client = staff(base.tenant, *SEES)

    def queries(titles: list[str]) -> int:
        documents(base, *titles)
        asked(base, *titles)
        with CaptureQueriesContext(connection) as captured:
            assert found(client, "harbour")
        return len(captured)

    assert queries(["harbour"]) == queries([f"harbour {number}" for number in range(20)])
    assert len(found(client, "harbour")) == 16


@pytest.mark.parametrize("wanted", ["", "   ", "'", "\\", "a'b\\ & | ! :* <-> (", "%", "\0zz", "x" * 3000])
def test_whatever_is_typed_is_looked_for_and_breaks_nothing(admin_client: Client, wanted: str) -> None:
    documents(make.knowledge_base(), "tides.md")
    assert found(admin_client, wanted) == []


def test_the_index_of_titles_is_of_what_is_asked() -> None:
    """To the letter: of another expression PostgreSQL would take no notice of it."""
    rows = Document.objects.alias(words=TitleWords("title")).filter(words=SearchQuery("harbour"), deleted_at=None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef('document_title_words'::regclass, 1, false)")
        (indexed,) = cursor.fetchone()
    assert indexed.startswith("to_tsvector(")
    assert f"{indexed} @@" in rows.explain()


def test_who_is_not_signed_in_is_led_to_that() -> None:
    response = Client().get("/admin/search/?s=x")
    assert (response.status_code, response.headers["location"].split("?")[0]) == (302, "/admin/login/")
