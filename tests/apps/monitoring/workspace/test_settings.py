"""The Settings tab says what a change costs, keeps what was typed, and asks before it deletes."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.documents.models import KnowledgeBase
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    return make.ready_version().document.knowledge_base


def tab(base: KnowledgeBase) -> str:
    return f"/admin/knowledge-bases/{base.pk}/settings/"


def form(**changes: Any) -> dict[str, Any]:
    return {"do": "save", "name": "Tide tables", "description": "When", **changes}


def test_it_says_what_is_set_and_what_a_change_costs(admin_client: Client, base: KnowledgeBase) -> None:
    page = " ".join(admin_client.get(tab(base)).content.decode().split())
    for said in ("A change needs a re-index: about 1 document.", "retrieval.weight", "chunking.size", "At once"):
        assert said in page


def test_what_is_saved_is_shown_again_and_can_be_emptied(admin_client: Client, base: KnowledgeBase) -> None:
    searched = {"search_mode": "hybrid", "search_fusion": "rrf", "search_weight": "0.3"}
    searched |= {"search_names": "0.2", "search_same_page": "1"}
    assert admin_client.post(tab(base), form(**searched)).status_code == 302
    before, chunking = (base.tenant, base.chunking)
    base.refresh_from_db()
    assert (base.name, base.description) == ("Tide tables", "When")
    assert base.retrieval == {"mode": "hybrid", "fusion": "rrf", "weight": 0.3, "names": 0.2, "same_page": 1}
    assert (base.tenant, base.chunking) == (before, chunking)
    shown = admin_client.get(tab(base)).context["form"]
    assert [shown[name].value() for name in searched] == ["hybrid", "rrf", 0.3, 0.2, 1]
    admin_client.post(tab(base), form())
    base.refresh_from_db()
    assert base.retrieval == {}


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"search_weight": "1.5"}, "search_weight", "The weight 1.5 is invalid."),
        ({"search_weight": "much"}, "search_weight", "Enter a number."),
        ({"search_names": "2"}, "search_names", "Ensure this value is less than or equal to 1."),
        ({"name": ""}, "name", "This field is required."),
        ({"name": "Taken"}, "name", "There is already a knowledge base named"),
    ],
)
def test_what_is_refused_is_said_beside_the_field_and_nothing_typed_is_lost(
    admin_client: Client, base: KnowledgeBase, changes: dict[str, str], field: str, said: str
) -> None:
    make.knowledge_base(of=base.tenant, name="Taken")
    page = admin_client.post(tab(base), form(description="Typed for long", **changes))
    assert said in page.context["form"].errors[field][0]
    assert "Typed for long" in page.content.decode()
    assert page.context["title"] == base.name
    assert KnowledgeBase.objects.get(pk=base.pk).name == base.name


def test_it_is_deleted_once_its_name_was_typed(admin_client: Client, base: KnowledgeBase) -> None:
    page = admin_client.post(tab(base), {"do": "delete", "typed": "Other"})
    assert "That is not its name." in page.content.decode()
    base.refresh_from_db()
    assert base.deleted_at is None
    assert admin_client.post(tab(base), {"do": "delete", "typed": base.name}).status_code == 302
    base.refresh_from_db()
    assert base.deleted_at is not None
