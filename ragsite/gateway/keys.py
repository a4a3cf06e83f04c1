"""API keys: made once, shown once, looked up by prefix, compared in constant time.

A key is `rag_<prefix>.<secret>` with 256 random bits of secret. Such a secret needs no slow hash: SHA-256 is enough.
A rotation gives it a new secret; the former one works for some hours more, so that applications change over one by one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from ragsite.core.actors import LONGEST_NAME, Actor, ActorKind, Door, change_log
from ragsite.core.bounds import lengths_check
from ragsite.core.configuration import KeySettings
from ragsite.core.errors import ConflictError, NotFoundError, PermanentError
from ragsite.core.request_ids import request_id
from ragsite.gateway.errors import AuthenticationError, PermissionDeniedError
from ragsite.gateway.models import ApiKey, Permission, Tenant

MOST_NAMED = 200
"""Knowledge bases that one key may be for."""

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
    """Those that alone are there for it, whatever else it has rights on; its permissions are those in each. None: all."""

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

    def require_whole_tenant(self) -> None:
        """Raises PermissionDeniedError: the caller is for named knowledge bases, and this is about others."""
        if self.knowledge_base_ids is not None:
            raise PermissionDeniedError(
                f"{self.name} is for {len(self.knowledge_base_ids)} named knowledge bases, and this is about all of the tenant.",
                action="Use a key that is for all knowledge bases of the tenant.",
            )


def api_key_create(
    *,
    tenant: Tenant,
    name: str,
    permissions: Iterable[Permission],
    expires_at: datetime | None = None,
    knowledge_base_ids: Collection[UUID] | None = None,
    actor: Actor,
) -> tuple[ApiKey, str]:
    """A new key, and its plain text, which is not kept. Of `knowledge_base_ids` the caller knows that they are the tenant's.

    Raises:
        PermanentError: the name is too long, it would be valid for longer than keys may be, or sees no knowledge base at all.
    """
    lengths_check(ApiKey, name=name)
    if knowledge_base_ids is not None and not 0 < len(knowledge_base_ids) <= MOST_NAMED:
        raise PermanentError(
            f"The key names {len(knowledge_base_ids)} knowledge bases.",
            action=f"Name 1 to {MOST_NAMED}, or none for a key that is for all.",
        )
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    may = [permission.value for permission in permissions]
    with transaction.atomic():
        key = ApiKey.objects.create(
            tenant=tenant,
            name=name,
            prefix=prefix,
            secret_hash=_hash(secret),
            permissions=may,
            expires_at=expiry_of(expires_at),
            knowledge_base_ids=None if knowledge_base_ids is None else sorted(set(knowledge_base_ids)),
        )
        details = {"permissions": may, "expires_at": key.expires_at, "knowledge_bases": key.knowledge_base_ids}
        change_log(f"API key {prefix} was made", actor=actor, action="api_key.created", of=key, details=details)
    return key, f"rag_{prefix}.{secret}"


def expiry_of(wanted: datetime | None) -> datetime | None:
    """When a key ends that is made now: when it shall, or as it is set for those that say nothing; None for never.

    Raises:
        PermanentError: later than keys may be valid.
    """
    settings, now = KeySettings.current(), timezone.now()
    longest = now + timedelta(days=settings.longest_days) if settings.longest_days else None
    if wanted is None:
        usual = now + timedelta(days=settings.days) if settings.days else longest
        return usual if usual is None or longest is None else min(usual, longest)
    # A minute for who filled in a form with the last moment that is allowed.
    if longest is not None and wanted > longest + timedelta(minutes=1):
        raise PermanentError(
            f"The key would be valid until {wanted:%Y-%m-%d %H:%M}.",
            action=f"Keys are valid for {settings.longest_days} days at most: choose an earlier time.",
        )
    return wanted


@transaction.atomic
def api_key_rotate(*, key: ApiKey, grace: timedelta | None = None, actor: Actor) -> str:
    """The key's plain text with a new secret, which is not kept. The former one works for `grace` more, or as long as is set.

    One that ends is valid again for as long as it was when it was given its secret. What was left of an earlier rotation ends.

    Raises:
        ConflictError: it is revoked or expired, or was rotated at the same moment.
    """
    now, secret = timezone.now(), secrets.token_urlsafe(32)
    grace = timedelta(hours=KeySettings.current().grace_hours) if grace is None else grace
    end = now + grace
    rotated = valid_keys().filter(pk=key.pk, secret_hash=key.secret_hash).update(
        secret_hash=_hash(secret),
        former_hash=key.secret_hash if grace else "",
        former_until=(end if key.expires_at is None else min(end, key.expires_at)) if grace else None,
        former_used_at=None,
        rotated_at=now,
        expires_at=_renewed(key, now),
    )  # fmt: skip
    if not rotated:
        raise ConflictError(
            f"API key {key.prefix} is revoked, expired, or was rotated a moment ago.",
            action="Read it again; make a new key in place of one that is no longer valid.",
        )
    change_log(f"API key {key.prefix} was given a new secret", actor=actor, action="api_key.rotated", of=key)
    return f"rag_{key.prefix}.{secret}"


def _renewed(key: ApiKey, now: datetime) -> datetime | None:
    if key.expires_at is None:
        return expiry_of(None)
    longest = KeySettings.current().longest_days
    valid_for = key.expires_at - (key.rotated_at or key.created_at)
    return now + (min(valid_for, timedelta(days=longest)) if longest else valid_for)


@transaction.atomic
def api_key_former_end(*, key: ApiKey, actor: Actor) -> None:
    """From now on only the present secret of the key is taken."""
    if ApiKey.objects.filter(pk=key.pk).exclude(former_hash="").update(former_hash="", former_until=None):
        what = f"the former secret of API key {key.prefix} was ended"
        change_log(what, actor=actor, action="api_key.former_ended", of=key)


def api_key_revoke(*, key: ApiKey, actor: Actor) -> None:
    """From now on the key is refused."""
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
            change_log(f"API key {key.prefix} was revoked", actor=actor, action="api_key.revoked", of=key)


def is_key(text: str) -> bool:
    """Whether it has the form of a key, so that it is worth looking up."""
    return _KEY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A valid key as a caller showed it: with its present secret, or with the former one while that still works."""

    key: ApiKey
    is_former: bool

    @property
    def secret_hash(self) -> str:
        """Of the secret that was shown."""
        return self.key.former_hash if self.is_former else self.key.secret_hash

    @property
    def actor(self) -> Actor:
        """The application that has it."""
        return Actor.of_key(self.key.pk, self.key.name, door=Door.API)


def key_shown(text: str) -> ShownKey:
    """The key that a text is.

    Raises:
        AuthenticationError: unknown, expired or revoked; the message does not say which part was wrong.
    """
    match = _KEY.fullmatch(text)
    prefix, secret = match.groups() if match else ("", "")
    key, given = valid_keys().filter(prefix=prefix).first(), _hash(secret)
    is_present = hmac.compare_digest(key.secret_hash if key else _hash(""), given)
    is_former = hmac.compare_digest((_former_hash(key) if key else "") or _hash(""), given)
    if key is None or not (is_present or is_former):
        raise AuthenticationError("The API key is unknown, expired or revoked.")
    return ShownKey(key, is_former)


def secret_stands(key: ApiKey, secret_hash: str) -> bool:
    """Whether the secret of that hash is still one of the key's."""
    return secret_hash in (key.secret_hash, _former_hash(key))


def principal_of_key(text: str, *, used_by: str = "") -> Principal:
    """The caller a key stands for. The use is noted, with what `uses.use_of` says of it.

    Raises:
        AuthenticationError: unknown, expired or revoked.
    """
    shown = key_shown(text)
    key_used(shown.key, used_by=used_by, is_former=shown.is_former)
    return principal_of(shown.key)


def principal_of_key_id(key_id: UUID) -> Principal:
    """The caller that the key of that id stands for, for what is done as it without it.

    Raises:
        NotFoundError: unknown, expired or revoked.
    """
    key = valid_keys().filter(pk=key_id).first()
    if key is None:
        raise NotFoundError(f"There is no valid API key {key_id}.")
    return principal_of(key)


def valid_keys() -> QuerySet[ApiKey]:
    """The keys that are neither expired nor revoked."""
    return ApiKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), revoked_at=None)


def principal_of(key: ApiKey) -> Principal:
    """The caller that a valid key stands for."""
    return Principal(
        tenant_id=key.tenant_id,
        name=key.name,
        permissions=frozenset(key.permissions),
        api_key_id=key.pk,
        knowledge_base_ids=None if key.knowledge_base_ids is None else frozenset(key.knowledge_base_ids),
    )


def key_used(key: ApiKey, *, used_by: str, is_former: bool) -> None:
    """Note the use, at most once a minute: a busy key shall neither write a row a request nor ask whether it should."""
    used_at = key.former_used_at if is_former else key.last_used_at
    if used_at is None or timezone.now() - used_at > timedelta(minutes=1):
        former = {"former_used_at": Now()} if is_former else {}
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=Now(), last_used_by=used_by, **former)


def _former_hash(key: ApiKey) -> str:
    """Of the former secret, as long as it works; empty afterwards."""
    return key.former_hash if key.former_until is not None and key.former_until > timezone.now() else ""


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
