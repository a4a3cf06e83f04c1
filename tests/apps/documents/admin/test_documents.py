from __future__ import annotations

from typing import Any

from django.test import Client

from apps.documents.models import Document, DocumentVersion
from tests import factories

LIST = "/admin/documents/document/"


def listed(client: Client, query: str = "") -> list[Any]:
    return list(client.get(LIST + query).context["cl"].result_list)


def test_the_list_shows_the_newest_version_and_counts_what_answers(admin_client: Client) -> None:
    document = factories.ready_version().document
    factories.upload(document.knowledge_base, "# Other\n\nOther text.\n", document=document)
    (row,) = listed(admin_client)
    assert (row.newest_status, row.version_total) == ("uploaded", 2)
    assert row.chunk_total == document.versions.get(number=1).chunk_count > 0


def test_the_list_is_filtered_by_status_and_knowledge_base(
    admin_client: Client, failed_version: DocumentVersion
) -> None:
    ready = factories.ready_version().document
    assert listed(admin_client, "?status=failed") == [failed_version.document]
    assert listed(admin_client, f"?knowledge_base__id__exact={ready.knowledge_base_id}") == [ready]


def test_its_page_can_be_looked_at_but_not_changed(admin_client: Client) -> None:
    document = factories.ready_version().document
    url = f"{LIST}{document.pk}/change/"
    assert (
        f"/admin/documents/documentversion/{document.current_version_id}/change/"
        in admin_client.get(url).content.decode()
    )
    assert admin_client.post(url, {"title": "Other"}).status_code == 403
    assert Document.objects.get().title == document.title


def test_deleting_keeps_the_row_and_takes_it_from_the_list(admin_client: Client) -> None:
    document = factories.ready_version().document
    assert admin_client.post(f"{LIST}{document.pk}/delete/", {"post": "yes"}).status_code == 302
    assert Document.objects.get().deleted_at is not None
    assert listed(admin_client) == []
