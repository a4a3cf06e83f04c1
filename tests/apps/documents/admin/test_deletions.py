from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.documents.models import DeletionState, Document, KnowledgeBase, KnowledgeBaseDeletion
from apps.documents.services.knowledge_bases import knowledge_base_delete
from tests import factories
from tests.acting import ACTOR

LIST = reverse("admin:documents_knowledgebasedeletion_changelist")
RESUME = "resume_selected"


@pytest.fixture
def failed(knowledge_base: KnowledgeBase) -> KnowledgeBaseDeletion:
    """A deletion that stopped, of one document."""
    factories.upload(knowledge_base)
    deletion = knowledge_base_delete(knowledge_base=knowledge_base, actor=ACTOR)
    KnowledgeBaseDeletion.objects.update(state=DeletionState.FAILED, error="The disk is full. Make room.")
    deletion.refresh_from_db()
    return deletion


def test_the_list_says_what_is_removed_how_far_it_is_and_what_mends_it(
    admin_client: Client, failed: KnowledgeBaseDeletion
) -> None:
    page = admin_client.get(LIST).content.decode()
    for text in (failed.knowledge_base.name, "0 of 1", "Failed; it can be resumed", "The disk is full. Make room."):
        assert text in page


def test_one_that_failed_goes_on_from_the_list(
    admin_client: Client, failed: KnowledgeBaseDeletion, told: Callable[[Any], list[str]]
) -> None:
    response = admin_client.post(LIST, {"action": RESUME, "_selected_action": [failed.pk]})
    assert told(response) == [f"The deletion of {failed} continues."]
    factories.run_deletions()
    failed.refresh_from_db()
    assert (failed.state, failed.document_gone) == (DeletionState.DONE, 1)
    response = admin_client.post(LIST, {"action": RESUME, "_selected_action": [failed.pk]})
    assert "has not failed" in told(response)[-1]


def test_who_looks_at_knowledge_bases_sees_it_and_only_who_deletes_them_lets_it_go_on(
    staff_client: Callable[..., Client], failed: KnowledgeBaseDeletion
) -> None:
    client = staff_client("view_knowledgebase")
    assert client.get(LIST).status_code == 200
    client.post(LIST, {"action": RESUME, "_selected_action": [failed.pk]})
    failed.refresh_from_db()
    assert failed.state == DeletionState.FAILED


def test_staff_see_those_of_their_tenants_only(
    staff_client: Callable[..., Client], failed: KnowledgeBaseDeletion
) -> None:
    client = staff_client("view_knowledgebase")
    other = knowledge_base_delete(knowledge_base=factories.knowledge_base(name="Elsewhere"), actor=ACTOR)
    page = client.get(LIST).content.decode()
    assert str(failed) in page
    assert str(other) not in page


def test_staff_who_may_delete_it_delete_it_with_what_is_restricted(
    staff_client: Callable[..., Client], knowledge_base: KnowledgeBase
) -> None:
    """Staff administer the documents of their tenants, whether or not they may ask about them."""
    document = factories.upload(knowledge_base).version.document
    Document.objects.filter(pk=document.pk).update(restricted=True)
    url = reverse("admin:documents_knowledgebase_delete", args=[knowledge_base.pk])
    staff = staff_client("view_knowledgebase", "delete_knowledgebase")
    assert staff.post(url, {"post": "yes"}).status_code == 302
    assert KnowledgeBaseDeletion.objects.get().document_total == 1
