"""Whose account somebody at the provider has: by issuer and subject, which never change, and never by a name or an e-mail.

Who is new gets an account if the table of memberships has a place for them. In the tenants that the table names it decides at
each sign-in; other memberships stay as they were made here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from ragsite.core.actors import LONGEST_NAME, Actor, ActorKind, Door
from ragsite.core.configuration import OidcSettings
from ragsite.core.errors import ConflictError
from ragsite.core.request_ids import request_id
from ragsite.gateway.accounts import account_log
from ragsite.gateway.members import memberships_set
from ragsite.gateway.models import ProvidedAccount, Role
from ragsite.gateway.oidc.errors import ProviderRefusedError
from ragsite.gateway.oidc.id_tokens import claimed, is_name
from ragsite.gateway.roles import may_enter_admin

logger = logging.getLogger(__name__)

_HIGHER = {Role.READER: 0, Role.EDITOR: 1, Role.OWNER: 2}
_LONGEST_NAME, _LONGEST_EMAIL = 150, 254


@dataclass(frozen=True, slots=True)
class Provided:
    """Somebody as the provider knows them. `email` is empty unless the provider has verified it."""

    issuer: str
    subject: str
    name: str
    email: str
    groups: frozenset[str]

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Provided:
        email, name = claims.get("email"), claims.get("preferred_username")
        verified = is_name(email) and len(str(email)) <= _LONGEST_EMAIL and claims.get("email_verified") is True
        return cls(
            issuer=claims["iss"],
            subject=claims["sub"],
            name=str(name if is_name(name) else claims["sub"])[:_LONGEST_NAME],
            email=str(email) if verified else "",
            groups=claimed(claims, OidcSettings.current().claim),
        )

    @property
    def actor(self) -> Actor:
        """Whoever it is, by the name that the provider says."""
        return Actor(ActorKind.USER, "", self.name[:LONGEST_NAME], Door.ADMIN, request_id())


def provided_sign_in(provided: Provided, *, actor: Actor) -> User:
    """The account of somebody who comes from the provider, with the memberships that the table gives.

    Raises:
        ProviderRefusedError: the account is disabled, or there is no place here.
        ConflictError: a new account's name is taken, by an account that is somebody else's as far as anybody knows.
    """
    roles = roles_of_groups(provided.groups)
    with transaction.atomic():
        user = _known(provided) or _made(provided, has_place=bool(roles), actor=actor)
        if not user.is_active:
            raise ProviderRefusedError("Your account here is disabled.", action="Ask your operator.")
        memberships_set(user=user, roles=roles, among=OidcSettings.current().tenants, actor=actor)
    if not may_enter_admin(User.objects.get(pk=user.pk)):
        raise _no_place(provided)
    logger.info("a sign-in by the provider succeeded, by %s", actor.text)
    return user


@transaction.atomic
def provided_link(*, user: User, issuer: str, subject: str, actor: Actor) -> None:
    """That account is theirs who is this subject at the provider.

    Raises:
        ConflictError: the subject has an account already.
    """
    try:
        with transaction.atomic():
            ProvidedAccount.objects.create(user=user, issuer=issuer, subject=subject)
    except IntegrityError as error:
        raise ConflictError(
            f"{subject!r} has an account here already.", action="Each subject of the provider has one account."
        ) from error
    account_log(f"{user.get_username()} was linked to {subject} at {issuer}", "account.linked", user, actor=actor)


def roles_of_groups(groups: Iterable[str]) -> dict[str, str]:
    """By the short names of tenants the highest role that the table gives for one of the groups."""
    wanted, roles = set(groups), dict[str, str]()
    for group, tenant, role in OidcSettings.current().memberships:
        if group in wanted and _HIGHER[Role(role)] >= _HIGHER[Role(roles.get(tenant, Role.READER))]:
            roles[tenant] = role
    return roles


def _known(provided: Provided) -> User | None:
    account = ProvidedAccount.objects.filter(issuer=provided.issuer, subject=provided.subject).first()
    if account is None:
        return None
    account.last_used_at = timezone.now()
    account.save(update_fields=["last_used_at"])
    user: User = account.user
    return user


@transaction.atomic
def _made(provided: Provided, *, has_place: bool, actor: Actor) -> User:
    if not has_place:
        raise _no_place(provided)
    try:
        with transaction.atomic():
            user = User.objects.create_user(provided.name, email=provided.email)
    except IntegrityError as error:
        raise ConflictError(
            f"There is an account {provided.name!r} here already that is not linked to yours at the provider.",
            action="If it is yours, ask your operator to link it.",
        ) from error
    what = f"the account {provided.name} was made for {provided.subject} at {provided.issuer}"
    account_log(what, "account.created", user, actor=actor)
    provided_link(user=user, issuer=provided.issuer, subject=provided.subject, actor=actor)
    return user


def _no_place(provided: Provided) -> ProviderRefusedError:
    logger.warning("%s has no place here, of the groups %s", provided.subject, sorted(provided.groups)[:20])
    return ProviderRefusedError(
        "You are known to the sign-in provider, and have no place here.",
        action="Ask your operator which group you must be in.",
    )
