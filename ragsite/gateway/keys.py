"""API keys: made once, shown once, looked up by prefix, compared in constant time.

A key is `rag_<prefix>.<secret>` with 256 random bits of secret. Such a secret needs no slow hash: SHA-256 is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from ragsite.core.actors import LONGEST_NAME, Actor, ActorKind, Door, change_log
from ragsite.core.bounds import lengths_check
from ragsite.core.errors import NotFoundError
from ragsite.core.request_ids import request_id
from ragsite.gateway.errors import AuthenticationError, PermissionDeniedError
from ragsite.gateway.models import ApiKey, Permission, Tenant

_KEY = re.compile(r"rag_([0-9a-f]{12})\.([\w-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, for the length of one request: an API key, or a user who is in these groups."""

    tenant_id: UUID
    name: str
    permissions: frozenset[str]
    api_key_id: UUID | None = None
    user_id: int | None = None
    group_ids: frozenset[int] = frozenset()
    knowledge_base_ids: frozenset[UUID] | None = None
    """Only these are there for it; None for all of the tenant. Its permissions are then those in each of them."""

    # Django REST framework asks its request's user for these.
    @property
    def is_authenticated(self) -> bool:
        return True

    def actor(self, door: Door = Door.API) -> Actor:
        """The caller as services take it, in the request at hand."""
        if self.api_key_id is not None:
            return Actor.of_key(self.api_key_id, self.name, door=door)
        kind, id_ = (ActorKind.SERVICE, self.name) if self.user_id is None else (ActorKind.USER, str(self.user_id))
        return Actor(kind, id_, self.name[:LONGEST_NAME], door, request_id())

    def require(self, permission: Permission) -> None:
        """Raises PermissionDeniedError, naming the permission that is missing."""
        if permission.value not in self.permissions:
            raise PermissionDeniedError(
                f"{self.name} lacks the permission {permission.value!r}.",
                action="Use a key that has it; keys are made in the admin under API keys.",
            )


def api_key_create(
    *,
    tenant: Tenant,
    name: str,
    permissions: Iterable[Permission],
    expires_at: datetime | None = None,
    actor: Actor,
) -> tuple[ApiKey, str]:
    """A new key, and its plain text, which is not kept.

    Raises:
        PermanentError: the name is too long.
    """
    lengths_check(ApiKey, name=name)
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        tenant=tenant,
        name=name,
        prefix=prefix,
        secret_hash=_hash(secret),
        permissions=[permission.value for permission in permissions],
        expires_at=expires_at,
    )
    change_log(f"API key {prefix} was made", actor=actor)
    return key, f"rag_{prefix}.{secret}"


def api_key_revoke(*, key: ApiKey, actor: Actor) -> None:
    """From now on the key is refused."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
        change_log(f"API key {key.prefix} was revoked", actor=actor)


def is_key(text: str) -> bool:
    """Whether it has the form of a key, so that it is worth looking up."""
    return _KEY.fullmatch(text) is not None


def principal_of_key(text: str) -> Principal:
    """The caller a key stands for.

    Raises:
        AuthenticationError: unknown, expired or revoked; the message does not say which part was wrong.
    """
    match = _KEY.fullmatch(text)
    prefix, secret = match.groups() if match else ("", "")
    key = _valid_keys().filter(prefix=prefix).first()
    stored = key.secret_hash if key else _hash("")
    if not hmac.compare_digest(stored, _hash(secret)) or key is None:
        raise AuthenticationError("The API key is unknown, expired or revoked.")
    _mark_used(key)
    return _principal(key)


def principal_of_key_id(key_id: UUID) -> Principal:
    """The caller that the key of that id stands for, for what is done as it without it.

    Raises:
        NotFoundError: unknown, expired or revoked.
    """
    key = _valid_keys().filter(pk=key_id).first()
    if key is None:
        raise NotFoundError(f"There is no valid API key {key_id}.")
    return _principal(key)


def _valid_keys() -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), revoked_at=None)


def _principal(key: ApiKey) -> Principal:
    return Principal(tenant_id=key.tenant_id, name=key.name, permissions=frozenset(key.permissions), api_key_id=key.pk)


def _mark_used(key: ApiKey) -> None:
    """Note the use, at most once a minute: a busy key shall neither write a row a request nor ask whether it should."""
    if key.last_used_at is None or timezone.now() - key.last_used_at > timedelta(minutes=1):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=Now())


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
