"""Knowledge bases as things that happen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.documents.chunking.settings import chunking_begun
from apps.documents.events import KnowledgeBaseUpdated
from apps.documents.masking.settings import MaskingSettings
from apps.documents.models import Document, KnowledgeBase, KnowledgeBaseDeletion, PartsBy, Visibility
from apps.documents.retrieval_settings import RetrievalSettings
from apps.documents.rights.access import told_of_all
from apps.documents.services.deleting import DELETE
from apps.documents.services.masking import masking_apply, masking_resume
from ragsite.core.actors import Actor, change_log
from ragsite.core.bounds import lengths_check
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.jobs import ring
from ragsite.core.outbox import emit
from ragsite.gateway.conditions import UNCONDITIONAL, Condition, etag_of
from ragsite.gateway.errors import PermissionDeniedError
from ragsite.gateway.keys import Principal
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.roles import permissions_held


def knowledge_base_create(
    *,
    tenant_id: UUID,
    name: str,
    description: str = "",
    chunking: dict[str, Any] | None = None,
    retrieval: dict[str, Any] | None = None,
    masking: dict[str, Any] | None = None,
    visibility: str = Visibility.TENANT,
    parts: str = PartsBy.NONE,
    actor: Actor,
) -> KnowledgeBase:
    """A new, empty knowledge base; its index is kept in `parts`, which a re-index changes later.

    Raises:
        PermanentError: the name or the description is too long.
        ConflictError: the tenant has one of that name.
        InvalidRetrievalError: nothing can be searched by the settings in `retrieval`.
        InvalidMaskingError: nothing can be masked by those in `masking`.
    """
    RetrievalSettings.from_dict(retrieval or {})
    MaskingSettings.from_dict(masking or {})
    lengths_check(KnowledgeBase, name=name, description=description)
    try:
        with transaction.atomic():
            made = KnowledgeBase.objects.create(
                tenant_id=tenant_id, name=name, description=description, chunking=chunking_begun(chunking or {}),
                visibility=visibility, retrieval=retrieval or {}, masking=masking or {}, parts=parts,
            )  # fmt: skip
            change_log(f"knowledge base {made.pk} was made", actor=actor, action="knowledge_base.created", of=made)
    except IntegrityError as error:
        raise _name_taken(name) from error
    return made


def knowledge_base_etag(knowledge_base: KnowledgeBase) -> str:
    """The ETag of a knowledge base."""
    return etag_of(knowledge_base, "name", "description", "chunking", "retrieval", "masking", "visibility", "parts")


def knowledge_base_update(
    *, knowledge_base: KnowledgeBase, actor: Actor, condition: Condition = UNCONDITIONAL, **changes: Any
) -> KnowledgeBase:
    """Change name, description, visibility, retrieval or masking; if nothing changes there is no event. Nothing is re-indexed but
    where masking at ingestion comes to hold: a job applies masking to what is there.

    Raises:
        PermanentError: the name or the description is too long.
        PreconditionFailedError: it is not as the condition says; nothing is changed.
        ConflictError: the tenant has another one of that name.
        NotFoundError: it was deleted meanwhile.
        InvalidRetrievalError: nothing can be searched by the settings in `retrieval`.
        InvalidMaskingError: nothing can be masked by those in `masking`.
    """
    RetrievalSettings.from_dict(changes.get("retrieval", {}))
    MaskingSettings.from_dict(changes.get("masking", {}))
    lengths_check(KnowledgeBase, **{name: changes[name] for name in ("name", "description") if name in changes})
    try:
        with transaction.atomic():
            return _update(knowledge_base, condition, changes, actor)
    except IntegrityError as error:
        raise _name_taken(changes.get("name", knowledge_base.name)) from error


def _update(
    knowledge_base: KnowledgeBase, condition: Condition, changes: dict[str, Any], actor: Actor
) -> KnowledgeBase:
    locked = KnowledgeBase.objects.select_for_update(no_key=True).filter(pk=knowledge_base.pk, deleted_at=None).first()
    if locked is None:
        raise NotFoundError(f"There is no knowledge base {knowledge_base.pk}; it was deleted a moment ago.")
    condition.check(knowledge_base_etag(locked))
    changed = tuple(field for field, value in changes.items() if getattr(locked, field) != value)
    # Looked at before it is written: two that want each other's would wait for each other.
    if "name" in changed and _living(locked).filter(name=changes["name"]).exists():
        raise _name_taken(changes["name"])
    for field in changed:
        setattr(locked, field, changes[field])
    if changed:
        locked.save(update_fields=changed)
        if "masking" in changed:
            masking_apply(locked, actor=actor)
        emit(
            KnowledgeBaseUpdated(
                tenant_id=locked.tenant_id, knowledge_base_id=locked.pk, changed=changed, visibility=locked.visibility
            ),
            actor=actor,
        )
    if "masking" in changes and "masking" not in changed:
        masking_resume(locked, actor=actor)
    return locked


def knowledge_base_delete(
    *,
    knowledge_base: KnowledgeBase,
    actor: Actor,
    principal: Principal | None = None,
    condition: Condition = UNCONDITIONAL,
) -> KnowledgeBaseDeletion:
    """Take the knowledge base with all its documents out of every search and list at once, and wake the job that removes
    it. Deleting twice is one deletion. Without a principal nothing is hidden from who deletes.

    Raises:
        PermissionDeniedError: it has documents that the caller may neither see nor let itself see.
    """
    with transaction.atomic():
        # Not NO KEY, so that uploads under way, which refer to it, are in before its documents are counted.
        locked = KnowledgeBase.objects.select_for_update().get(pk=knowledge_base.pk)
        under_way = KnowledgeBaseDeletion.objects.filter(knowledge_base=locked).first()
        if under_way is not None:
            return under_way
        _check_sees_all(principal, locked)
        condition.check(knowledge_base_etag(locked))
        KnowledgeBase.objects.filter(pk=locked.pk, deleted_at=None).update(deleted_at=Now())
        total = Document.objects.filter(knowledge_base=locked).count()
        deletion = KnowledgeBaseDeletion.objects.create(
            knowledge_base=locked, document_total=total, actor=actor.as_dict()
        )
        ring(DELETE)
    return deletion


def knowledge_base_delete_by(user: Any, knowledge_base: KnowledgeBase, *, actor: Actor) -> KnowledgeBaseDeletion:
    """Delete it for a user of the admin. Who was given the permission in Django administers the tenant's documents and deletes
    all; who may by a role is a caller as over REST.

    Raises:
        PermissionDeniedError: as `knowledge_base_delete`.
        NotFoundError: the user is not of its tenant.
    """
    by_role = not user.is_superuser and "documents.delete_knowledgebase" not in permissions_held(user)
    principal = principal_of_user(user, tenant_id=knowledge_base.tenant_id) if by_role else None
    return knowledge_base_delete(knowledge_base=knowledge_base, actor=actor, principal=principal)


def _check_sees_all(principal: Principal | None, knowledge_base: KnowledgeBase) -> None:
    if not told_of_all(principal, knowledge_base):
        raise PermissionDeniedError(
            f"{knowledge_base.name!r} has documents that you may not see, so you may not delete it.",
            action="Ask somebody who manages grants, or have them granted to you.",
        )


def _living(knowledge_base: KnowledgeBase) -> QuerySet[KnowledgeBase]:
    return KnowledgeBase.objects.filter(tenant=knowledge_base.tenant_id, deleted_at=None)


def _name_taken(name: str) -> ConflictError:
    return ConflictError(f"There is already a knowledge base named {name!r}.", action="Choose another name.")
