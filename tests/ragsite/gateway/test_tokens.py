"""Tokens at the doors, and what attackers try with them."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import jwt
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from ragsite.core.environment import environment_read
from ragsite.core.errors import ConfigurationError
from ragsite.core.work import Turn
from ragsite.gateway import tokens
from ragsite.gateway.errors import AuthenticationError, RequestRefusedError
from ragsite.gateway.keys import api_key_former_end, api_key_revoke, api_key_rotate, key_shown, principal_of_key
from ragsite.gateway.models import ApiKey, Permission, TokenFamily
from ragsite.gateway.token_keys import token_key_signing
from ragsite.gateway.tokens import (
    TokenPair,
    TokenUse,
    is_token,
    principal_of_token,
    token_families_purge,
    token_held,
    tokens_begin,
    tokens_end,
    tokens_refresh,
)
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db
TOKENS, REFRESH, REVOKE = "/api/v1/tokens/", "/api/v1/tokens/refresh/", "/api/v1/tokens/revoke/"
DOORS = (
    ("get", "/api/v1/knowledge-bases/", None),
    ("post", "/api/v1/search", {"query": "berths"}),
    ("get", "/v1/models", None),
)
"""Django REST framework's, django-ninja's, and the one that OpenAI describes."""


@pytest.fixture(params=["HS256", "EdDSA"])
def algorithm(request: Any, settings: Any) -> str:
    settings.RAGSITE_TOKEN_ALGORITHM = request.param
    return str(request.param)


@pytest.fixture
def key() -> str:
    return make.api_key(make.tenant())


def pair_of(key: str) -> TokenPair:
    shown = key_shown(key)
    return tokens_begin(shown=shown, actor=shown.actor)


def refreshed(token: str) -> TokenPair:
    held = token_held(token, TokenUse.REFRESH)
    return tokens_refresh(held=held, actor=held.actor)


def post(url: str, bearer: str) -> Any:
    return Client(headers={"Authorization": f"Bearer {bearer}"}).post(url)


def statuses(bearer: str) -> list[int]:
    """What each door answers."""
    client = Client(headers={"Authorization": f"Bearer {bearer}"})
    return [
        getattr(client, method)(url, body or {}, **({"content_type": "application/json"} if body else {})).status_code
        for method, url, body in DOORS
    ]


def stands(token: str) -> bool:
    try:
        principal_of_token(token)
    except AuthenticationError:
        return False
    return True


@contextmanager
def later(**time: float) -> Iterator[None]:
    """The clock of tokens, set forward."""
    moved = timezone.now() + timedelta(**time)

    class Moved:
        @staticmethod
        def now(tz: Any = None) -> Any:
            return moved

    with patch("jwt.api_jwt.datetime", Moved), patch.object(tokens.timezone, "now", lambda: moved):
        yield


def test_an_access_token_opens_every_door_that_its_key_opens(algorithm: str, key: str) -> None:
    told = post(TOKENS, key)
    assert told.status_code == 200
    assert (told["Cache-Control"], told.json()["token_type"], told.json()["expires_in"]) == ("no-store", "Bearer", 600)
    assert statuses(told.json()["access_token"]) == [200] * 3
    assert statuses(told.json()["refresh_token"]) == [401] * 3
    assert jwt.get_unverified_header(told.json()["access_token"])["alg"] == algorithm


def test_a_token_is_the_same_caller_as_its_key_also_after_the_key_was_narrowed(key: str) -> None:
    base, other = (
        make.knowledge_base(of=ApiKey.objects.get().tenant),
        make.knowledge_base(of=ApiKey.objects.get().tenant),
    )
    access = pair_of(key).access
    assert principal_of_token(access) == principal_of_key(key)
    ApiKey.objects.update(permissions=[Permission.READ], knowledge_base_ids=[base.pk])
    assert principal_of_token(access) == principal_of_key(key)
    client = Client(headers={"Authorization": f"Bearer {access}"})
    listed = client.get("/api/v1/knowledge-bases/").json()["results"]
    assert [row["id"] for row in listed] == [str(base.pk)]
    assert client.get(f"/api/v1/knowledge-bases/{other.pk}/").status_code == 404
    assert client.post("/api/v1/search", {"query": "berths"}, content_type="application/json").status_code == 403


def test_a_token_costs_one_statement_as_a_key_does(key: str, django_assert_num_queries: Any) -> None:
    access = pair_of(key).access
    principal_of_key(key)
    with django_assert_num_queries(1):
        principal_of_token(access)


def test_a_pair_is_refreshed_and_the_access_token_before_it_goes_on_until_it_ends(key: str) -> None:
    first = post(TOKENS, key).json()
    second = post(REFRESH, first["refresh_token"]).json()
    assert [stands(one["access_token"]) for one in (first, second)] == [True, True]
    assert second["refresh_token"] != first["refresh_token"]
    with later(seconds=700):
        assert not stands(second["access_token"])
        third = refreshed(second["refresh_token"])
        assert stands(third.access)


def test_a_refresh_token_that_comes_again_ends_all_that_were_had_with_it(
    key: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, bystander = pair_of(key), pair_of(key)
    second = refreshed(first.refresh)
    replayed = post(REFRESH, first.refresh)
    assert (replayed.status_code, replayed.json()["code"]) == (401, "not_authenticated")
    assert "was used before, so all tokens" in replayed.json()["detail"]
    assert [stands(one) for one in (first.access, second.access)] == [False, False]
    assert [post(REFRESH, one).status_code for one in (first.refresh, second.refresh)] == [401, 401]
    assert stands(bystander.access)
    assert TokenFamily.objects.exclude(revoked_at=None).get().revoked_for == "reused"


@pytest.mark.django_db(transaction=True)
def test_of_refreshes_at_the_same_moment_one_gives_a_pair_and_the_family_is_ended(key: str) -> None:
    refresh = pair_of(key).refresh

    def one(_number: int) -> bool:
        try:
            refreshed(refresh)
        except AuthenticationError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(one, range(6))) == 1
    assert TokenFamily.objects.get().revoked_for == "reused"


@pytest.mark.parametrize("which", ["access", "refresh"])
def test_revoking_either_token_ends_both(key: str, which: str) -> None:
    pair = pair_of(key)
    assert post(REVOKE, getattr(pair, which)).status_code == 204
    assert statuses(pair.access) == [401] * 3
    assert post(REFRESH, pair.refresh).status_code == 401
    assert post(REVOKE, pair.access).status_code == 401
    assert post(TOKENS, key).status_code == 200


def test_the_tokens_of_a_key_end_with_it(key: str) -> None:
    pair = pair_of(key)
    api_key_revoke(key=ApiKey.objects.get(), actor=ACTOR)
    assert statuses(pair.access) == [401] * 3
    assert post(REFRESH, pair.refresh).status_code == 401


def test_no_token_outlives_its_key(key: str) -> None:
    end = timezone.now() + timedelta(seconds=90)
    ApiKey.objects.update(expires_at=end)
    pair = pair_of(key)
    assert 80 < pair.access_seconds <= pair.refresh_seconds <= 90
    ApiKey.objects.update(expires_at=timezone.now())
    assert not stands(pair.access)


def test_tokens_end_with_the_secret_that_they_were_had_with(key: str) -> None:
    before = pair_of(key)
    present = api_key_rotate(key=ApiKey.objects.get(), grace=timedelta(hours=1), actor=ACTOR)
    with_former, with_present = pair_of(key), pair_of(present)
    assert [stands(pair.access) for pair in (before, with_former, with_present)] == [True] * 3
    api_key_former_end(key=ApiKey.objects.get(), actor=ACTOR)
    assert [stands(pair.access) for pair in (before, with_former, with_present)] == [False, False, True]


def test_a_token_gets_no_tokens_but_by_being_refreshed(key: str) -> None:
    pair = pair_of(key)
    assert [post(TOKENS, one).status_code for one in (pair.access, pair.refresh)] == [401, 401]
    assert [post(REFRESH, one).status_code for one in (pair.access, key)] == [401, 401]
    assert post(REVOKE, key).status_code == 401
    assert stands(pair.access)


def test_a_key_that_begins_families_without_end_is_told_so(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_FAMILIES", 2)
    first = pair_of(key)
    pair_of(key)
    with pytest.raises(RequestRefusedError, match="2 families"):
        pair_of(key)
    held = token_held(first.access, TokenUse.ACCESS)
    tokens_end(held=held, actor=held.actor)
    pair_of(key)


def test_nothing_that_is_kept_is_a_token_and_old_families_are_removed(key: str) -> None:
    pair = pair_of(key)
    kept = " ".join(map(str, TokenFamily.objects.values_list().get()))
    assert not any(part in kept for token in (pair.access, pair.refresh) for part in token.split("."))
    TokenFamily.objects.update(expires_at=timezone.now() - timedelta(days=2))
    pair_of(key)
    token_families_purge(Turn.of(5))
    assert TokenFamily.objects.count() == 1


def sealed(part: Any) -> str:
    return (
        base64.urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode()).rstrip(b"=").decode()
    )


def forged(
    token: str, *, signed_with: Any = None, by: str = "", header: dict[str, Any] | None = None, **claims: Any
) -> str:
    """The token with other claims and another header, signed by our own key if not told otherwise. None takes a claim away."""
    old_header, old_claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    new_claims = {name: value for name, value in (old_claims | claims).items() if value is not None}
    signer = token_key_signing().signing if signed_with is None else signed_with
    algorithm = by or old_header["alg"]
    return jwt.encode(new_claims, signer, algorithm, headers=old_header | {"alg": algorithm} | (header or {}))


def signed_by_hand(access: str, secret: bytes, **header: Any) -> str:
    """By HS256, also with a secret that the library would not take."""
    read = jwt.get_unverified_header(access) | {"alg": "HS256"} | header
    said = f"{sealed(read)}.{access.split('.')[1]}"
    return f"{said}.{sealed(hmac.digest(secret, said.encode(), 'sha256'))}"


def now() -> int:
    return int(timezone.now().timestamp())


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "expired": {"exp": now() - 31},
    "not valid yet": {"nbf": now() + 86_400},
    "issued in the future": {"iat": now() + 86_400},
    "for somebody else": {"aud": "another"},
    "for a list of which we are one": {"aud": ["ragsite", "another"]},
    "from somebody else": {"iss": "https://evil.example"},
    "of another key": {"sub": "00000000-0000-0000-0000-000000000000"},
    "of no key": {"sub": "' OR 1=1 --"},
    "of another family": {"family": "00000000-0000-0000-0000-000000000000"},
    "of a family that is no id": {"family": "../../x"},
    "with a number that is none": {"number": "many"},
    **{f"without {name}": {name: None} for name in tokens.REQUIRED},
}


@pytest.mark.parametrize("how", WRONG_CLAIMS)
def test_a_token_that_says_something_wrong_is_refused_though_we_signed_it(algorithm: str, key: str, how: str) -> None:
    access = pair_of(key).access
    assert stands(forged(access))
    assert not stands(forged(access, **WRONG_CLAIMS[how]))


def test_clocks_may_differ_by_half_a_minute(key: str) -> None:
    access = pair_of(key).access
    assert stands(forged(access, exp=now() - 25))
    assert stands(forged(access, nbf=now() + 25, iat=now() + 25))


def attacks(access: str, algorithm: str) -> dict[str, str]:
    """What somebody makes of a good token who has no key of ours."""
    header, claims, signature = access.split(".")
    read = jwt.get_unverified_header(access)
    more = jwt.decode(access, options={"verify_signature": False}) | {"exp": now() + 10_000}
    own = b"x" * 64
    jwk = {"kty": "oct", "k": sealed(own)}
    public = getattr(token_key_signing().verifying, "public_bytes_raw", lambda: own)()
    return {
        "no algorithm": f"{sealed(read | {'alg': 'none'})}.{claims}.",
        "no algorithm, in other letters": f"{sealed(read | {'alg': 'nOnE'})}.{claims}.{signature}",
        "no signature": f"{header}.{claims}.",
        "other claims": f"{header}.{sealed(more)}.{signature}",
        "a signature cut short": access[:-4],
        "a signature of another's key": forged(access, signed_with=own, by="HS256", header={"alg": "HS256"}),
        "the public key as a secret": signed_by_hand(access, public),
        "another algorithm of the family": forged(access, signed_with=own, by="HS512", header={"alg": "HS512"}),
        "a key in the header": forged(access, signed_with=own, by="HS256", header={"alg": "HS256", "jwk": jwk}),
        "a key at an address": forged(
            access, signed_with=own, by="HS256", header={"alg": "HS256", "jku": "http://127.0.0.1:1/"}
        ),
        "a certificate at an address": forged(
            access, signed_with=own, by="HS256", header={"x5u": "http://127.0.0.1:1/"}
        ),
        "a key from a path": signed_by_hand(access, b"", kid="../../../../dev/null"),
        "a key from SQL": signed_by_hand(access, b"x", kid="x' UNION SELECT 'x"),
        "a key from an address": signed_by_hand(access, b"x", kid="http://127.0.0.1:1/k"),
        "no name of a key": forged(access, header={"kid": ""}),
        "a name that is none": f"{sealed(read | {'kid': ['a']})}.{claims}.{signature}",
        "another use": forged(access, header={"typ": TokenUse.REFRESH.value}),
        "no use": forged(access, header={"typ": "JWT"}),
        "four parts": f"{access}.x",
        "no JSON": f"{sealed(b'x')}.{claims}.{signature}",
        "a list for a header": f"{sealed([])}.{claims}.{signature}",
        "a long one": f"{header}.{claims}{'A' * 5000}.{signature}",
        "digits of another script": f"{header}.{claims}\u0661.{signature}",
    }


def test_what_attackers_make_of_a_token_is_refused_by_every_door(algorithm: str, key: str) -> None:
    access = pair_of(key).access
    with patch("socket.socket.connect", side_effect=AssertionError("a token made us call somebody")) as _never:
        wrong = {how: stands(token) for how, token in attacks(access, algorithm).items()}
    assert not any(wrong.values()), wrong
    tried = attacks(access, algorithm)
    assert [statuses(tried[how]) for how in ("no algorithm", "other claims")] == [[401] * 3] * 2


def test_a_token_of_the_other_algorithm_is_refused_after_the_setting_changed(
    algorithm: str, key: str, settings: Any
) -> None:
    access = pair_of(key).access
    settings.RAGSITE_TOKEN_ALGORITHM = "EdDSA" if algorithm == "HS256" else "HS256"
    assert not stands(access)


def test_secrets_are_changed_without_a_gap_and_one_that_is_taken_off_the_list_ends_its_tokens(
    algorithm: str, key: str, settings: Any
) -> None:
    old, new = ("old", b"o" * 43), ("new", b"n" * 43)
    settings.RAGSITE_TOKEN_KEYS = (old,)
    first = pair_of(key).access
    settings.RAGSITE_TOKEN_KEYS = (new, old)
    second = pair_of(key).access
    assert [jwt.get_unverified_header(one)["kid"] for one in (first, second)] == ["old", "new"]
    assert [stands(one) for one in (first, second)] == [True, True]
    settings.RAGSITE_TOKEN_KEYS = (new,)
    assert [stands(one) for one in (first, second)] == [False, True]


def test_without_secrets_of_their_own_tokens_follow_the_secret_key_and_those_before_it(key: str, settings: Any) -> None:
    first = pair_of(key).access
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another secret key of 32 letters"
    assert (stands(first), stands(pair_of(key).access)) == (True, True)
    settings.SECRET_KEY_FALLBACKS = []
    assert not stands(first)


@pytest.mark.parametrize(
    "given", ["short:abc", "no-secret", f"a b:{'x' * 43}", f"a:{'x' * 43},a:{'y' * 43}", f":{'x' * 43}"]
)
def test_secrets_that_are_too_short_or_have_no_name_of_their_own_are_refused_and_not_told(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("RAGSITE_TOKEN_KEYS", given)
    with pytest.raises(ConfigurationError) as caught:
        environment_read()
    assert caught.value.message.startswith("RAGSITE_TOKEN_KEYS: ")
    assert "xxx" not in caught.value.message


@pytest.mark.parametrize("text", ["", "x", "a.b", "rag_0123456789ab.x", "a.b.c.d", "ä.b.c", "aa.bb.cc\n"])
def test_what_has_not_the_form_of_a_token_is_not_read(text: str) -> None:
    assert not is_token(text)
