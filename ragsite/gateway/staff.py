"""What staff may do about other users: nobody reaches beyond the tenants they own, and nobody gives what they don't have.

A superuser may everything. Everybody else

- sees the users of the tenants they are an owner of, and members of the tenants they belong to;
- edits a user all of whose tenants they own, who is no superuser and has no permission that they lack: who may set a
  password can sign in as that user;
- gives permissions that they have, and groups that they are in;
- says who belongs to the tenants they own, of the users they see;
- rotates the API keys of the tenants they own, if these may no more than they do.
"""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.contrib.auth.models import Permission as UserPermission
from django.db.models import Q, QuerySet

from ragsite.gateway.members import is_superuser, principal_of_user
from ragsite.gateway.models import ApiKey, Membership, Role, Tenant
from ragsite.gateway.roles import AnyUser


def tenants_owned(staff: AnyUser) -> QuerySet[Tenant]:
    """The tenants whose members the user decides on."""
    if is_superuser(staff):
        return Tenant.objects.all()
    owned = Membership.objects.filter(user=staff.pk, role=Role.OWNER)
    return Tenant.objects.filter(pk__in=owned.values("tenant"))


def may_decide_on_members(staff: AnyUser) -> bool:
    """Whether there may be any such tenant."""
    return is_superuser(staff) or tenants_owned(staff).exists()


def may_rotate(staff: AnyUser, key: ApiKey) -> bool:
    """Whether the user may have a new secret of the key, and so call with it: who owns its tenant, where grants to the key are
    the user's to give, and has all of its permissions there.
    """
    if not isinstance(staff, User) or not tenants_owned(staff).filter(pk=key.tenant_id).exists():
        return False
    return set(key.permissions) <= principal_of_user(staff, tenant_id=key.tenant_id).permissions


def users_seen(staff: AnyUser) -> QuerySet[User]:
    """The users whom the user may look at."""
    if is_superuser(staff):
        return User.objects.all()
    members = Membership.objects.filter(tenant__in=tenants_owned(staff))
    return User.objects.filter(pk__in=members.values("user"))


def user_may_be_edited(other: User, *, by: AnyUser) -> bool:
    """Whether `by` may change or remove the user, and set a password for it."""
    if is_superuser(by):
        return True
    if other.is_superuser or not users_seen(by).filter(pk=other.pk).exists():
        return False
    elsewhere = Membership.objects.filter(user=other.pk).exclude(tenant__in=tenants_owned(by))
    more = _permissions_of(other).exclude(pk__in=permissions_given(by).values("pk"))
    return not elsewhere.exists() and not more.exists()


def permissions_given(staff: AnyUser) -> QuerySet[UserPermission]:
    """The permissions that the user may give: those the user has."""
    found = UserPermission.objects.all() if is_superuser(staff) else _permissions_of(staff)
    return found.select_related("content_type")


def groups_given(staff: AnyUser) -> QuerySet[Group]:
    """The groups that the user may put others in: those the user is in."""
    return Group.objects.all() if is_superuser(staff) else Group.objects.filter(pk__in=_group_ids(staff))


def _permissions_of(user: AnyUser) -> QuerySet[UserPermission]:
    """Also of one who is not active, and could be made so."""
    has = Q(pk__in=User.user_permissions.through.objects.filter(user=user.pk).values("permission"))
    has |= Q(pk__in=Group.permissions.through.objects.filter(group__in=_group_ids(user)).values("permission"))
    return UserPermission.objects.filter(has)


def _group_ids(user: AnyUser) -> QuerySet[User.groups.through, int]:  # type: ignore[name-defined]
    return User.groups.through.objects.filter(user=user.pk).values_list("group", flat=True)
