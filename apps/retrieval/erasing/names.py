"""Names of a user in what others keep: who made a version, who granted something. They become a word that names nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Func, JSONField, QuerySet, Value

from apps.documents.models import (
    BulkJob,
    DocumentVersion,
    Grant,
    KnowledgeBaseDeletion,
    MaskingChange,
    StageRecord,
    TextEdit,
)
from apps.retrieval.models import AnswerFeedback, CutPreview, Erasure, EvaluationRun, Reindex
from ragsite.core.actors import DOOR_NAMES, LONGEST_NAME, ActorKind
from ragsite.core.locking import rows_hold
from ragsite.core.models import OutboxEvent

NOBODY = "an erased user"
AT_ONCE = 1_000

ACTORS: tuple[tuple[Any, str], ...] = (
    (KnowledgeBaseDeletion, "knowledge_base__tenant"),
    (MaskingChange, "knowledge_base__tenant"),
    (Reindex, "knowledge_base__tenant"),
    (DocumentVersion, "tenant_id"),
    (BulkJob, "tenant"),
    (TextEdit, "version__tenant_id"),
    (CutPreview, "knowledge_base__tenant"),
    (Erasure, "tenant"),
    (OutboxEvent, "tenant_id"),
)
"""Rows that keep who acted in a column `actor`, and where their tenant is; those of stages are held by their versions."""

WORDS: tuple[tuple[Any, str, str], ...] = (
    (Reindex, "asked_by", "knowledge_base__tenant"),
    (Reindex, "switched_by", "knowledge_base__tenant"),
    (EvaluationRun, "asked_by", "evaluation_set__knowledge_base__tenant"),
    (Grant, "granted_by", "tenant"),
    (AnswerFeedback, "rated_by", "answer__query__tenant"),
)
"""Rows that keep it in words."""


@dataclass(frozen=True, slots=True)
class NamedUser:
    """A user whose names in a tenant are erased."""

    pk: str
    name: str
    tenant_id: UUID

    @property
    def texts(self) -> list[str]:
        """As actors are told in words."""
        return [f"{self.name[:LONGEST_NAME]}, {door}" for door in DOOR_NAMES.values()]


def names_found(user: NamedUser) -> int:
    """Rows that have the user's name in them."""
    return sum(rows.count() for rows, _ in _all(user))


def names_erase(user: NamedUser) -> int:
    """Take the name out of some of them; how many."""
    for rows, columns in _all(user):
        pks = list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
        if not pks:
            continue
        model = rows.model
        if model is StageRecord:
            rows_hold(DocumentVersion.objects.filter(stages__in=pks))
            return int(model.objects.filter(pk__in=pks).update(**columns))
        held = rows_hold(model._default_manager.filter(pk__in=pks))
        return int(model._default_manager.filter(pk__in=held).update(**columns))
    return 0


def _all(user: NamedUser) -> Iterator[tuple[QuerySet[Any], dict[str, Any]]]:
    nobody = Func("actor", Value(["name"]), Value(NOBODY, JSONField()), function="jsonb_set", output_field=JSONField())
    for model, tenant in (*ACTORS, (StageRecord, "version__tenant_id")):
        rows = model._default_manager.filter(
            actor__kind=ActorKind.USER.value, actor__id=user.pk, **{tenant: user.tenant_id}
        )
        yield rows.exclude(actor__name=NOBODY), {"actor": nobody}
    # What a cancelled version says names who cancelled it.
    told = [f"It was cancelled by {text}. Retry it to take it up again." for text in user.texts]
    cancelled = DocumentVersion.objects.filter(tenant_id=user.tenant_id, error_code="cancelled", error__in=told)
    yield cancelled, {"error": "It was cancelled. Retry it to take it up again."}
    for model, column, tenant in WORDS:
        yield (
            model._default_manager.filter(**{f"{column}__in": user.texts, tenant: user.tenant_id}),
            {column: NOBODY},
        )
