"""Users as callers: what a user may do in a tenant follows from the role there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, QuerySet

from ragsite.core.actors import Actor, change_log
from ragsite.core.audit.recording import AuditObject
from ragsite.core.errors import NotFoundError
from ragsite.gateway.keys import Principal
from ragsite.gateway.models import Membership, Permission, Role, Tenant
from ragsite.gateway.roles import AnyUser, roles_granted_to, roles_of, rows_narrowed

Row = TypeVar("Row", bound=Model)
LONGEST_NAME = 120
OWNERS_NAMED = 5

_READS = frozenset({Permission.READ.value, Permission.QUERY.value})
_WORK = frozenset({Permission.WORK.value})
ROLE_PERMISSIONS: dict[str, frozenset[str]] = {
    Role.READER: _READS,
    Role.EDITOR: _READS | _WORK | {Permission.WRITE.value},
    Role.OWNER: _READS | _WORK | {Permission.WRITE.value, Permission.GRANTS.value, Permission.AUDIT.value},
    Role.OPERATOR: _WORK,
}


def principal_of_user(user: User, *, tenant_id: UUID) -> Principal:
    """The user as a caller in the tenant. A superuser needs no membership, but grants like everybody else.

    Raises:
        NotFoundError: there is no such tenant for the user.
    """
    role = _role(user, tenant_id)
    if not user.is_active or role is None:
        raise NotFoundError(f"There is no tenant {tenant_id} that {user.get_username()} belongs to.")
    # Models and the installation's settings are all tenants', so no role in one of them is enough.
    of_all = frozenset({Permission.MODELS.value, Permission.SETTINGS.value}) if user.is_superuser else frozenset()
    return Principal(
        tenant_id=tenant_id,
        name=user.get_username()[:LONGEST_NAME],
        permissions=ROLE_PERMISSIONS[role] | of_all,
        user_id=user.pk,
        group_ids=frozenset(user.groups.values_list("pk", flat=True)),
    )


def permitted(principal: Principal, *permissions: Permission) -> Principal:
    """The caller as far as it may one of these: as it is, or as it is in those knowledge bases alone in which the role of a grant
    lets it. So no door has to ask which of them is meant: the others are not there for it.

    Raises:
        PermissionDeniedError: it may none of them anywhere.
    """
    wanted = {one.value for one in permissions}
    if wanted & principal.permissions or principal.user_id is None:
        principal.require(next((one for one in permissions if one.value in principal.permissions), permissions[0]))
        return principal
    found = {
        pk: frozenset[str]().union(*(ROLE_PERMISSIONS[role] for role in roles))
        for pk, roles in roles_granted_to(principal.user_id).items()
    }
    found = {pk: may for pk, may in found.items() if may & wanted}
    if not found:
        principal.require(permissions[0])
    return replace(
        principal,
        permissions=principal.permissions | frozenset.intersection(*found.values()),
        knowledge_base_ids=frozenset(found),
    )


def member_add(*, user: User, tenant: Tenant, role: Role = Role.READER, actor: Actor) -> Membership:
    """The user belongs to the tenant from now on."""
    with transaction.atomic():
        made = Membership.objects.create(user=user, tenant=tenant, role=role)
        change_log(
            f"{user.get_username()} was made a {role} of tenant {tenant.slug}",
            actor=actor, action="member.added", of=made, details={"user_id": user.pk, "role": role},
        )  # fmt: skip
    return made


@transaction.atomic
def memberships_set(*, user: User, roles: Mapping[str, str], among: Collection[str], actor: Actor) -> None:
    """In the tenants of these short names the user has these roles from now on, and elsewhere the roles that it had."""
    tenants = {tenant.slug: tenant for tenant in Tenant.objects.filter(slug__in=among)}
    held = {one.tenant_id: one for one in Membership.objects.filter(user=user, tenant__in=tenants.values())}
    for slug, tenant in tenants.items():
        role, member = roles.get(slug), held.get(tenant.pk)
        if role is not None and member is None:
            member_add(user=user, tenant=tenant, role=Role(role), actor=actor)
        elif member is not None and role is None:
            gone = AuditObject.of(member)
            member.delete()
            what = f"{user.get_username()} belongs to tenant {slug} no more"
            change_log(what, actor=actor, action="member.removed", of=gone, details={"user_id": user.pk})
        elif member is not None and role is not None and member.role != role:
            member.role = role
            member.save(update_fields=["role"])
            what, told = f"{user.get_username()} was made a {role} of tenant {slug}", {"user_id": user.pk, "role": role}
            change_log(what, actor=actor, action="member.updated", of=member, details=told)


def tenant_ids_of(user: AnyUser) -> frozenset[UUID]:
    """The tenants whose rows the user may look at in the admin: all for a superuser, else those of memberships."""
    if not user.is_active:
        return frozenset()
    return frozenset(Tenant.objects.values_list("pk", flat=True) if is_superuser(user) else roles_of(user))


def tenants_of_user(user_id: int | None) -> list[UUID | None]:
    """Whose audit logs tell of an account: the tenants that it belongs to; the installation's where there is none."""
    found = Membership.objects.filter(user=user_id).order_by("tenant").values_list("tenant", flat=True)
    return list(found) or [None]


def owners_beside(user: AnyUser) -> list[str]:
    """Names of a few others who own a tenant of the user's, and so say who may what there."""
    owners = Membership.objects.filter(role=Role.OWNER, tenant__in=tenant_ids_of(user), user__is_active=True)
    names = owners.exclude(user=user.pk).order_by("user__username").values_list("user__username", flat=True)
    return list(names.distinct()[:OWNERS_NAMED])


def rows_of_tenants(rows: QuerySet[Row], user: AnyUser, *, path: str) -> QuerySet[Row]:
    """The rows that the user may look at in the admin, where `path` leads from a row to its tenant.

    Who looks by a role alone sees no more than that role shows, of models that say so: see `ragsite.gateway.roles`.
    """
    if is_superuser(user):
        return rows
    return rows_narrowed(rows.filter(**{f"{path}__in": tenant_ids_of(user)}), user)


def is_superuser(user: AnyUser) -> bool:
    """Whether the user is one, and active."""
    return user.is_active and bool(getattr(user, "is_superuser", False))


def _role(user: User, tenant_id: UUID) -> str | None:
    if user.is_superuser:
        return Role.OWNER if Tenant.objects.filter(pk=tenant_id).exists() else None
    return Membership.objects.filter(user=user, tenant_id=tenant_id).values_list("role", flat=True).first()
