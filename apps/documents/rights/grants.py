"""Grants as things that happen. A change takes effect with the next request, and nothing is re-indexed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.db.models import Q

from apps.documents.events import GrantCreated, GrantDeleted
from apps.documents.models import LIVING, Document, Grant, KnowledgeBase
from ragsite.core.actors import Actor
from ragsite.core.errors import ConflictError, NotFoundError, PermanentError
from ragsite.core.outbox import emit
from ragsite.gateway.conditions import UNCONDITIONAL, Condition, etag_of
from ragsite.gateway.models import ApiKey, Membership, Role
from ragsite.gateway.roles import GRANTED_ROLES

Resource = KnowledgeBase | Document
Subject = User | Group | ApiKey

_FIELDS: dict[type[Subject], str] = {User: "user", Group: "group", ApiKey: "api_key"}


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """Who is to read what, and what people may in a whole knowledge base beside their role in its tenant."""

    resource: Resource
    subject: Subject
    role: str = Role.READER


def grant_create(request: GrantRequest, *, actor: Actor) -> Grant:
    """Let the subject read the knowledge base or document.

    Raises:
        PermanentError: such a grant has no such role.
        ConflictError: it may already, or the subject is not of the tenant.
        NotFoundError: the knowledge base or document was deleted meanwhile.
    """
    _check_role(request)
    try:
        with transaction.atomic():
            locked = _locked(request.resource)
            _check_tenant(request.subject, locked)
            grant = Grant.objects.create(
                tenant_id=locked.tenant_id,
                role=request.role,
                granted_by=actor.text,
                **{_on(locked): locked, _FIELDS[type(request.subject)]: request.subject},
            )
            emit(GrantCreated(**_about(grant)), actor=actor)
            return grant
    except IntegrityError as error:
        raise ConflictError(f"{request.subject} has this grant already.", action="Nothing needs to be done.") from error


def grant_etag(grant: Grant) -> str:
    """Of a grant, which is given and taken back, and never changed."""
    return etag_of(grant, "id", "role")


def grant_delete(*, grant: Grant, actor: Actor, condition: Condition = UNCONDITIONAL) -> None:
    """Take the grant back. Twice is once.

    Raises:
        PreconditionFailedError: it is not as the condition says; it stays.
    """
    with transaction.atomic():
        _lock(grant.document or grant.knowledge_base)
        condition.check(grant_etag(grant))
        removed, _ = Grant.objects.filter(pk=grant.pk).delete()
        if removed:
            emit(GrantDeleted(**_about(grant)), actor=actor)


def _check_role(request: GrantRequest) -> None:
    """A document is read or not, and an API key may what its permissions say."""
    if request.role not in GRANTED_ROLES:
        raise PermanentError(
            f"A grant gives no role {request.role[:40]!r}.", action=f"Choose one of {', '.join(GRANTED_ROLES)}."
        )
    if request.role == Role.READER:
        return
    if isinstance(request.resource, Document):
        raise PermanentError(
            "A grant on one document lets it be read, and no more.", action="Give the role on its knowledge base."
        )
    if isinstance(request.subject, ApiKey):
        raise PermanentError(
            "An API key may what its permissions say.", action="Leave the role out, and give the key the permission."
        )


def _locked(resource: Resource) -> Resource:
    locked = _lock(resource)
    if locked is None:
        raise NotFoundError(f"There is no {_noun(resource)} {resource.pk}; it was deleted a moment ago.")
    return locked


def _lock(resource: Resource | None) -> Resource | None:
    """The row, locked, so that the order of its events is that of their commits; None once it is deleted."""
    if resource is None:
        return None
    rows = type(resource)._default_manager.select_for_update(of=("self",), no_key=True)
    living = LIVING if isinstance(resource, Document) else Q(deleted_at=None)
    found: Resource | None = rows.filter(living, pk=resource.pk).first()
    return found


def _check_tenant(subject: Subject, resource: Resource) -> None:
    """A grant to somebody of another tenant would never count, and would mislead readers of the list of grants."""
    members = Membership.objects.filter(tenant_id=resource.tenant_id)
    if isinstance(subject, ApiKey):
        belongs = subject.tenant_id == resource.tenant_id
    elif isinstance(subject, User):
        belongs = subject.is_superuser or members.filter(user=subject).exists()
    else:
        belongs = members.filter(user__groups=subject).exists()
    if not belongs:
        raise ConflictError(
            f"{subject} does not belong to the tenant of this {_noun(resource)}.",
            action="Make the user, or one of the group, a member of the tenant first; choose a key of the tenant.",
        )


def _about(grant: Grant) -> dict[str, Any]:
    document = grant.document
    return {
        "tenant_id": grant.tenant_id,
        "knowledge_base_id": document.knowledge_base_id if document else grant.knowledge_base_id,
        "document_id": grant.document_id,
        "grant_id": grant.pk,
        "user_id": grant.user_id,
        "group_id": grant.group_id,
        "api_key_id": grant.api_key_id,
        "role": grant.role,
    }


def _on(resource: Resource) -> str:
    return "document" if isinstance(resource, Document) else "knowledge_base"


def _noun(resource: Resource) -> str:
    return str(resource._meta.verbose_name)
