from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from apps.documents.models import Document, DocumentVersion
from tests import factories

Told = Callable[[Any], list[str]]
LIST = "/admin/documents/document/"


def listed(client: Client, query: str = "") -> list[Any]:
    return list(client.get(LIST + query).context["cl"].result_list)


def test_the_list_shows_the_newest_version_and_counts_what_answers(admin_client: Client) -> None:
    document = factories.ready_version().document
    factories.upload(document.knowledge_base, "# Other\n\nOther text.\n", document=document)
    (row,) = listed(admin_client)
    assert (row.newest_status, row.version_total) == ("uploaded", 2)
    assert row.chunk_total == document.versions.get(number=1).chunk_count > 0


def test_the_list_calls_a_document_by_its_words_over_its_title(admin_client: Client) -> None:
    base = factories.ready_version(filename="HARBOUR_&_RULES.md").document.knowledge_base
    factories.ready_version(base, "Seals swim in winter.", filename="README.md")
    page = admin_client.get(LIST).content.decode()
    assert 'Harbour &amp; Rules<br><span class="rag-muted">HARBOUR_&amp;_RULES.md</span>' in page
    assert page.count("README.md") == 1
    assert len(listed(admin_client, "?q=HARBOUR_")) == 1


def test_the_list_is_filtered_by_status_and_knowledge_base(
    admin_client: Client, failed_version: DocumentVersion
) -> None:
    ready = factories.ready_version().document
    assert listed(admin_client, "?status=failed") == [failed_version.document]
    assert listed(admin_client, f"?knowledge_base__id__exact={ready.knowledge_base_id}") == [ready]


def form(document: Document, **changes: Any) -> dict[str, Any]:
    """What the document's page posts."""
    as_it_is = {
        "title": document.title,
        "external_id": "",
        "tags": "",
        "chunk_strategy": "",
        "chunk_size": "",
        "chunk_overlap": "",
    }
    numbers = ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
    inlines = {f"{inline}-{number}": 0 for inline in ("versions", "grants") for number in numbers}
    return as_it_is | inlines | changes


def change_url(document: Document) -> str:
    return f"{LIST}{document.pk}/change/"


def test_its_page_can_be_looked_at_but_not_changed_by_those_who_may_only_look(
    staff_client: Callable[..., Client],
) -> None:
    document = factories.ready_version().document
    client = staff_client("view_document", "view_documentversion")
    page = client.get(change_url(document)).content.decode()
    assert f"/admin/documents/documentversion/{document.current_version_id}/change/" in page
    assert "By sentence, at most 220 tokens, 32 of them repeated: as in the knowledge base" in page
    assert "Upload a new version" not in page
    assert "chunk_size" not in page
    assert client.post(change_url(document), form(document, title="Other")).status_code == 403
    assert client.post(f"{LIST}{document.pk}/new_version/", {"uploads": factories.file("Other.")}).status_code == 403
    assert Document.objects.get().title == document.title
    assert DocumentVersion.objects.count() == 1


def test_tags_are_shown_and_changed_as_a_text_with_commas(admin_client: Client) -> None:
    document = factories.ready_version(tags=["2024", "draft"]).document
    assert 'value="2024, draft"' in admin_client.get(change_url(document)).content.decode()
    assert admin_client.post(change_url(document), form(document, tags="final , 2024")).status_code == 302
    document.refresh_from_db()
    assert document.tags == ["2024", "final"]
    refused = admin_client.post(change_url(document), form(document, tags="x" * 61))
    assert "is invalid" in refused.content.decode()


def test_title_and_external_id_are_changed_and_nothing_is_rechunked(admin_client: Client) -> None:
    document = factories.ready_version().document
    assert admin_client.post(change_url(document), form(document, title="Harbour", external_id="h")).status_code == 302
    document.refresh_from_db()
    assert (document.title, document.external_id, document.chunking) == ("Harbour", "h", {})
    assert DocumentVersion.objects.count() == 1


def test_other_chunking_is_filled_in_and_rechunks_the_document(admin_client: Client) -> None:
    document = factories.ready_version().document
    filled = form(document, chunk_size="16", chunk_overlap="0")
    assert admin_client.post(change_url(document), filled).status_code == 302
    document.refresh_from_db()
    assert document.chunking == {"size": 16, "overlap": 0}
    factories.run_stages()
    page = admin_client.get(change_url(document)).content.decode()
    assert "By sentence, at most 16 tokens, 0 of them repeated: this document&#x27;s own settings" in page
    assert "Version 1, cut anew" in page
    first, second = DocumentVersion.objects.order_by("number")
    assert second.chunk_count > first.chunk_count
    admin_client.post(change_url(document), form(document))
    document.refresh_from_db()
    assert document.chunking == {}


def test_invalid_chunking_is_reported_on_the_form_and_nothing_changes(admin_client: Client) -> None:
    document = factories.ready_version().document
    page = admin_client.post(change_url(document), form(document, title="Other", chunk_overlap="200"))
    assert page.status_code == 200
    assert "The overlap 200 is invalid with a size of 220." in page.content.decode()
    document.refresh_from_db()
    assert (document.title, document.chunking, DocumentVersion.objects.count()) == ("handbook.md", {}, 1)


def test_an_external_id_that_another_document_has_is_a_message(admin_client: Client, told: Told) -> None:
    base = factories.knowledge_base()
    factories.upload(base, external_id="taken")
    document = factories.upload(base).version.document
    (message,) = told(admin_client.post(change_url(document), form(document, external_id="taken")))
    assert message.startswith("Another document of this knowledge base has the external id 'taken'.")
    document.refresh_from_db()
    assert document.external_id == ""


def test_deleting_keeps_the_row_and_takes_it_from_the_list(admin_client: Client) -> None:
    document = factories.ready_version().document
    assert admin_client.post(f"{LIST}{document.pk}/delete/", {"post": "yes"}).status_code == 302
    assert Document.objects.get().deleted_at is not None
    assert listed(admin_client) == []
