"""What travels with a tenant or a knowledge base, in the order in which it is written and read; and what stays behind, and why.

A column travels unless its table says otherwise, so that a new one does. A table stands here or in LEFT_OUT: a test sees to it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import AutoField, Exists, Field, ForeignKey, Model, OuterRef, Q, QuerySet, UUIDField

from apps.documents.models import Document, DocumentVersion, Grant, KnowledgeBase, OriginalText, ParsedText, TextEdit
from apps.retrieval.models import (
    Answer,
    AnswerFeedback,
    Citation,
    Conversation,
    EvaluationQuestion,
    EvaluationSet,
    Judgement,
    Query,
)
from ragsite.core.leases import Leased
from ragsite.gateway.models import Tenant


@dataclass(frozen=True, slots=True)
class Scope:
    """What is exported: knowledge bases of a tenant, and whether they are all of it."""

    tenant: Tenant
    base_ids: tuple[UUID, ...]
    is_whole: bool


@dataclass(frozen=True)
class Table:
    """`rows` are those of a scope. Columns of `anew` get what a new row has, or what the import says. Where JSON `names_ids`, it
    has ids of rows that travel.
    """

    name: str
    model: type[Model]
    rows: Callable[[Scope], QuerySet[Any]]
    anew: frozenset[str] = frozenset()
    names_ids: bool = False

    @functools.cached_property
    def fields(self) -> dict[str, Field[Any, Any]]:
        """Those that travel, by their attributes."""
        return {field.attname: field for field in self.model._meta.concrete_fields if self._travels(field)}

    @property
    def has_ids(self) -> bool:
        """Whether others know its rows by ids of their own."""
        return isinstance(self.model._meta.pk, UUIDField)

    @functools.cached_property
    def references(self) -> dict[str, type[Model]]:
        """The models that its columns refer to, those of people among them."""
        return {name: one.related_model for name, one in self.fields.items() if isinstance(one, ForeignKey)}  # type: ignore[misc]  # resolved

    @functools.cached_property
    def has_tenant(self) -> bool:
        """Whether its rows say whose they are."""
        return any(field.attname == "tenant_id" for field in self.model._meta.concrete_fields)

    def fresh(self, columns: Sequence[str]) -> dict[str, Any] | None:
        """What rows get in place of columns that an older export lacks; None where one can't be made up. What the database has a
        default for is left to it.
        """
        fields: dict[str, Any] = self.fields
        lacking = [field for name, field in fields.items() if name not in columns and not field.has_db_default()]
        if any(one.primary_key or not (one.null or one.has_default()) for one in lacking):
            return None
        return {one.attname: one.get_default() for one in lacking}

    def _travels(self, field: Field[Any, Any]) -> bool:
        is_tenant = field.name == "tenant_id" or (field.is_relation and field.related_model is Tenant)
        return not (is_tenant or isinstance(field, AutoField) or field.name in self.anew)


LEASED = frozenset(field.name for field in Leased._meta.local_fields)


def bases_of(scope: Scope) -> QuerySet[Any]:
    return KnowledgeBase.objects.filter(pk__in=scope.base_ids, tenant=scope.tenant)


def documents_of(scope: Scope) -> QuerySet[Any]:
    return Document.objects.filter(knowledge_base__in=scope.base_ids, deleted_at=None)


def versions_of(scope: Scope) -> QuerySet[Any]:
    return DocumentVersion.objects.filter(document__in=documents_of(scope).values("pk"))


def _of_versions(model: type[Model]) -> Callable[[Scope], QuerySet[Any]]:
    return lambda scope: model._default_manager.filter(version__in=versions_of(scope).values("pk"))


def _sets(scope: Scope) -> QuerySet[Any]:
    return EvaluationSet.objects.filter(knowledge_base__in=scope.base_ids)


def _judgements(scope: Scope) -> QuerySet[Any]:
    marked = Judgement.objects.filter(question__evaluation_set__in=_sets(scope).values("pk"))
    return marked.filter(document__in=documents_of(scope).values("pk"))


def _asked(scope: Scope) -> QuerySet[Any]:
    """Questions that were asked of nothing but these knowledge bases, and whose answers rest on nothing but what travels."""
    elsewhere = Citation.objects.filter(answer__query=OuterRef("pk")).exclude(
        version__document__knowledge_base__in=scope.base_ids, version__document__deleted_at=None
    )
    return _within(Query, scope).exclude(knowledge_base_ids=[]).filter(~Exists(elsewhere))


def _conversations(scope: Scope) -> QuerySet[Any]:
    """Those of which each question travels. One that has none is of a knowledge base only if it says so."""
    turns = Query.objects.filter(conversation=OuterRef("pk"))
    found = _within(Conversation, scope).filter(~Exists(turns.exclude(pk__in=_asked(scope).values("pk"))))
    return found if scope.is_whole else found.filter(Exists(turns) | ~Q(knowledge_base_ids=[]))


def _within(model: type[Model], scope: Scope) -> QuerySet[Any]:
    named = [str(pk) for pk in scope.base_ids]
    return model._default_manager.filter(tenant=scope.tenant, knowledge_base_ids__contained_by=named)


def _questions(scope: Scope) -> QuerySet[Any]:
    return _asked(scope).filter(Q(conversation=None) | Q(conversation__in=_conversations(scope).values("pk")))


def _answers(scope: Scope) -> QuerySet[Any]:
    return Answer.objects.filter(query__in=_questions(scope).values("pk"))


def _of_answers(model: type[Model]) -> Callable[[Scope], QuerySet[Any]]:
    return lambda scope: model._default_manager.filter(answer__in=_answers(scope).values("pk"))


def _grants(scope: Scope) -> QuerySet[Any]:
    on_document = Q(document__in=documents_of(scope).values("pk"))
    return Grant.objects.filter(on_document | Q(knowledge_base__in=scope.base_ids), tenant=scope.tenant)


TABLES: tuple[Table, ...] = (
    Table("knowledge_bases", KnowledgeBase, bases_of, frozenset({"deleted_at"})),
    Table("documents", Document, documents_of, frozenset({"document_type", "language", "told", "deleted_at"})),
    Table("versions", DocumentVersion, versions_of, LEASED | {"actor", "chunk_count"}),
    Table("texts", ParsedText, _of_versions(ParsedText)),
    Table("originals", OriginalText, _of_versions(OriginalText)),
    Table("edits", TextEdit, _of_versions(TextEdit)),
    Table("evaluation_sets", EvaluationSet, _sets),
    Table(
        "evaluation_questions", EvaluationQuestion,
        lambda scope: EvaluationQuestion.objects.filter(evaluation_set__in=_sets(scope).values("pk")),
    ),
    Table("judgements", Judgement, _judgements),
    Table("conversations", Conversation, _conversations, frozenset({"api_key"}), names_ids=True),
    Table("questions", Query, _questions, frozenset({"api_key", "trace_id"}), names_ids=True),
    Table("answers", Answer, _answers, names_ids=True),
    Table("citations", Citation, _of_answers(Citation)),
    Table("feedback", AnswerFeedback, _of_answers(AnswerFeedback)),
    Table("grants", Grant, _grants),
)  # fmt: skip
BY_MODEL: Mapping[type[Model], Table] = {table.model: table for table in TABLES}

_DERIVED = "It is made again from what travels."
_WORK = "It is work under way, or a record of work, of one installation."
_OWN = "It is the installation's own."
_SECRET = "It is a secret of one installation, or hangs on one."  # noqa: S105 - a reason
LEFT_OUT: Mapping[str, str] = {
    "gateway.Tenant": "Its names stand in the manifest.",
    "gateway.Membership": "It stands among people, with the role; only a new tenant gets members by it.",
    "core.SettingChange": "What is set at the places that travel stands in the manifest; the history stays behind.",
    "documents.Chunk": _DERIVED,
    "documents.PagePicture": _DERIVED,
    "documents.MaskingChange": "Masking is applied anew.",
    "retrieval.Embedding": _DERIVED,
    "retrieval.IndexGeneration": _DERIVED,
    "retrieval.IndexPart": _DERIVED,
    "retrieval.FindableChange": _DERIVED,
    "retrieval.StoredVersion": _DERIVED,
    "retrieval.LexicalPosting": _DERIVED,
    "retrieval.LexicalSegment": _DERIVED,
    "retrieval.LexicalVersion": _DERIVED,
    "retrieval.EvaluationRun": "It measured an index that stays behind.",
    "retrieval.EvaluationResult": "It measured an index that stays behind.",
    "retrieval.ExperimentEntry": "It measured an index that stays behind.",
    "retrieval.DroppedCollection": _WORK,
    "retrieval.Reindex": _WORK,
    "retrieval.CutPreview": _WORK,
    "retrieval.Erasure": _WORK,
    "documents.BulkJob": _WORK,
    "documents.KnowledgeBaseDeletion": _WORK,
    "documents.StageRecord": _WORK,
    "gateway.ApiKey": _SECRET,
    "gateway.TokenFamily": _SECRET,
    "gateway.ProvidedAccount": _SECRET,
    "gateway.SecondFactor": _SECRET,
    "gateway.SignInTries": _OWN,
    "gateway.IdempotencyRecord": _WORK,
    "gateway.WorkLimit": "What a tenant may ask for is decided where it is.",
    "gateway.QuotaUse": "What a tenant may ask for is decided where it is.",
    "core.BlobCopy": "It says what one installation's second store has.",
    "core.AuditEntry": "The audit log says what was done in an installation, under its key; `manage.py audit export` has it.",
    "core.AuditWaiting": "As the audit log.",
    "core.AuditSeal": "As the audit log.",
    "core.AuditCheckpoint": "As the audit log.",
    "core.OutboxEvent": "The import tells of what comes to be by events of its own.",
    "core.InboxEvent": _WORK,
    "core.QueueSample": _OWN,
    "core.ScheduledJob": _OWN,
    "core.Walk": _OWN,
    "core.WorkerPresence": _OWN,
    "monitoring.Alert": _OWN,
    "monitoring.AlertDelivery": _OWN,
    "monitoring.HealthCheck": _OWN,
    "monitoring.Webhook": _SECRET,
    "monitoring.WebhookDelivery": _WORK,
    "model_registry.Model": _OWN,
    "model_registry.ModelVersion": _OWN,
    "model_registry.ModelTask": _OWN,
    "model_registry.ModelCache": _OWN,
    "model_registry.ModelOrder": _OWN,
}
"""Tables of which no row travels, and why."""
