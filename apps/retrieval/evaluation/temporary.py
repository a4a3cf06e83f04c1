"""Knowledge bases for the length of an evaluation."""

from __future__ import annotations

import time
from datetime import timedelta
from itertools import count
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import BulkJob, DeletionState, Grant, KnowledgeBase, KnowledgeBaseDeletion, MaskingChange
from apps.documents.services.deleting import ADVICE, DELETIONS
from apps.documents.services.knowledge_bases import knowledge_base_create, knowledge_base_delete, knowledge_base_update
from apps.retrieval.index.deleting import knowledge_base_deletion_work
from apps.retrieval.models import EvaluationRun, EvaluationSet, ExperimentEntry, Judgement, Reindex
from ragsite.core.actors import Actor
from ragsite.core.errors import PermanentError
from ragsite.core.ids import new_id
from ragsite.core.locking import rows_hold_to_remove
from ragsite.core.work import Turn, rows_work
from ragsite.gateway.tenants import tenant_get_or_create

TENANT = "Evaluation"
TEMPORARY = "Temporary: "
FORGOTTEN = timedelta(days=1)
TURN_SECONDS = 60.0
POLL_SECONDS = 0.5


def temporary_create(*, name: str, chunking: dict[str, Any], mark: str = "", actor: Actor) -> KnowledgeBase:
    """A knowledge base of a tenant of its own; what an evaluation left that was killed a day ago is removed first. `mark` is what
    tells the data set from others, for `temporary_left`.

    Raises:
        InvalidChunkingError: no document can be cut by these settings.
    """
    chosen = ChunkingSettings.chosen(chunking).to_dict()
    tenant = tenant_get_or_create(name=TENANT, actor=actor)
    for forgotten in _forgotten(tenant.pk):
        temporary_remove(forgotten, actor=actor)
    full_name = f"{TEMPORARY}{name[:60]} {new_id()}"
    return knowledge_base_create(
        tenant_id=tenant.pk, name=full_name, description=mark, chunking=chosen, actor=actor
    )  # fmt: skip


def temporary_left(*, chunking: dict[str, Any], mark: str) -> KnowledgeBase | None:
    """The newest one that an interrupted evaluation of the same data set left, cut in the same way.

    Raises:
        InvalidChunkingError: no document can be cut by these settings.
    """
    chosen = ChunkingSettings.chosen(chunking).to_stored()
    left = KnowledgeBase.objects.filter(tenant__name=TENANT, name__startswith=TEMPORARY, deleted_at=None)
    return left.filter(description=mark, chunking=chosen).order_by("-created_at").first()


def temporary_keep(knowledge_base: KnowledgeBase, *, actor: Actor) -> None:
    """Make it one that stays, under a name for people."""
    given = knowledge_base.name.removeprefix(TEMPORARY).rpartition(" ")[0]
    living = KnowledgeBase.objects.filter(tenant=knowledge_base.tenant_id, deleted_at=None)
    taken = set(living.values_list("name", flat=True))
    numbered = (f"{given} {number}" for number in count(1))
    free = next(name for name in numbered if name not in taken)
    knowledge_base_update(knowledge_base=knowledge_base, name=free, description="", actor=actor)


def temporary_remove(knowledge_base: KnowledgeBase, *, actor: Actor) -> None:
    """Remove it with all that belongs to it: evaluation sets, vectors, documents, bytes. Consumers get events as usual.

    Raises:
        PermanentError: its deletion failed; it is listed with the reason.
    """
    deletion = knowledge_base_delete(knowledge_base=knowledge_base, actor=actor)
    while KnowledgeBaseDeletion.objects.filter(pk=deletion.pk, state=DeletionState.REMOVING).exists():
        if not _removed_a_part(deletion):
            time.sleep(POLL_SECONDS)
    deletion.refresh_from_db()
    if deletion.state == DeletionState.FAILED:
        raise PermanentError(f"{knowledge_base.name!r} was not removed: {deletion.error}")
    _row_remove(knowledge_base)


def _row_remove(knowledge_base: KnowledgeBase) -> None:
    """With the rows that hang on it, which are locked in their order first."""
    base = knowledge_base.pk
    with transaction.atomic():
        rows_hold_to_remove(
            KnowledgeBase.objects.filter(pk=base),
            KnowledgeBaseDeletion.objects.filter(knowledge_base=base),
            MaskingChange.objects.filter(knowledge_base=base),
            Reindex.objects.filter(knowledge_base=base),
            EvaluationSet.objects.filter(knowledge_base=base),
            EvaluationRun.objects.filter(evaluation_set__knowledge_base=base),
            Judgement.objects.filter(question__evaluation_set__knowledge_base=base),
            Grant.objects.filter(knowledge_base=base),
            BulkJob.objects.filter(knowledge_base=base),
            ExperimentEntry.objects.filter(
                Q(run__evaluation_set__knowledge_base=base) | Q(reindex__knowledge_base=base)
            ),
        )
        KnowledgeBase.objects.filter(pk=base).delete()


def _removed_a_part(deletion: KnowledgeBaseDeletion) -> bool:
    """Whether it was free to be worked on; a running system may have taken it up, too."""
    mine = Q(pk=deletion.pk)
    return rows_work(DELETIONS, knowledge_base_deletion_work, turn=Turn.of(TURN_SECONDS), advice=ADVICE, among=mine)


def _forgotten(tenant_id: Any) -> list[KnowledgeBase]:
    old = Q(created_at__lt=Now() - FORGOTTEN)
    return list(KnowledgeBase.objects.filter(old, tenant_id=tenant_id, name__startswith=TEMPORARY))
