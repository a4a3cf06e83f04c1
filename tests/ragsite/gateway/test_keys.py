from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.forms.models import model_to_dict
from django.utils import timezone

from ragsite.core.errors import ConflictError, PermanentError
from ragsite.gateway.errors import AuthenticationError, PermissionDeniedError
from ragsite.gateway.keys import (
    api_key_create,
    api_key_former_end,
    api_key_revoke,
    api_key_rotate,
    expiry_of,
    principal_of_key,
)
from ragsite.gateway.models import ApiKey, Permission
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db


def new_key(*permissions: Permission, **fields: Any) -> tuple[ApiKey, str]:
    return api_key_create(
        tenant=make.tenant(), name="reader", permissions=permissions or [Permission.READ], **fields, actor=ACTOR
    )


def test_a_key_stands_for_its_tenant_name_and_permissions() -> None:
    key, text = new_key(Permission.READ, Permission.QUERY)
    principal = principal_of_key(text)
    assert (principal.tenant_id, principal.name, principal.api_key_id) == (key.tenant_id, "reader", key.pk)
    assert principal.permissions == {"read", "query"}


def test_only_the_hash_of_the_secret_is_stored() -> None:
    key, text = new_key()
    prefix, secret = text.removeprefix("rag_").split(".")
    key.refresh_from_db()
    assert (key.prefix, key.secret_hash) == (prefix, hashlib.sha256(secret.encode()).hexdigest())
    stored = " ".join(str(value) for value in ApiKey.objects.values_list().get())
    assert secret not in stored
    assert secret not in f"{model_to_dict(key)} {key!r} {key}"


def test_a_secret_has_256_random_bits_and_no_two_are_alike() -> None:
    texts = {new_key()[1] for _ in range(20)}
    secrets = {text.partition(".")[2] for text in texts}
    assert len(secrets) == 20
    assert all(len(secret) >= 43 for secret in secrets), "43 letters of base64 hold 256 bits"


def changed(text: str) -> dict[str, str]:
    """A good key, made wrong in ways that a caller, or an attacker, may."""
    prefix, secret = text.split(".")
    return {
        "nothing": "",
        "no secret": prefix,
        "empty secret": f"{prefix}.",
        "another secret": f"{prefix}.{'x' * len(secret)}",
        "a secret cut short": f"{prefix}.{secret[:-1]}",
        "a secret that goes on": f"{prefix}.{secret}x",
        "another case": f"{prefix}.{secret.swapcase()}",
        "another prefix": f"rag_{'0' * 12}.{secret}",
        "the hash for the secret": f"{prefix}.{hashlib.sha256(secret.encode()).hexdigest()}",
        "a NUL in the prefix": f"rag_\x00{prefix[5:]}.{secret}",
        "a lone surrogate": f"{prefix}.\ud800{secret}",
        "letters beyond ASCII": f"rag_ключ.{secret}",
        "a very long one": f"{prefix}.{secret * 10_000}",
        "SQL": "rag_' OR 1=1 --.x",
    }


@pytest.mark.parametrize("how", changed("rag_0.0"))
def test_a_wrong_key_is_refused_with_always_the_same_words(how: str) -> None:
    _, text = new_key()
    with pytest.raises(AuthenticationError) as caught:
        principal_of_key(changed(text)[how])
    assert caught.value.message == "The API key is unknown, expired or revoked."


def test_a_revoked_key_is_refused_at_once() -> None:
    key, text = new_key()
    principal_of_key(text)
    api_key_revoke(key=key, actor=ACTOR)
    with pytest.raises(AuthenticationError, match="unknown, expired or revoked"):
        principal_of_key(text)


def test_revoking_twice_keeps_the_first_moment() -> None:
    key, _ = new_key()
    api_key_revoke(key=key, actor=ACTOR)
    ApiKey.objects.update(revoked_at=Now() - timedelta(days=1))
    first = ApiKey.objects.get().revoked_at
    api_key_revoke(key=key, actor=ACTOR)
    assert ApiKey.objects.get().revoked_at == first


def test_a_key_serves_until_it_expires() -> None:
    _, text = new_key(expires_at=timezone.now() + timedelta(minutes=1))
    principal_of_key(text)
    ApiKey.objects.update(expires_at=Now())
    with pytest.raises(AuthenticationError, match="unknown, expired or revoked"):
        principal_of_key(text)


def test_a_refused_key_does_not_count_as_used() -> None:
    key, text = new_key()
    with pytest.raises(AuthenticationError):
        principal_of_key(text[:-1])
    key.refresh_from_db()
    assert key.last_used_at is None


def test_use_is_noted_at_most_once_a_minute() -> None:
    _, text = new_key()
    principal_of_key(text)
    recently, long_ago = Now() - timedelta(seconds=50), Now() - timedelta(seconds=70)
    ApiKey.objects.update(last_used_at=recently)
    noted = ApiKey.objects.get().last_used_at
    principal_of_key(text)
    assert ApiKey.objects.get().last_used_at == noted
    ApiKey.objects.update(last_used_at=long_ago)
    principal_of_key(text)
    assert ApiKey.objects.get().last_used_at > noted


def test_a_missing_permission_is_named() -> None:
    principal = make.principal(make.tenant(), Permission.READ)
    principal.require(Permission.READ)
    with pytest.raises(PermissionDeniedError, match="lacks the permission 'write'"):
        principal.require(Permission.WRITE)


def test_a_key_for_named_knowledge_bases_says_which_and_makes_no_others() -> None:
    base = make.knowledge_base()
    _, text = new_key(knowledge_base_ids=[base.pk, base.pk])
    principal = principal_of_key(text)
    assert principal.knowledge_base_ids == {base.pk}
    with pytest.raises(
        PermissionDeniedError, match="is for 1 named knowledge bases, and this is about all of the tenant"
    ):
        principal.require_whole_tenant()
    with pytest.raises(PermanentError, match="names 0 knowledge bases"):
        new_key(knowledge_base_ids=[])


def rotated(key: ApiKey, *, hours: float) -> str:
    key.refresh_from_db()
    return api_key_rotate(key=key, grace=timedelta(hours=hours), actor=ACTOR)


def is_taken(text: str) -> bool:
    try:
        principal_of_key(text)
    except AuthenticationError:
        return False
    return True


def test_after_a_rotation_both_secrets_work_until_the_former_one_ends(caplog: pytest.LogCaptureFixture) -> None:
    key, former = new_key()
    present = rotated(key, hours=2)
    assert present.partition(".")[0] == former.partition(".")[0]
    assert [is_taken(text) for text in (former, present, present[:-1], f"{present.partition('.')[0]}.")] == [
        True,
        True,
        False,
        False,
    ]
    key.refresh_from_db()
    assert key.former_used_at is not None
    ApiKey.objects.update(former_until=Now())
    assert (is_taken(former), is_taken(present)) == (False, True)


def test_a_rotation_without_grace_and_a_second_one_end_what_was_before() -> None:
    key, first = new_key()
    second = rotated(key, hours=0)
    assert (is_taken(first), is_taken(second)) == (False, True)
    third = rotated(key, hours=1)
    fourth = rotated(key, hours=1)
    assert [is_taken(text) for text in (first, second, third, fourth)] == [False, False, True, True]
    api_key_former_end(key=key, actor=ACTOR)
    assert (is_taken(third), is_taken(fourth)) == (False, True)


def test_of_two_rotations_at_once_one_is_refused_and_so_is_that_of_a_revoked_key() -> None:
    key, _ = new_key()
    other = ApiKey.objects.get()
    text = rotated(key, hours=1)
    with pytest.raises(ConflictError, match="rotated a moment ago"):
        api_key_rotate(key=other, actor=ACTOR)
    assert is_taken(text)
    api_key_revoke(key=key, actor=ACTOR)
    with pytest.raises(ConflictError, match="is revoked"):
        rotated(key, hours=1)


def test_a_rotated_key_is_valid_for_as_long_again_and_its_former_secret_no_longer_than_it_was() -> None:
    key, _ = new_key(expires_at=timezone.now() + timedelta(days=30))
    ApiKey.objects.update(created_at=Now() - timedelta(days=29), expires_at=Now() + timedelta(days=1))
    rotated(key, hours=100)
    key.refresh_from_db()
    assert key.expires_at is not None
    assert key.former_until is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() < timedelta(days=31)
    assert key.former_until - timezone.now() < timedelta(days=1, minutes=1)


@pytest.mark.parametrize(
    ("days", "longest", "wanted", "told"),
    [
        (0, 0, None, None),
        (0, 0, 4000, 4000),
        (90, 0, None, 90),
        (90, 30, None, 30),
        (0, 30, None, 30),
        (90, 365, 200, 200),
    ],
)
def test_a_key_ends_when_it_shall_or_as_it_is_set(
    settings: Any, days: int, longest: int, wanted: int | None, told: int | None
) -> None:
    settings.RAGSITE_KEY_DAYS, settings.RAGSITE_KEY_LONGEST_DAYS = days, longest
    end = expiry_of(None if wanted is None else timezone.now() + timedelta(days=wanted))
    assert (end and round((end - timezone.now()) / timedelta(days=1))) == told


def test_a_key_that_would_be_valid_for_too_long_is_not_made(settings: Any) -> None:
    settings.RAGSITE_KEY_LONGEST_DAYS = 30
    with pytest.raises(PermanentError, match="would be valid until"):
        new_key(expires_at=timezone.now() + timedelta(days=31))
    assert not ApiKey.objects.exists()
