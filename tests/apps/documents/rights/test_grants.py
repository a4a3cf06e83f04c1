from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from apps.documents.models import Grant, KnowledgeBase
from apps.documents.rights.access import documents_visible
from apps.documents.rights.grants import GrantRequest, grant_create, grant_delete
from apps.documents.services.documents import document_delete, document_update
from apps.documents.services.knowledge_bases import knowledge_base_update
from apps.documents.services.purging import documents_purge
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.models import OutboxEvent
from tests import acting, turns
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    return make.knowledge_base()


def events(kind: str) -> list[OutboxEvent]:
    return list(OutboxEvent.objects.filter(type=kind).order_by("id"))


def test_a_grant_and_its_end_are_published_with_who_and_what(base: KnowledgeBase) -> None:
    key, _ = make.keyed(base.tenant)
    document = make.upload(base).version.document
    grant = make.grant(document, key)
    grant_delete(grant=grant, actor=acting.user("anna"))
    grant_delete(grant=grant, actor=acting.user("bert"))
    (created,), (deleted,) = events("grant.created"), events("grant.deleted")
    assert created.key == deleted.key == str(document.pk)
    about = {
        "knowledge_base_id": str(base.pk), "document_id": str(document.pk), "grant_id": str(grant.pk),
        "user_id": None, "group_id": None, "api_key_id": str(key.pk), "role": "reader",
    }  # fmt: skip
    assert (grant.granted_by, created.payload, deleted.payload) == ("test", about, about)
    assert (created.actor, deleted.actor) == (ACTOR.as_dict(), acting.user("anna").as_dict())
    assert not Grant.objects.exists()


def test_the_same_grant_twice_is_refused_and_published_once(base: KnowledgeBase) -> None:
    user = make.member(base.tenant, name="anna")
    make.grant(base, user)
    with pytest.raises(ConflictError, match="anna has this grant already"):
        make.grant(base, user)
    assert (Grant.objects.count(), len(events("grant.created"))) == (1, 1)


def stranger_key(base: KnowledgeBase) -> Any:
    return make.keyed(make.tenant())[0]


def stranger(base: KnowledgeBase) -> Any:
    return make.member(make.tenant())


def group_of_strangers(base: KnowledgeBase) -> Any:
    group = Group.objects.create(name="Strangers")
    make.member(make.tenant()).groups.add(group)
    return group


@pytest.mark.parametrize("whom", [stranger_key, stranger, group_of_strangers])
def test_somebody_of_another_tenant_is_granted_nothing(base: KnowledgeBase, whom: Callable[[Any], Any]) -> None:
    with pytest.raises(ConflictError, match="does not belong to the tenant"):
        make.grant(base, whom(base))
    assert not Grant.objects.exists()
    assert not OutboxEvent.objects.exists()


def test_nothing_is_granted_on_what_was_deleted(base: KnowledgeBase) -> None:
    document = make.upload(base).version.document
    document_delete(document=document, actor=ACTOR)
    with pytest.raises(NotFoundError):
        make.grant(document, make.keyed(base.tenant)[0])
    assert not Grant.objects.exists()


def test_grants_go_with_their_document_for_good(base: KnowledgeBase) -> None:
    document = make.upload(base).version.document
    make.grant(document, make.keyed(base.tenant)[0])
    document_delete(document=document, actor=ACTOR)
    assert not documents_purge(turns.long())
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    "given",
    [
        (), ("knowledge_base",), ("api_key",), ("knowledge_base", "document", "api_key"),
        ("document", "user", "group"), ("document", "user", "group", "api_key"),
    ],
)  # fmt: skip
def test_the_database_takes_one_thing_and_one_subject_only(base: KnowledgeBase, given: tuple[str, ...]) -> None:
    values = {
        "knowledge_base": base, "document": make.upload(base).version.document, "api_key": make.keyed(base.tenant)[0],
        "user": User.objects.create_user("anna"), "group": Group.objects.create(name="Masters"),
    }  # fmt: skip
    with pytest.raises(IntegrityError, match=r"grant_(on|to)_one"), transaction.atomic():
        Grant.objects.create(tenant=base.tenant, granted_by="test", **{name: values[name] for name in given})


def test_restricting_is_published_and_embeds_nothing(base: KnowledgeBase) -> None:
    document = make.ready_version(base).document
    before = OutboxEvent.objects.count()
    knowledge_base_update(knowledge_base=base, visibility="restricted", actor=ACTOR)
    knowledge_base_update(knowledge_base=base, visibility="restricted", actor=ACTOR)
    document_update(document=document, restricted=True, actor=ACTOR)
    (changed,) = events("knowledge_base.updated")
    assert (changed.payload["changed"], changed.payload["visibility"]) == (["visibility"], "restricted")
    assert events("document.updated")[-1].payload["changed"] == ["restricted"]
    assert OutboxEvent.objects.count() == before + 2
    assert set(document.versions.values_list("status", flat=True)) == {"ready"}


@pytest.mark.parametrize("how", ["user", "group", "api_key"])
def test_a_grant_counts_at_once_and_until_it_is_taken_back(base: KnowledgeBase, how: str) -> None:
    knowledge_base_update(knowledge_base=base, visibility="restricted", actor=ACTOR)
    document = make.upload(base).version.document
    principal, subject = make.asking(base.tenant, how)
    assert not documents_visible(principal).exists()
    grant = grant_create(GrantRequest(resource=base, subject=subject), actor=ACTOR)
    assert list(documents_visible(principal)) == [document]
    grant_delete(grant=grant, actor=ACTOR)
    assert not documents_visible(principal).exists()
