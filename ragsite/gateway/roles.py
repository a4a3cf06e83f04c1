"""What members may do in the admin: each role, in the tenant it is held in, as Django's permissions.

Permissions that were given to a user or a group in Django hold besides, in all tenants of the user, as they always did.
Where nobody says which tenant is meant (`has_perm` without an object), a role counts for as much as the weakest role of
the user allows: so a door that forgets to say it opens too little, and never with the rights of another tenant. What a
member sees by a role alone is narrowed further, by the rules that models register here: see `rows_narrowed`.

A grant may carry a role in one knowledge base. What it allows there is added for rows of that knowledge base alone; which rows
those are, and who holds such grants, the app of documents registers: see `places_register`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group
from django.db.models import Model, QuerySet

from ragsite.gateway.models import Membership, Role, Tenant

AnyUser = AbstractBaseUser | AnonymousUser
Row = TypeVar("Row", bound=Model)
Rule = Callable[[QuerySet[Any], AnyUser], QuerySet[Any]]

_READER = frozenset({
    "documents.view_knowledgebase", "documents.view_document", "documents.view_documentversion", "documents.view_chunk",
    "retrieval.view_query", "retrieval.view_answer", "retrieval.view_conversation", "retrieval.view_answerfeedback",
    "retrieval.view_citation",
})  # fmt: skip
_EDITOR = _READER | {
    "documents.add_knowledgebase", "documents.change_knowledgebase", "documents.delete_knowledgebase",
    "documents.add_document", "documents.change_document", "documents.delete_document",
    "documents.change_documentversion", "documents.view_stagerecord",
    "retrieval.view_indexgeneration",
    "retrieval.view_evaluationset", "retrieval.add_evaluationset", "retrieval.change_evaluationset",
    "retrieval.delete_evaluationset", "retrieval.view_evaluationquestion", "retrieval.add_evaluationquestion",
    "retrieval.change_evaluationquestion", "retrieval.delete_evaluationquestion", "retrieval.view_judgement",
    "retrieval.add_judgement", "retrieval.change_judgement", "retrieval.delete_judgement",
    "retrieval.view_evaluationrun", "retrieval.add_evaluationrun",
}  # fmt: skip
_OWNER = _EDITOR | {
    "documents.view_grant", "documents.add_grant", "documents.delete_grant",
    "gateway.view_membership", "gateway.add_membership", "gateway.change_membership", "gateway.delete_membership",
    "gateway.view_apikey", "gateway.add_apikey", "gateway.change_apikey",
    "gateway.view_tenant", "auth.view_user", "auth.add_user", "auth.change_user",
    "documents.view_knowledgebasedeletion", "documents.view_bulkjob", "retrieval.view_reindex",
    "retrieval.view_erasure", "retrieval.add_erasure",
    "monitoring.view_webhook", "monitoring.add_webhook", "monitoring.change_webhook", "monitoring.delete_webhook",
    "monitoring.view_webhookdelivery", "monitoring.change_webhookdelivery",
}  # fmt: skip

_OPERATOR = frozenset({
    "documents.view_knowledgebase", "documents.view_documentversion", "documents.change_documentversion",
    "documents.view_stagerecord", "documents.view_bulkjob", "documents.view_knowledgebasedeletion",
    "retrieval.view_indexgeneration", "retrieval.view_reindex", "retrieval.add_reindex",
    "gateway.view_tenant", "core.view_outboxevent", "core.change_outboxevent", "core.view_workerpresence",
    "monitoring.view_alert", "monitoring.change_alert", "monitoring.view_healthcheck",
})  # fmt: skip

ADMIN_PERMISSIONS: dict[str, frozenset[str]] = {
    Role.READER: _READER, Role.EDITOR: _EDITOR, Role.OWNER: _OWNER, Role.OPERATOR: _OPERATOR,
}  # fmt: skip
"""Each role's permissions in the admin. None is about models or the clock's jobs, which all tenants share; of events and of
what waits for workers an operator sees those of the tenant. Alerts and health are of the whole installation, and name nothing
that is a tenant's.
"""

GRANTED_ROLES = (Role.READER, Role.EDITOR, Role.OWNER)
"""Those that a grant may carry: it lets its subject read, which an operator does not."""

_OF_A_BASE = ("documents.", "retrieval.")
"""What a role in one knowledge base is about: not the tenant's members and keys."""


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where a row is, in the place of the row where permissions are asked for."""

    tenant_id: UUID | None
    knowledge_base_id: UUID | None = None


RolesGranted = Callable[[int], Mapping[UUID, Collection[str]]]
PlaceOf = Callable[[Any], UUID | None]

_rules: dict[type[Model], Rule] = {}
_places: dict[str, Any] = {"roles": lambda user_id: {}, "base": lambda row: None}


class RoleBackend(BaseBackend):
    """Permissions that follow from roles. It signs nobody in."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous:
            return set()
        roles = roles_of(user_obj)
        if obj is None:
            return (
                set(frozenset.intersection(*(ADMIN_PERMISSIONS[role] for role in roles.values()))) if roles else set()
            )
        tenant_id = tenant_id_of(obj)
        role = roles.get(tenant_id) if tenant_id else None
        if role is None:
            # Without a membership in its tenant no grant counts. Django's own backend knows nothing of objects.
            return permissions_held(user_obj)
        return permissions_held(user_obj) | ADMIN_PERMISSIONS[role] | _permissions_granted(user_obj, obj)

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """By the role where that is enough, so that grants are looked up for few."""
        tenant_id = tenant_id_of(obj) if obj is not None and user_obj.is_active else None
        role = roles_of(user_obj).get(tenant_id) if tenant_id else None
        return bool(role and perm in ADMIN_PERMISSIONS[role]) or super().has_perm(user_obj, perm, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Whether the user may anything of the app in some tenant; each page asks for itself."""
        return user_obj.is_active and any(
            permission.startswith(f"{app_label}.")
            for role in roles_of(user_obj).values()
            for permission in ADMIN_PERMISSIONS[role]
        )


def places_register(*, roles: RolesGranted, base: PlaceOf) -> None:
    """Say which roles a user holds by grants, by knowledge base, and of which knowledge base a row is."""
    _places["roles"], _places["base"] = roles, base


def knowledge_base_id_of(row: Any) -> UUID | None:
    """The knowledge base that a row is of, or is; None for one that is of none."""
    found: UUID | None = row.knowledge_base_id if isinstance(row, RowPlace) else _places["base"](row)
    return found


def roles_granted(user: AnyUser) -> Mapping[UUID, Collection[str]]:
    """The roles that grants give the user, by knowledge base; read once for each object of the user, as `roles_of`."""
    if user.pk is None:
        return {}
    kept: Mapping[UUID, Collection[str]] | None = getattr(user, "_granted_roles_kept", None)
    if kept is None:
        kept = roles_granted_to(user.pk)
        user._granted_roles_kept = kept  # type: ignore[union-attr]  # beside the roles
    return kept


def roles_granted_to(user_id: int) -> Mapping[UUID, Collection[str]]:
    """The roles that grants give the user of that id, by knowledge base, in whatever tenant."""
    found: Mapping[UUID, Collection[str]] = _places["roles"](user_id)
    return found


def knowledge_bases_where(user: AnyUser, *permissions: str) -> frozenset[UUID]:
    """The knowledge bases in which a grant's role lets the user do one of these; the role in the tenant counts elsewhere."""
    if not user.is_active:
        return frozenset()
    wanted = {one for one in permissions if one.startswith(_OF_A_BASE)}
    held = roles_granted(user).items()
    return frozenset(pk for pk, roles in held if any(ADMIN_PERMISSIONS[role] & wanted for role in roles))


def _permissions_granted(user: AnyUser, row: Any) -> frozenset[str]:
    roles = roles_granted(user)
    base_id = knowledge_base_id_of(row) if roles else None
    allowed = (ADMIN_PERMISSIONS[role] for role in roles.get(base_id, ())) if base_id else ()
    return frozenset(one for some in allowed for one in some if one.startswith(_OF_A_BASE))


def may_enter_admin(user: AnyUser) -> bool:
    """Staff, and members of a tenant, who see what their role allows."""
    return user.is_active and (bool(getattr(user, "is_staff", False)) or bool(roles_of(user)))


def roles_of(user: AnyUser) -> dict[UUID, str]:
    """The user's role in each tenant; read once for each object of the user, as Django does with its permissions."""
    if user.pk is None:
        return {}
    kept: dict[UUID, str] | None = getattr(user, "_roles_kept", None)
    if kept is None:
        kept = dict(Membership.objects.filter(user=user.pk).order_by().values_list("tenant", "role"))
        user._roles_kept = kept  # type: ignore[union-attr]  # beside Django's own cache of permissions
    return kept


def groups_of(user: AnyUser) -> frozenset[int]:
    """The groups that the user is in; read once, as `roles_of`."""
    if user.pk is None:
        return frozenset()
    kept: frozenset[int] | None = getattr(user, "_groups_kept", None)
    if kept is None:
        kept = frozenset(Group.objects.filter(user=user.pk).values_list("pk", flat=True))
        user._groups_kept = kept  # type: ignore[union-attr]
    return kept


def permissions_held(user: AnyUser) -> set[str]:
    """The permissions that were given to the user or the user's groups in Django."""
    if not isinstance(user, AbstractBaseUser):
        return set()
    held: set[str] = ModelBackend().get_all_permissions(user)  # type: ignore[arg-type]  # the project has one class of users
    return held


def tenant_id_of(row: Any) -> UUID | None:
    """The tenant of a row; None for a row that does not say it itself."""
    found: UUID | None = row.pk if isinstance(row, Tenant) else getattr(row, "tenant_id", None)
    return found


def tenants_where(user: AnyUser, *permissions: str) -> frozenset[UUID]:
    """The tenants in which the user may one of these: all of the user's for who was given it, else by the roles there."""
    if not user.is_active:
        return frozenset()
    if getattr(user, "is_superuser", False):
        return frozenset(Tenant.objects.values_list("pk", flat=True))
    roles = roles_of(user)
    if permissions_held(user).intersection(permissions):
        return frozenset(roles)
    return frozenset(pk for pk, role in roles.items() if ADMIN_PERMISSIONS[role].intersection(permissions))


def may_somewhere(user: AnyUser, *permissions: str) -> bool:
    """Whether the user may one of these in some tenant, for pages whose rows are those of such tenants."""
    has_perm: Callable[[str], bool] = getattr(user, "has_perm", lambda permission: False)
    return any(map(has_perm, permissions)) or bool(tenants_where(user, *permissions))


def looks_by_role(user: AnyUser, model: type[Model]) -> bool:
    """Whether the user sees rows of the model by a role alone: no superuser, and not given the permission in Django."""
    return not getattr(user, "is_superuser", False) and not permissions_held(user).intersection(looking(model))


def looking(model: type[Model]) -> tuple[str, str]:
    """The permissions with which rows of a model are looked at."""
    app, name = model._meta.app_label, model._meta.model_name
    return f"{app}.view_{name}", f"{app}.change_{name}"


def narrowed_by(rule: Rule, models: Iterable[type[Model]]) -> None:
    """Who looks at these models by a role alone sees no more of them than `rule` leaves."""
    _rules.update(dict.fromkeys(models, rule))


def rows_narrowed(rows: QuerySet[Row], user: AnyUser) -> QuerySet[Row]:
    """Without the rows that a role alone does not show."""
    rule = _rules.get(rows.model)
    return rule(rows, user) if rule and looks_by_role(user, rows.model) else rows
