"""What is erased of each subject, as one ordered table.

A step finds rows and erases some of them at a time, in the caller's transaction, until it finds none. So whoever goes on after a
worker that died starts the step at hand again, and finds what is left. What says who the subject is comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.documents.blobs import blobs_release
from apps.documents.models import (
    BulkJob,
    BulkState,
    DeletionState,
    Document,
    Grant,
    KnowledgeBase,
    KnowledgeBaseDeletion,
)
from apps.documents.rights.grants import grant_delete
from apps.documents.services.documents import document_delete
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.documents.services.purging import documents_remove
from apps.retrieval.answers.cache.store import kept_forget
from apps.retrieval.erasing.log import (
    LoggedWords,
    logged_count,
    logged_erase,
    logged_of_document,
    logged_of_tenant,
    logged_of_user,
)
from apps.retrieval.erasing.names import NamedUser, names_erase, names_found
from apps.retrieval.models import (
    Citation,
    Conversation,
    ErasureSubject,
    EvaluationQuestion,
    EvaluationSet,
    Judgement,
    Query,
)
from ragsite.core.actors import Actor
from ragsite.core.errors import TransientError
from ragsite.core.locking import rows_hold, rows_hold_to_remove
from ragsite.core.models import OutboxEvent
from ragsite.gateway.models import ApiKey, IdempotencyRecord, Membership, Tenant
from ragsite.gateway.sign_ins import tries_of

AT_ONCE = 200
BUSY = "busy"
ERASED = "Erased"
_NONE = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is erased, in which tenant, for whom, and by which erasure; by none while it is looked for."""

    kind: str
    id: str
    tenant_id: UUID
    actor: Actor
    erasure_id: UUID = _NONE

    @property
    def document_id(self) -> UUID:
        """Of a document."""
        return UUID(self.id)

    @property
    def user(self) -> NamedUser | None:
        """The user, until the account is gone."""
        account = User.objects.filter(pk=int(self.id)).first() if self.id.isdigit() else None
        return NamedUser(self.id, account.get_username(), self.tenant_id) if account else None


Rows = Callable[[Subject], QuerySet[Any]]


@dataclass(frozen=True, slots=True)
class EraseStep:
    """`found` counts what there is, `erase` erases some and says how much; 0 once nothing is left."""

    what: str
    found: Callable[[Subject], int]
    erase: Callable[[Subject], int]


def rows_step(what: str, rows: Rows, remove: Callable[[QuerySet[Any]], None] | None = None) -> EraseStep:
    """A step whose rows are removed."""

    def erase(subject: Subject) -> int:
        pks = list(rows(subject).order_by("pk").values_list("pk", flat=True).distinct()[:AT_ONCE])
        some = rows(subject).model._default_manager.filter(pk__in=pks)
        if pks:
            (remove or _delete)(some)
        return len(pks)

    return EraseStep(what, lambda subject: rows(subject).values("pk").distinct().count(), erase)


def _delete(rows: QuerySet[Any]) -> None:
    rows_hold(rows, removing=True)
    rows.delete()


# Questions, with their answers, quotes and feedback.


def _questions_remove(rows: QuerySet[Any]) -> None:
    rows_hold_to_remove(Citation.objects.filter(answer__query__in=rows))
    _requests_forget(rows)
    rows.delete()


def _conversations_remove(rows: QuerySet[Any]) -> None:
    rows_hold_to_remove(rows, Citation.objects.filter(answer__query__conversation__in=rows))
    _requests_forget(Query.objects.filter(conversation__in=rows))
    rows.delete()


def _requests_forget(queries: QuerySet[Any]) -> None:
    """The answers that are kept to be repeated to a client that sends a question again."""
    for query_id, answer_id, tenant_id in queries.values_list("pk", "answer__pk", "tenant_id"):
        _records(tenant_id, str(answer_id or query_id)).delete()


def _records(tenant_id: UUID, said: str) -> QuerySet[IdempotencyRecord]:
    records = IdempotencyRecord.objects.filter(tenant=tenant_id, lease_owner="")
    return records.extra(where=["position(convert_to(%s, 'UTF8') in body) > 0"], params=[said])


def _asked_of_document(subject: Subject) -> QuerySet[Any]:
    return Query.objects.filter(tenant=subject.tenant_id, answer__citations__version__document=subject.document_id)


def _asked_by_user(subject: Subject) -> QuerySet[Any]:
    return Query.objects.filter(tenant=subject.tenant_id, user=int(subject.id))


def _asked_in_tenant(subject: Subject) -> QuerySet[Any]:
    return Query.objects.filter(tenant=subject.tenant_id)


def _begun_by_user(subject: Subject) -> QuerySet[Any]:
    return Conversation.objects.filter(tenant=subject.tenant_id, user=int(subject.id))


def _begun_in_tenant(subject: Subject) -> QuerySet[Any]:
    return Conversation.objects.filter(tenant=subject.tenant_id)


# What else is kept of a document.


def _only_of_document(subject: Subject) -> QuerySet[Any]:
    """Questions of evaluation sets that nothing else answers."""
    others = Judgement.objects.exclude(document=subject.document_id).values("question")
    return EvaluationQuestion.objects.filter(judgements__document=subject.document_id).exclude(pk__in=others)


def _made_of_users_questions(subject: Subject) -> QuerySet[Any]:
    """Questions of evaluation sets that say what the user asked."""
    asked = _asked_by_user(subject).order_by().values("question")
    return EvaluationQuestion.objects.filter(
        evaluation_set__knowledge_base__tenant=subject.tenant_id, text__in=asked
    )  # fmt: skip


def _questions_of_sets_remove(rows: QuerySet[Any]) -> None:
    rows_hold(EvaluationSet.objects.filter(pk__in=rows.order_by().values("evaluation_set")))
    rows.delete()


def _events_of_document(subject: Subject) -> QuerySet[Any]:
    return OutboxEvent.objects.filter(key=subject.id, tenant_id=subject.tenant_id).exclude(type__startswith="erasure.")


def _document(subject: Subject) -> QuerySet[Any]:
    return Document.objects.filter(pk=subject.id, tenant=subject.tenant_id)


def _document_erase(subject: Subject) -> int:
    """As a purge removes it, now and not in a minute."""
    document = _document(subject).select_related("knowledge_base").first()
    if document is None:
        return 0
    document_delete(document=document, actor=subject.actor)
    removed = documents_remove(_document(subject))
    if not removed.found:
        raise TransientError("The document is in use.", code=BUSY, retry_after=1)
    transaction.on_commit(partial(blobs_release, removed.blobs))
    return 1


def _requests_of_document(subject: Subject) -> QuerySet[Any]:
    return _records(subject.tenant_id, subject.id)


# What else is kept of a user.


def _bulk_jobs(subject: Subject) -> QuerySet[Any]:
    return BulkJob.objects.filter(tenant=subject.tenant_id, user=int(subject.id)).exclude(state=BulkState.OPEN)


def _grants(subject: Subject) -> QuerySet[Any]:
    return Grant.objects.filter(tenant=subject.tenant_id, user=int(subject.id))


def _grants_erase(subject: Subject) -> int:
    grants = list(_grants(subject).order_by("pk")[:AT_ONCE])
    for grant in grants:
        grant_delete(grant=grant, actor=subject.actor)
    return len(grants)


def _names_found(subject: Subject) -> int:
    return names_found(subject.user) if subject.user else 0


def _names_erase(subject: Subject) -> int:
    return names_erase(subject.user) if subject.user else 0


def _requests_of_user(subject: Subject) -> QuerySet[Any]:
    return _records(subject.tenant_id, subject.user.name) if subject.user else IdempotencyRecord.objects.none()


def _tries(subject: Subject) -> QuerySet[Any]:
    return tries_of(subject.user.name if subject.user else "")


def _membership(subject: Subject) -> QuerySet[Any]:
    return Membership.objects.filter(tenant=subject.tenant_id, user=int(subject.id))


def _membership_erase(subject: Subject) -> int:
    """The membership, and the account, if it is of no other tenant's and administers nothing."""
    gone = _membership(subject).delete()[0]
    return gone + _accounts_erase([int(subject.id)])


def _accounts_erase(pks: list[int]) -> int:
    lonely = User.objects.filter(pk__in=pks, is_staff=False, is_superuser=False, memberships=None)
    held = rows_hold(lonely, removing=True)
    User.objects.filter(pk__in=held).delete()
    return len(held)


# What else is kept of a tenant.


def _bases(subject: Subject) -> QuerySet[Any]:
    return KnowledgeBase.objects.filter(tenant=subject.tenant_id, deleted_at=None)


def _bases_erase(subject: Subject) -> int:
    base = _bases(subject).order_by("pk").first()
    if base is not None:
        knowledge_base_delete(knowledge_base=base, actor=subject.actor)
        return 1
    open_ones = KnowledgeBaseDeletion.objects.filter(knowledge_base__tenant=subject.tenant_id)
    if open_ones.exclude(state=DeletionState.DONE).exists():
        raise TransientError("Knowledge bases are still being removed.", code=BUSY, retry_after=5)
    return 0


def _named_bases(subject: Subject) -> QuerySet[Any]:
    return KnowledgeBase.objects.filter(tenant=subject.tenant_id).exclude(name=ERASED, description="")


def _bases_unname(subject: Subject) -> int:
    held = rows_hold(_named_bases(subject))
    return int(KnowledgeBase.objects.filter(pk__in=held).update(name=ERASED, description=""))


def _keys(subject: Subject) -> QuerySet[Any]:
    return ApiKey.objects.filter(tenant=subject.tenant_id).exclude(name=ERASED)


def _keys_erase(subject: Subject) -> int:
    held = rows_hold(_keys(subject))
    return int(ApiKey.objects.filter(pk__in=held).update(name=ERASED, revoked_at=Now(), secret_hash=""))


def _members(subject: Subject) -> QuerySet[Any]:
    return Membership.objects.filter(tenant=subject.tenant_id)


def _members_erase(subject: Subject) -> int:
    members = dict(_members(subject).order_by("pk").values_list("pk", "user")[:AT_ONCE])
    Membership.objects.filter(pk__in=members).delete()
    return len(members) + _accounts_erase(list(members.values()))


def _tenant_named(subject: Subject) -> QuerySet[Any]:
    return Tenant.objects.filter(pk=subject.tenant_id).exclude(name=ERASED)


def _tenant_unname(subject: Subject) -> int:
    return _tenant_named(subject).update(name=ERASED, slug=f"erased-{subject.tenant_id}")


def _events_of_tenant(subject: Subject) -> QuerySet[Any]:
    """All but those by which consumers are yet to learn what is gone."""
    mine = OutboxEvent.objects.filter(tenant_id=subject.tenant_id)
    return mine.exclude(Q(type__contains=".deleted") | Q(type__startswith="erasure."), sent_at=None)


def _nothing(_: Subject) -> int:
    return 0


def _cache_erase(subject: Subject) -> int:
    """Raises TransientError: Redis does not answer."""
    said = {
        ErasureSubject.DOCUMENT: subject.id,
        ErasureSubject.USER: f"user {subject.id} of {subject.tenant_id}",
        ErasureSubject.TENANT: f" of {subject.tenant_id}",
    }[ErasureSubject(subject.kind)]
    return kept_forget(said)


def _logged(subject: Subject) -> list[LoggedWords]:
    match subject.kind:
        case ErasureSubject.USER:
            return logged_of_user(subject.id, subject.tenant_id)
        case ErasureSubject.DOCUMENT:
            return logged_of_document(subject.document_id, subject.tenant_id)
        case _:
            return logged_of_tenant(subject.tenant_id)


def _logged_erase(subject: Subject) -> int:
    """Raises TransientError: the log is being sealed or pruned."""
    return logged_erase(_logged(subject), erasure_id=subject.erasure_id, actor=subject.actor)


CACHE = EraseStep("kept_answers", _nothing, _cache_erase)
LOG = EraseStep("audit_entries", lambda subject: logged_count(_logged(subject)), _logged_erase)
"""Before the row goes by which names are found, and once more for what was written until then."""

STEPS: Mapping[str, tuple[EraseStep, ...]] = {
    ErasureSubject.DOCUMENT: (
        rows_step("questions", _asked_of_document, _questions_remove),
        rows_step("evaluation_questions", _only_of_document, _questions_of_sets_remove),
        rows_step("requests", _requests_of_document),
        CACHE,
        # Before the event that the document is deleted, which consumers are to get.
        rows_step("events", _events_of_document),
        LOG,
        EraseStep("documents", lambda subject: _document(subject).count(), _document_erase),
        LOG,
    ),
    ErasureSubject.USER: (
        rows_step("evaluation_questions", _made_of_users_questions, _questions_of_sets_remove),
        rows_step("conversations", _begun_by_user, _conversations_remove),
        rows_step("questions", _asked_by_user, _questions_remove),
        rows_step("bulk_jobs", _bulk_jobs),
        EraseStep("grants", lambda subject: _grants(subject).count(), _grants_erase),
        rows_step("requests", _requests_of_user),
        CACHE,
        EraseStep("names", _names_found, _names_erase),
        rows_step("sign_in_tries", _tries),
        LOG,
        EraseStep("memberships_and_accounts", lambda subject: _membership(subject).count(), _membership_erase),
        LOG,
    ),
    ErasureSubject.TENANT: (
        EraseStep("knowledge_bases", lambda subject: _bases(subject).count(), _bases_erase),
        rows_step("conversations", _begun_in_tenant, _conversations_remove),
        rows_step("questions", _asked_in_tenant, _questions_remove),
        rows_step("bulk_jobs", lambda subject: BulkJob.objects.filter(tenant=subject.tenant_id)),
        rows_step("requests", lambda subject: IdempotencyRecord.objects.filter(tenant=subject.tenant_id)),
        CACHE,
        EraseStep("api_keys", lambda subject: _keys(subject).count(), _keys_erase),
        LOG,
        EraseStep("memberships_and_accounts", lambda subject: _members(subject).count(), _members_erase),
        EraseStep("names_of_knowledge_bases", lambda subject: _named_bases(subject).count(), _bases_unname),
        EraseStep("names_of_the_tenant", lambda subject: _tenant_named(subject).count(), _tenant_unname),
        LOG,
        rows_step("events", _events_of_tenant),
    ),
}
"""By subject, in the order in which it is done."""
