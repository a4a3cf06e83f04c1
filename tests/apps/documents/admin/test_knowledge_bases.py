from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from apps.documents.chunking.settings import EDITION
from apps.documents.models import Document, KnowledgeBase
from tests import factories

ADD = "/admin/documents/knowledgebase/add/"
LIST = "/admin/documents/knowledgebase/"


def filled_form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Tide tables",
        "description": "",
        "visibility": "tenant",
        "chunk_strategy": "sentence",
        "chunk_size": 120,
        "chunk_overlap": 20,
        **changes,
    }


def page_of(knowledge_base: KnowledgeBase, page: str = "change") -> str:
    return f"{LIST}{knowledge_base.pk}/{page}/"


def test_a_new_one_keeps_the_parts_that_were_chosen_and_is_whole_where_none_were(admin_client: Client) -> None:
    tenant = factories.tenant()
    assert admin_client.post(ADD, filled_form(tenant=tenant.pk, parts="month")).status_code == 302
    assert admin_client.post(ADD, filled_form(tenant=tenant.pk, name="Others")).status_code == 302
    kept = dict(KnowledgeBase.objects.values_list("name", "parts"))
    assert kept == {"Tide tables": "month", "Others": "none"}


def test_a_new_one_keeps_the_chunking_that_was_chosen(admin_client: Client) -> None:
    tenant = factories.tenant()
    assert admin_client.post(ADD, filled_form(tenant=tenant.pk)).status_code == 302
    made = KnowledgeBase.objects.get(name="Tide tables")
    assert made.tenant == tenant
    chosen = {"strategy": "sentence", "size": 120, "overlap": 20, "context": "headings"}
    assert made.chunking == chosen | {"edition": EDITION}


def test_chunking_that_cuts_nothing_is_refused_with_a_sentence(admin_client: Client) -> None:
    response = admin_client.post(ADD, filled_form(tenant=factories.tenant().pk, chunk_overlap=90))
    assert "The overlap 90 is invalid with a size of 120." in response.content.decode()
    assert not KnowledgeBase.objects.exists()


def test_a_name_the_tenant_has_is_refused_beside_the_field(admin_client: Client, knowledge_base: KnowledgeBase) -> None:
    response = admin_client.post(ADD, filled_form(tenant=knowledge_base.tenant_id, name=knowledge_base.name))
    assert "There is already a knowledge base named" in response.context["adminform"].form.errors["name"][0]
    assert KnowledgeBase.objects.count() == 1


def test_a_name_taken_in_the_meantime_is_a_message(
    admin_client: Client, knowledge_base: KnowledgeBase, monkeypatch: Any, told: Callable[[Any], list[str]]
) -> None:
    """The form's own check is passed by, as a request at the same moment would."""
    monkeypatch.setattr("apps.documents.admin.forms.KnowledgeBaseForm._check_name", lambda form, cleaned: None)
    response = admin_client.post(ADD, filled_form(tenant=knowledge_base.tenant_id, name=knowledge_base.name))
    assert response.status_code == 302
    assert told(response) == [f"There is already a knowledge base named {knowledge_base.name!r}. Choose another name."]


def test_the_list_counts_documents_that_are_there_ready_and_failed(admin_client: Client, failed_version: Any) -> None:
    knowledge_base = failed_version.document.knowledge_base
    factories.ready_version(knowledge_base)
    factories.upload(knowledge_base)
    (row,) = admin_client.get(LIST).context["cl"].result_list
    assert (row.document_total, row.ready_total, row.failed_total) == (3, 1, 1)


def test_deleting_asks_first_and_then_takes_its_documents_out(admin_client: Client) -> None:
    knowledge_base = factories.ready_version().document.knowledge_base
    url = page_of(knowledge_base, "delete")
    assert "with its 1 document, which no search finds any more" in admin_client.get(url).content.decode()
    assert KnowledgeBase.objects.get().deleted_at is None
    assert admin_client.post(url, {"post": "yes"}).status_code == 302
    assert KnowledgeBase.objects.get().deleted_at is not None
    assert admin_client.get(page_of(knowledge_base)).status_code == 404
    factories.run_deletions()
    assert not Document.objects.exists()


def test_several_are_deleted_at_once(admin_client: Client) -> None:
    ids = [factories.knowledge_base().pk, factories.knowledge_base().pk]
    form = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
    assert admin_client.post(LIST, form).status_code == 302
    assert KnowledgeBase.objects.exclude(deleted_at=None).count() == 2


def test_trying_a_query_leads_to_where_the_knowledge_base_is_asked(
    admin_client: Client, knowledge_base: KnowledgeBase
) -> None:
    response = admin_client.get(page_of(knowledge_base, "try_query"), follow=True)
    assert response.request["PATH_INFO"] == f"/admin/knowledge-bases/{knowledge_base.pk}/ask/"


def test_who_may_change_one_does_so_in_its_workspace_and_others_look_at_it_here(
    admin_client: Client, staff_client: Callable[..., Client], knowledge_base: KnowledgeBase
) -> None:
    led = admin_client.get(page_of(knowledge_base))
    assert (led.status_code, led["Location"]) == (302, f"/admin/knowledge-bases/{knowledge_base.pk}/settings/")
    assert staff_client("view_knowledgebase").get(page_of(knowledge_base)).status_code == 200
