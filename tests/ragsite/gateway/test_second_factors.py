"""The second factor: services, and the pages that ask for it. The clock of codes stands unless a test moves it."""

from __future__ import annotations

import base64
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django_otp import oath

from ragsite.core.errors import ConflictError
from ragsite.core.sealing import UnreadableSecretError
from ragsite.gateway.models import Role, SecondFactor
from ragsite.gateway.second_factors import (
    WrongCodeError,
    new_secret,
    recovery_codes_renew,
    second_factor_add,
    second_factor_check,
    second_factor_remove,
    secret_address,
)
from ragsite.gateway.sign_in_page import COOKIE, PATH
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db
PASSWORD = "the right password of ada"
ASKED, OWN, HOME = "/admin/second-factor/", "/admin/second-factor/own/", "/admin/"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CODE = re.compile(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}")


class Clock:
    """Codes change every 30 s."""

    time = 1_900_000_000.0

    def __call__(self) -> float:
        return self.time

    def code(self, *, steps: int = 0, secret: str = SECRET) -> str:
        step = int(self.time) // 30 + steps
        return f"{oath.hotp(base64.b32decode(secret), step):06}"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(oath, "time", clock)
    return clock


@pytest.fixture
def ada(settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("ada", password=PASSWORD, is_staff=True)


@pytest.fixture
def codes(ada: User, clock: Clock) -> list[str]:
    """Ada has a second factor, set up two minutes ago, and these recovery codes."""
    codes = second_factor_add(user=ada, secret=SECRET, code=clock.code(), actor=ACTOR)
    clock.time += 120
    return codes


def password(client: Client, *, next: str = "") -> Any:
    return client.post(f"{PATH}{f'?next={next}' if next else ''}", {"username": "ada", "password": PASSWORD})


def is_in(client: Client) -> bool:
    return client.get(HOME).status_code == 200


def codes_told(page: Any) -> list[str]:
    """The recovery codes on a page, where they stand to be read and to be copied."""
    return list(dict.fromkeys(CODE.findall(page.content.decode())))


def is_taken(user: User, code: str) -> bool:
    try:
        second_factor_check(user=user, code=code, actor=ACTOR)
    except WrongCodeError:
        return False
    return True


def test_a_code_counts_once_and_none_that_is_older(ada: User, codes: list[str], clock: Clock) -> None:
    early, now, late = (clock.code(steps=steps) for steps in (-1, 0, 1))
    assert [is_taken(ada, code) for code in (now, now, early, late, late)] == [True, False, False, True, False]


def test_clocks_may_differ_by_one_step_and_no_more(ada: User, codes: list[str], clock: Clock) -> None:
    assert [is_taken(ada, clock.code(steps=steps)) for steps in (-2, 2, -1)] == [False, False, True]


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "٠١٢٣٤٥", "0x1234", "123 45", "' OR 1=1", "\ud800" * 16]
)
def test_what_is_no_code_is_refused(ada: User, codes: list[str], typed: str) -> None:
    assert not is_taken(ada, typed)


def test_a_recovery_code_counts_once_however_it_is_typed(ada: User, codes: list[str]) -> None:
    assert len(set(codes)) == 10
    assert all(CODE.fullmatch(code) for code in codes)
    first, second = codes[0], codes[1].upper().replace("-", " ")
    assert [is_taken(ada, code) for code in (first, first, second, second)] == [True, False, True, False]
    renewed = recovery_codes_renew(user=ada, actor=ACTOR)
    assert (is_taken(ada, codes[2]), is_taken(ada, renewed[0])) == (False, True)


@pytest.mark.django_db(transaction=True)
def test_of_one_code_typed_twice_at_the_same_moment_one_is_taken(ada: User, codes: list[str], clock: Clock) -> None:
    def one(code: str) -> bool:
        try:
            return is_taken(ada, code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(one, [clock.code()] * 8)) == 1
        assert sum(threads.map(one, [codes[0]] * 8)) == 1


def test_a_copy_of_the_database_has_neither_the_secret_nor_a_recovery_code(ada: User, codes: list[str]) -> None:
    kept = str(SecondFactor.objects.values().get())
    assert not any(
        secret in kept for secret in (SECRET, SECRET[:8], *codes, *(code.replace("-", "") for code in codes))
    )


def test_with_another_secret_key_only_recovery_codes_are_taken(
    ada: User, codes: list[str], clock: Clock, settings: Any
) -> None:
    settings.SECRET_KEY = "another secret key of 32 letters!!"
    with pytest.raises(UnreadableSecretError):
        is_taken(ada, clock.code())
    assert is_taken(ada, codes[0])


def test_nobody_sets_one_up_with_a_wrong_code_or_a_second_one(ada: User, clock: Clock) -> None:
    with pytest.raises(WrongCodeError, match="not the code that the app should show"):
        second_factor_add(user=ada, secret=SECRET, code=clock.code(steps=5), actor=ACTOR)
    assert not SecondFactor.objects.exists()
    second_factor_add(user=ada, secret=SECRET, code=clock.code(), actor=ACTOR)
    with pytest.raises(ConflictError, match="ada has a second factor already"):
        second_factor_add(user=ada, secret=SECRET, code=clock.code(), actor=ACTOR)


def test_the_picture_says_whose_secret_it_is() -> None:
    address = urlsplit(secret_address(SECRET, name="ada & co/ü"))
    assert (address.scheme, address.netloc, address.path) == ("otpauth", "totp", "/ragsite%3Aada%20%26%20co%2F%C3%BC")
    said = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert said == {"secret": SECRET, "issuer": "ragsite", "algorithm": "SHA1", "digits": "6", "period": "30"}
    assert len({new_secret() for _ in range(5)}) == 5
    assert len(base64.b32decode(new_secret())) == 20


def test_the_password_alone_signs_nobody_in_who_has_a_second_factor(
    client: Client, codes: list[str], clock: Clock
) -> None:
    halfway = password(client, next="/admin/jobs/")
    assert (halfway.status_code, halfway["Location"]) == (302, ASKED)
    assert not is_in(client)
    assert COOKIE not in client.cookies
    assert "ada" in client.get(ASKED).content.decode()
    wrong = client.post(ASKED, {"code": "000000"})
    assert wrong.status_code == 422
    assert "This code is wrong, or was used before." in wrong.content.decode()
    assert not is_in(client)
    before = client.session.session_key
    done = client.post(ASKED, {"code": clock.code()})
    assert (done.status_code, done["Location"]) == (302, "/admin/jobs/")
    assert (is_in(client), client.cookies[COOKIE]["path"]) == (True, PATH)
    assert client.session.session_key != before


def test_a_recovery_code_signs_in_in_place_of_the_device_and_the_log_says_so(
    client: Client, codes: list[str], caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    caplog.set_level(logging.INFO, logger="ragsite")
    password(client)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(ASKED, {"code": codes[3]})
    assert is_in(client)
    told = [record.getMessage() for record in caplog.records]
    assert "ada used a recovery code, by ada, admin" in told
    assert not any(codes[3] in line for line in told)


def test_who_has_none_signs_in_with_the_password_as_ever(client: Client, ada: User) -> None:
    assert password(client)["Location"] == HOME
    assert is_in(client)


def test_of_ten_wrong_codes_five_are_looked_at_and_the_right_one_waits_too(
    client: Client, codes: list[str], clock: Clock
) -> None:
    password(client)
    assert [client.post(ASKED, {"code": "000000"}).status_code for _ in range(10)] == [422] * 5 + [429] * 5
    refused = client.post(ASKED, {"code": clock.code()})
    assert (refused.status_code, refused["Retry-After"]) == (429, "30")
    assert not is_in(client)


@pytest.mark.parametrize("how", ["disabled", "other password", "too late", "in another browser"])
def test_the_second_step_ends_with_what_the_first_one_was_about(
    client: Client, ada: User, codes: list[str], clock: Clock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    password(client)
    if how == "disabled":
        User.objects.update(is_active=False)
    elif how == "other password":
        ada.set_password("another password of hers")
        ada.save()
    elif how == "too late":
        session = client.session
        session["ragsite_second_step"]["until"] -= 601
        session.save()
    else:
        client = Client()
    answered = client.post(ASKED, {"code": clock.code()})
    assert (answered.status_code, answered["Location"]) == (302, PATH)
    assert not is_in(client)


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_a_sign_in_leads_to_no_page_of_others(client: Client, codes: list[str], clock: Clock, next: str) -> None:
    password(client, next=next)
    assert client.post(ASKED, {"code": clock.code()})["Location"] == HOME


def test_between_the_steps_nobody_changes_the_factor_that_is_asked_for(
    client: Client, ada: User, codes: list[str]
) -> None:
    password(client)
    for sent in ({}, {"code": "000000", "remove": ""}, {"code": codes[0], "remove": ""}):
        assert client.post(OWN, sent)["Location"] == ASKED
    assert client.get(OWN)["Location"] == ASKED
    assert is_taken(ada, codes[0])


def shown_secret(page: Any) -> str:
    return re.sub(r"\s", "", re.search(r'id="secret">([A-Z2-7 ]+)<', page.content.decode())[1])  # type: ignore[index]


def test_who_is_signed_in_sets_one_up_and_sees_the_recovery_codes_once(client: Client, ada: User, clock: Clock) -> None:
    password(client)
    page = client.get(OWN)
    secret = shown_secret(page)
    assert page["Cache-Control"].startswith("max-age=0")
    picture = re.search(r"<svg.*</svg>", page.content.decode())
    assert picture is not None
    assert "<script" not in picture[0]
    ElementTree.fromstring(picture[0])  # noqa: S314 - our own
    assert secret == shown_secret(client.get(OWN))
    assert secret not in str(client.session.items())
    assert client.post(OWN, {"code": "000000"}).status_code == 422
    done = client.post(OWN, {"code": clock.code(secret=secret)})
    assert len(codes_told(done)) == 10
    assert not CODE.search(client.get(OWN).content.decode())
    assert is_in(client)
    clock.time += 60
    new = Client()
    assert password(new)["Location"] == ASKED
    assert new.post(ASKED, {"code": clock.code(secret=secret)})["Location"] == HOME


def test_changing_ones_own_asks_for_a_code(client: Client, codes: list[str], clock: Clock) -> None:
    password(client)
    client.post(ASKED, {"code": clock.code()})
    assert client.post(OWN, {"code": clock.code(), "remove": ""}).status_code == 422
    clock.time += 30
    renewed = codes_told(client.post(OWN, {"code": clock.code(), "renew": ""}))
    assert len(renewed) == 10
    assert client.post(OWN, {"code": codes[0], "remove": ""}).status_code == 422
    assert client.post(OWN, {"code": renewed[0], "remove": ""})["Location"] == OWN
    assert not SecondFactor.objects.exists()


def test_where_one_is_required_nobody_comes_in_before_it_is_set_up(
    client: Client, ada: User, clock: Clock, settings: Any
) -> None:
    settings.RAGSITE_SECOND_FACTOR = "required"
    assert password(client, next="/admin/jobs/")["Location"] == OWN
    assert not is_in(client)
    secret = shown_secret(client.get(OWN))
    done = client.post(OWN, {"code": clock.code(secret=secret)})
    assert 'href="/admin/jobs/"' in done.content.decode()
    assert is_in(client)


def test_sessions_of_a_password_alone_end_when_a_second_factor_becomes_required(
    client: Client, ada: User, codes: list[str], clock: Clock, settings: Any
) -> None:
    two_steps = Client()
    password(two_steps)
    two_steps.post(ASKED, {"code": clock.code()})
    second_factor_remove(user=ada, actor=ACTOR)
    password(client)
    assert (is_in(client), is_in(two_steps)) == (True, True)
    settings.RAGSITE_SECOND_FACTOR = "required"
    assert (is_in(client), is_in(two_steps)) == (False, True)


def test_where_it_is_off_nobody_is_asked(client: Client, codes: list[str], settings: Any) -> None:
    settings.RAGSITE_SECOND_FACTOR = "off"
    assert password(client)["Location"] == HOME
    assert client.get(OWN).status_code == 302


def test_a_member_who_is_no_staff_has_one_too(client: Client, clock: Clock, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    user = make.member(make.tenant(), Role.READER, name="ada")
    user.set_password(PASSWORD)
    user.save()
    second_factor_add(user=user, secret=SECRET, code=clock.code(steps=-1), actor=ACTOR)
    assert password(client)["Location"] == ASKED
    assert client.post(ASKED, {"code": clock.code()})["Location"] == HOME


def test_a_superuser_resets_anothers_and_nobody_else_does(admin_client: Client, ada: User, codes: list[str]) -> None:
    page, url = f"/admin/auth/user/{ada.pk}/change/", f"/admin/auth/user/{ada.pk}/reset_second_factor/"
    assert url in admin_client.get(page).content.decode()
    owner = Client()
    owner.force_login(make.member(make.tenant(), Role.OWNER, name="ola", is_staff=True))
    assert owner.post(url, {"_form_submitted": "True"}).status_code in (302, 403, 404)
    assert SecondFactor.objects.exists()
    assert admin_client.post(url, {"_form_submitted": "True"})["HX-Redirect"] == page
    assert not SecondFactor.objects.exists()
    assert url not in admin_client.get(page).content.decode()


def test_the_operator_resets_one_by_a_command(ada: User, codes: list[str]) -> None:
    told = StringIO()
    call_command("second_factor_reset", "ada", "--dry-run", stdout=told)
    assert SecondFactor.objects.exists()
    call_command("second_factor_reset", "ada", stdout=told)
    assert told.getvalue().splitlines() == [
        "The second factor of ada would be removed.", "The second factor of ada was removed.",
    ]  # fmt: skip
    assert not SecondFactor.objects.exists()


def test_with_passwords_switched_off_only_the_emergency_account_signs_in(
    client: Client, ada: User, settings: Any
) -> None:
    settings.RAGSITE_PASSWORD_SIGN_IN = False
    assert password(client).status_code == 200
    assert not is_in(client)
    settings.RAGSITE_EMERGENCY_ACCOUNT = "ada"
    assert password(client)["Location"] == HOME
