from __future__ import annotations

import uuid

import pytest

from apps.documents.rights.access import access_scope, documents_visible, knowledge_bases_visible, versions_visible
from apps.documents.services.documents import document_delete
from apps.documents.services.knowledge_bases import knowledge_base_delete
from ragsite.core.errors import NotFoundError
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


def test_without_names_the_scope_is_all_that_the_caller_may_see() -> None:
    tenant = make.tenant()
    mine = {make.knowledge_base(of=tenant).pk, make.knowledge_base(of=tenant).pk}
    make.knowledge_base()
    scope = access_scope(make.principal(tenant), knowledge_base_ids=None)
    assert (scope.tenant_id, scope.knowledge_base_ids) == (tenant.pk, mine)


def test_named_knowledge_bases_narrow_the_scope() -> None:
    tenant = make.tenant()
    wanted, _ = make.knowledge_base(of=tenant), make.knowledge_base(of=tenant)
    scope = access_scope(make.principal(tenant), knowledge_base_ids=[wanted.pk, wanted.pk])
    assert scope.knowledge_base_ids == {wanted.pk}


def test_an_empty_list_of_names_is_an_empty_scope_and_not_all() -> None:
    base = make.knowledge_base()
    assert access_scope(make.principal(base.tenant), knowledge_base_ids=[]).knowledge_base_ids == frozenset()


def test_a_foreign_a_deleted_and_an_unknown_knowledge_base_look_alike() -> None:
    mine, foreign, unknown = make.knowledge_base(), make.knowledge_base(), uuid.uuid4()
    deleted = make.knowledge_base(of=mine.tenant)
    knowledge_base_delete(knowledge_base=deleted, actor=ACTOR)
    for pk in (foreign.pk, deleted.pk, unknown):
        with pytest.raises(NotFoundError) as caught:
            access_scope(make.principal(mine.tenant), knowledge_base_ids=[mine.pk, pk])
        assert caught.value.sentence == f"There is no knowledge base {pk}."


def test_nothing_of_another_tenant_or_of_what_was_deleted_is_visible() -> None:
    tenant = make.tenant()
    seen = make.upload(make.knowledge_base(of=tenant)).version
    make.upload(make.knowledge_base())
    document_delete(document=make.upload(make.knowledge_base(of=tenant)).version.document, actor=ACTOR)
    gone = make.knowledge_base(of=tenant)
    make.upload(gone)
    knowledge_base_delete(knowledge_base=gone, actor=ACTOR)
    principal = make.principal(tenant)
    assert list(versions_visible(principal)) == [seen]
    assert list(documents_visible(principal)) == [seen.document]
    assert gone not in knowledge_bases_visible(principal)
    assert knowledge_bases_visible(principal).count() == 2
