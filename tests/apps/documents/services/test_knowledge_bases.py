from __future__ import annotations

import pytest
from django.db import connection

from apps.documents.models import Document, KnowledgeBase
from apps.documents.services.knowledge_bases import (
    knowledge_base_create,
    knowledge_base_delete,
    knowledge_base_update,
)
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.dense import generations_in_scope
from ragsite.core.errors import ConflictError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


def exists(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        return bool(cursor.fetchone()[0])


def test_a_name_is_taken_once_in_a_tenant_until_it_is_deleted() -> None:
    base = make.knowledge_base(name="Handbooks")
    with pytest.raises(ConflictError, match="already a knowledge base named 'Handbooks'"):
        knowledge_base_create(tenant_id=base.tenant_id, name="Handbooks", actor=ACTOR)
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert knowledge_base_create(tenant_id=base.tenant_id, name="Handbooks", actor=ACTOR).pk != base.pk


@pytest.mark.django_db(transaction=True)
def test_a_name_that_many_want_at_once_is_given_once() -> None:
    tenant = make.tenant()

    def wanted() -> bool:
        try:
            knowledge_base_create(tenant_id=tenant.pk, name="Handbooks", actor=ACTOR)
        except ConflictError:
            return False
        return True

    assert sum(make.in_parallel(6, wanted)) == 1


def test_a_refused_change_changes_nothing() -> None:
    base = make.knowledge_base(name="One")
    make.knowledge_base(of=base.tenant, name="Two")
    with pytest.raises(ConflictError, match="'Two'"):
        knowledge_base_update(knowledge_base=base, name="Two", description="New", actor=ACTOR)
    assert KnowledgeBase.objects.filter(pk=base.pk).values_list("name", "description").get() == ("One", "")


def test_deleting_hides_every_document_at_once_and_publishes_each_once() -> None:
    base = make.knowledge_base()
    version = make.ready_version(base)
    make.upload(base)
    for _ in range(2):
        knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert make.found(make.scope(base), version.chunks.first().text) == []
    make.run_deletions()
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    make.run_deletions()
    assert not Document.objects.exists()
    assert OutboxEvent.objects.filter(type="document.deleted").count() == 2


def test_the_partition_of_a_deleted_knowledge_base_is_dropped_and_no_other() -> None:
    base, other = make.knowledge_base(), make.knowledge_base()
    make.ready_version(base)
    make.ready_version(other)
    (generation,) = generations_in_scope(make.scope(base))
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    make.run_deletions()
    kept = IndexGeneration.objects.get()
    assert kept.knowledge_base == other
    assert (exists(generation.partition), exists(kept.partition)) == (False, True)
