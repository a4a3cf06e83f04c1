"""Signing in by a provider: the way in and out, and what attackers try on it."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from ragsite.gateway.models import Membership, ProvidedAccount, Role, Tenant
from ragsite.gateway.oidc import provider
from ragsite.gateway.sign_in_page import PATH
from tests import factories as make
from tests.ragsite.gateway.oidc_provider import CLIENT, ISSUER, KEYS, SECRET, TestProvider

pytestmark = pytest.mark.django_db
BEGIN, CALLBACK, HOME = "/admin/oidc/", "/admin/oidc/callback/", "/admin/"


@pytest.fixture
def harbour(settings: Any) -> Tenant:
    settings.RAGSITE_OIDC_ISSUER, settings.RAGSITE_OIDC_CLIENT_ID = ISSUER, CLIENT
    settings.RAGSITE_OIDC_CLIENT_SECRET, settings.RAGSITE_OIDC_NAME = SECRET, "Example"
    settings.RAGSITE_OIDC_MEMBERSHIPS = (
        ("crew", "harbour", "editor"),
        ("board", "harbour", "owner"),
        ("crew", "yard", "reader"),
    )
    return make.tenant("Harbour")


@pytest.fixture
def at(harbour: Tenant, monkeypatch: pytest.MonkeyPatch) -> TestProvider:
    made = TestProvider()
    monkeypatch.setattr(provider, "client", made.client)
    monkeypatch.setattr(provider, "_known", {})
    return made


def began(client: Client, at: TestProvider, *, next: str = "") -> dict[str, str]:
    """What the provider sends the browser back with, once a person agreed."""
    begun = client.get(BEGIN, {"next": next} if next else {})
    assert begun.status_code == 302, begun.content
    code, state = at.code(begun["Location"])
    return {"code": code, "state": state}


def sign_in(client: Client, at: TestProvider, *, next: str = "") -> Any:
    return client.get(CALLBACK, began(client, at, next=next))


def is_in(client: Client) -> bool:
    return client.get(HOME).status_code == 200


def told(client: Client) -> str:
    """What the sign-in page says after a try."""
    return str(client.get(PATH).content.decode())


def assert_nobody(client: Client, answered: Any) -> None:
    assert (answered.status_code, answered["Location"]) == (302, PATH)
    assert not is_in(client)
    assert not User.objects.exists()


def test_somebody_new_is_given_an_account_and_the_roles_of_the_table(
    client: Client, at: TestProvider, harbour: Tenant
) -> None:
    at.person |= {"email": "ada@harbour.example", "email_verified": True}
    answered = sign_in(client, at, next="/admin/documents/document/")
    assert (answered.status_code, answered["Location"]) == (302, "/admin/documents/document/")
    assert client.get("/admin/documents/document/").status_code == 200
    user = User.objects.get()
    assert (user.username, user.email, user.is_staff, user.is_superuser) == ("ada", "ada@harbour.example", False, False)
    assert not user.has_usable_password()
    assert list(Membership.objects.values_list("tenant__slug", "role")) == [("harbour", "editor")]
    assert ProvidedAccount.objects.filter(user=user, issuer=ISSUER, subject="5f1c").exists()


def test_the_table_decides_at_each_sign_in_on_the_tenants_that_it_names_and_on_no_others(
    client: Client, at: TestProvider, harbour: Tenant
) -> None:
    sign_in(client, at)
    user, other = User.objects.get(), make.tenant("Other")
    Membership.objects.create(user=user, tenant=other, role=Role.OWNER)
    at.person |= {"groups": ["board", "crew"], "preferred_username": "ada.l"}
    sign_in(client, at)
    assert dict(Membership.objects.values_list("tenant__slug", "role")) == {"harbour": "owner", "other": "owner"}
    at.person["groups"] = []
    sign_in(client, at)
    assert dict(Membership.objects.values_list("tenant__slug", "role")) == {"other": "owner"}
    Membership.objects.all().delete()
    new = Client()
    sign_in(new, at)
    assert not is_in(new)
    assert "You are known to the sign-in provider, and have no place here." in told(new)
    assert User.objects.get().username == "ada"


def test_who_is_in_no_group_of_the_table_is_given_no_account(client: Client, at: TestProvider) -> None:
    at.person["groups"] = ["visitors"]
    assert_nobody(client, sign_in(client, at))


@pytest.mark.parametrize(
    "claims", [{"email": "ada@harbour.example", "email_verified": True}, {"preferred_username": "ada"}, {"sub": "ada"}]
)
def test_nobody_takes_an_account_over_by_its_name_or_e_mail(
    client: Client, at: TestProvider, harbour: Tenant, claims: dict[str, Any]
) -> None:
    ada = User.objects.create_superuser("ada", email="ada@harbour.example", password="a long password of hers")
    at.person = {"sub": "evil", "preferred_username": "eve", "groups": ["board"]} | claims
    sign_in(client, at)
    assert client.session.get("_auth_user_id") != str(ada.pk)
    assert not ProvidedAccount.objects.filter(user=ada).exists()
    if at.person.get("preferred_username") == "ada":
        assert "There is an account &#x27;ada&#x27; here already that is not linked" in told(client)
    assert not Membership.objects.filter(user=ada).exists()


def test_an_operator_links_an_account_that_was_there_before(client: Client, at: TestProvider) -> None:
    ada = User.objects.create_superuser("ada")
    call_command("oidc_link", "ada", "5f1c", "--dry-run")
    assert not ProvidedAccount.objects.exists()
    call_command("oidc_link", "ada", "5f1c")
    sign_in(client, at)
    assert client.session["_auth_user_id"] == str(ada.pk)
    User.objects.create_user("eve")
    for wrong in (("eve", "5f1c"), ("nobody", "x")):
        with pytest.raises(CommandError, match=r"has an account here already|no account 'nobody'"):
            call_command("oidc_link", *wrong)


@pytest.mark.parametrize("name", ["", " ", "a\x00b", "\ud800", "x" * 500, 7, ["ada"]])
def test_a_name_that_is_none_is_replaced_by_the_subject_or_cut(client: Client, at: TestProvider, name: Any) -> None:
    at.person["preferred_username"] = name
    assert sign_in(client, at)["Location"] == HOME
    assert User.objects.get().username in ("5f1c", "x" * 150)


def test_who_comes_by_a_provider_sets_up_no_second_factor_here(client: Client, at: TestProvider) -> None:
    sign_in(client, at)
    assert "Second factor" not in client.get(HOME).content.decode()
    assert client.get("/admin/second-factor/own/").status_code == 302


def test_an_unverified_e_mail_is_not_kept(client: Client, at: TestProvider) -> None:
    at.person |= {"email": "somebody@else.example", "email_verified": "true"}
    sign_in(client, at)
    assert User.objects.get().email == ""


def test_a_disabled_user_stays_out_and_one_who_is_disabled_later_goes(client: Client, at: TestProvider) -> None:
    sign_in(client, at)
    assert is_in(client)
    User.objects.update(is_active=False)
    assert not is_in(client)
    new = Client()
    sign_in(new, at)
    assert not is_in(new)
    assert "Your account here is disabled." in told(new)


def forged_with_the_public_key(at: TestProvider) -> None:
    """A provider's public key is known to everybody, and no secret."""
    public = (
        KEYS["one"]
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    at.algorithm, at.signing = "HS256", public


def unsigned(at: TestProvider) -> None:
    at.algorithm, at.signing = "none", b""


def with_client_secret(at: TestProvider) -> None:
    at.algorithm, at.signing = "HS256", SECRET.encode() * 3


def with_another_key(at: TestProvider) -> None:
    at.signing = KEYS["two"]


def with_an_unknown_key(at: TestProvider) -> None:
    at.signs = "two"


def with_a_key_of_its_own(at: TestProvider) -> None:
    at.signs, at.header = "two", {"jku": "https://evil.example/keys", "x5u": "https://evil.example/x"}


NOW = int(time.time())
WRONG: dict[str, Any] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "a nonce that is no text": {"nonce": 7},
    "for somebody else": {"aud": "another"},
    "for several of whom we are one": {"aud": [CLIENT, "another"]},
    "given to somebody else": {"azp": "another"},
    "from another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": NOW - 3600},
    "without an end": {"exp": None},
    "not valid yet": {"nbf": NOW + 36_000},
    "without a time": {"iat": None},
    "about nobody": {"sub": ""},
    "about what can't be kept": {"sub": "a\x00b"},
    "a nonce of half a character": {"nonce": "\ud800"},
    "without a subject": {"sub": None},
    "about a number": {"sub": 7},
    "unsigned": unsigned,
    "signed with the public key as a secret": forged_with_the_public_key,
    "signed with the client's secret": with_client_secret,
    "signed with another key": with_another_key,
    "signed with a key that the provider does not show": with_an_unknown_key,
    "signed with a key that the token brings": with_a_key_of_its_own,
}


@pytest.mark.parametrize("how", WRONG)
def test_an_identity_token_that_is_not_right_in_everything_lets_nobody_in(
    client: Client, at: TestProvider, how: str
) -> None:
    if callable(WRONG[how]):
        WRONG[how](at)
    else:
        at.changes = WRONG[how]
    assert_nobody(client, sign_in(client, at))
    assert "What the sign-in provider said is not valid." in told(client)
    assert not any("evil" in path for path in at.asked)


@pytest.mark.parametrize("how", ["wrong state", "no state", "another browser", "too late", "twice", "damaged cookie"])
def test_an_answer_counts_once_in_the_browser_that_asked(
    client: Client, at: TestProvider, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = began(client, at)
    if how == "wrong state":
        answer["state"] = "x" * 43
    elif how == "no state":
        del answer["state"]
    elif how == "another browser":
        client = Client()
        began(client, at)
    elif how == "too late":
        monkeypatch.setattr(
            "ragsite.gateway.oidc.pages.timezone.now", lambda: __import__("datetime").datetime(2090, 1, 1)
        )
    elif how == "damaged cookie":
        client.cookies["ragsite_oidc"] = client.cookies["ragsite_oidc"].value[:-4]
    else:
        client.get(CALLBACK, answer)
        client.logout()
        User.objects.all().delete()
    assert_nobody(client, client.get(CALLBACK, answer))


@pytest.mark.parametrize(
    "answer", [{"error": "access_denied"}, {"code": ""}, {"code": "made-up"}, {"iss": "https://evil.example"}]
)
def test_without_a_good_code_of_the_provider_nobody_comes_in(
    client: Client, at: TestProvider, answer: dict[str, str]
) -> None:
    began_with = began(client, at)
    kept = began_with if "iss" in answer else {"state": began_with["state"]}
    assert_nobody(client, client.get(CALLBACK, kept | answer))


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_the_way_in_leads_to_no_page_of_others(client: Client, at: TestProvider, next: str) -> None:
    assert sign_in(client, at, next=next)["Location"] == HOME


def test_the_cookie_in_between_is_for_the_server_alone_and_says_nothing(
    client: Client, at: TestProvider, settings: Any
) -> None:
    settings.SESSION_COOKIE_SECURE = True
    begun = client.get(BEGIN, secure=True)
    cookie = begun.cookies["ragsite_oidc"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", BEGIN)
    asked = parse_qs(urlsplit(begun["Location"]).query)
    assert asked["redirect_uri"] == ["https://testserver/admin/oidc/callback/"]
    assert not any(asked[name][0] in cookie.value for name in ("state", "nonce"))
    assert "sessionid" not in begun.cookies


def test_the_provider_changes_its_keys_and_is_asked_for_them_once_a_minute(
    client: Client, at: TestProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, at)
    at.signs, at.shown = "two", ("one", "two")
    new = Client()
    assert sign_in(new, at)["Location"] == PATH
    moved = time.monotonic() + 61
    monkeypatch.setattr(provider.time, "monotonic", lambda: moved)
    assert sign_in(new, at)["Location"] == HOME
    assert (at.asked.count("/keys"), at.asked.count("/.well-known/openid-configuration")) == (2, 1)
    at.signs = "three"
    KEYS.setdefault("three", KEYS["one"])
    for _ in range(5):
        sign_in(Client(), at)
    assert at.asked.count("/keys") == 2


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"issuer": "https://evil.example"}, "calls itself"),
        ({"token_endpoint": "http://login.example/token"}, "has no safe address for token_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "has no safe address for jwks_uri"),
        ({"authorization_endpoint": None}, "has no safe address for authorization_endpoint"),
    ],
)
def test_a_provider_that_says_something_unfit_of_itself_is_not_used(
    client: Client, at: TestProvider, about: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    at.about = about
    assert client.get(BEGIN)["Location"] == PATH
    assert "The sign-in provider can&#x27;t be used now." in told(client)
    assert said in caplog.text


@pytest.mark.parametrize(("status", "content"), [(500, b""), (200, b"[" * 10), (200, b"x" * 300_000), (302, b"")])
def test_a_provider_that_answers_nothing_of_use_is_told_of_on_the_sign_in_page(
    client: Client,
    harbour: Tenant,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
    content: bytes,
) -> None:
    monkeypatch.setattr(provider, "_known", {})
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=content, headers={"Location": "/"}))
    monkeypatch.setattr(provider, "client", lambda: httpx.Client(transport=transport))
    assert client.get(BEGIN)["Location"] == PATH
    assert "The sign-in provider can&#x27;t be used now." in told(client)
    assert "the OIDC provider answered" in caplog.text


def test_signing_out_ends_the_session_here_and_leads_to_the_provider(client: Client, at: TestProvider) -> None:
    sign_in(client, at)
    page = client.post("/admin/logout/").content.decode()
    assert not is_in(client)
    address = page.split('content="0; url=')[1].split('"')[0].replace("&amp;", "&")
    asked = parse_qs(urlsplit(address).query)
    assert address.startswith(f"{ISSUER}/logout?")
    assert (asked["client_id"], asked["post_logout_redirect_uri"]) == ([CLIENT], ["http://testserver/admin/login/"])
    assert asked["id_token_hint"][0].count(".") == 2


def test_where_the_provider_is_taken_away_its_sessions_end(client: Client, at: TestProvider, settings: Any) -> None:
    sign_in(client, at)
    settings.RAGSITE_OIDC_ISSUER = ""
    assert not is_in(client)
    assert client.get(BEGIN).status_code == 404
    assert client.get(CALLBACK).status_code == 404


def test_the_sign_in_page_offers_the_ways_that_there_are(client: Client, at: TestProvider, settings: Any) -> None:
    page = client.get(f"{PATH}?next=/admin/jobs/").content.decode()
    assert "Sign in with Example" in page
    assert f"{BEGIN}?{urlencode({'next': '/admin/jobs/'})}" in page
    assert 'name="password"' in page
    settings.RAGSITE_PASSWORD_SIGN_IN = False
    assert 'name="password"' not in client.get(PATH).content.decode()
    settings.RAGSITE_EMERGENCY_ACCOUNT = "root"
    assert 'name="password"' in client.get(PATH).content.decode()
