from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from ragsite.core.work import Turn
from ragsite.gateway import sign_ins
from ragsite.gateway.errors import TooManyTriesError
from ragsite.gateway.models import SignInTries
from ragsite.gateway.sign_in_page import COOKIE, PATH
from ragsite.gateway.sign_ins import (
    SignIn,
    browser_cookie,
    sign_in_begin,
    sign_in_succeeded,
    sign_ins_purge,
    wait_after,
)

pytestmark = pytest.mark.django_db

WRONG, RIGHT = "a wrong password", "the right password of ada"


@pytest.fixture(autouse=True)
def ada(settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user("ada", password=RIGHT, is_staff=True)


def tried(client: Client, password: str = WRONG, *, name: str = "ada", address: str = "192.0.2.1") -> Any:
    typed = {"username": name, "password": password}
    return client.post(PATH, typed, headers={"Accept": "text/html"}, REMOTE_ADDR=address)


def may(name: str = "ada", address: str = "192.0.2.1", browser: str = "") -> bool:
    """Whether a try is looked at, which then counts as one that failed."""
    try:
        sign_in_begin(SignIn(name, address, browser))
    except TooManyTriesError:
        return False
    return True


class Clock:
    """Stands, unless a test moves it."""

    def __init__(self) -> None:
        self.time = timezone.now()

    def now(self) -> datetime:
        return self.time


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sign_ins, "timezone", clock)
    return clock


def test_of_25_wrong_sign_ins_five_are_looked_at(client: Client) -> None:
    statuses = [tried(client).status_code for _ in range(25)]
    assert statuses == [200] * 5 + [429] * 20


def test_the_page_says_in_words_how_long_to_wait_even_to_the_right_password(client: Client, clock: Clock) -> None:
    assert [may() for _ in range(5)] == [True] * 5
    refused = tried(client, RIGHT)
    assert refused.status_code == 429
    assert refused["Retry-After"] == "30"
    assert b"Too many sign-ins failed. Wait 30 seconds, then try again." in refused.content
    assert "_auth_user_id" not in client.session

    clock.time += timedelta(seconds=31)
    assert tried(client, RIGHT).status_code == 302


def test_a_client_that_reads_no_pages_is_told_as_a_problem(client: Client) -> None:
    assert [may() for _ in range(5)] == [True] * 5
    refused = client.post(PATH, {"username": "ada", "password": "wrong"}, headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_tries")
    assert (refused["Retry-After"], refused.json()["request_id"]) == ("30", refused["X-Request-ID"])


def test_waits_double_up_to_a_limit_and_are_never_for_ever() -> None:
    waits = [wait_after(failures, tries=5).total_seconds() for failures in range(4, 13)]
    assert waits == [0, 30, 60, 120, 240, 480, 900, 900, 900]
    assert wait_after(1_000_000, tries=5) == timedelta(seconds=900)


def test_a_try_during_a_wait_lengthens_nothing() -> None:
    assert [may() for _ in range(5)] == [True] * 5
    before = list(SignInTries.objects.order_by("whose").values_list("failures", "free_at"))
    assert [may() for _ in range(5)] == [False] * 5
    assert list(SignInTries.objects.order_by("whose").values_list("failures", "free_at")) == before


def test_an_address_that_tries_many_accounts_has_to_wait_and_others_do_not() -> None:
    assert [may(f"guess-{number}") for number in range(25)] == [True] * 20 + [False] * 5
    assert not may("ada", "192.0.2.1")
    assert may("ada", "192.0.2.2")


def test_an_account_that_is_tried_from_many_addresses_has_to_wait_by_whatever_letters() -> None:
    tries = [may(name, f"192.0.2.{number}") for number, name in enumerate(["ada", "ADA", "Ada"] * 3)]
    assert tries == [True] * 5 + [False] * 4


def test_neighbours_in_ipv6_are_one_address() -> None:
    assert [may(f"guess-{n}", f"2001:db8::{n:x}") for n in range(21)] == [True] * 20 + [False]
    assert may("ada", "2001:db8:0:1::1")


def test_the_owner_s_own_browser_is_not_kept_out_by_who_fails_in_the_owner_s_name() -> None:
    own, strange = Client(), Client()
    assert tried(own, RIGHT).status_code == 302
    assert [may() for _ in range(30)].count(True) == 5
    assert tried(strange, RIGHT).status_code == 429
    own.session.flush()
    assert tried(own, RIGHT).status_code == 302


def test_a_known_browser_counts_too_so_a_stolen_cookie_opens_nothing(client: Client) -> None:
    tried(client, RIGHT)
    cookie = client.cookies[COOKIE].value
    assert [may(browser=cookie) for _ in range(7)] == [True] * 5 + [False] * 2
    assert tried(client, RIGHT).status_code == 429
    assert tried(Client(), RIGHT).status_code == 302


def test_a_browser_is_known_for_the_account_it_signed_in_to_and_no_other() -> None:
    assert [may(browser=browser_cookie("eve")) for _ in range(6)] == [True] * 5 + [False]
    assert not may(browser=browser_cookie("ada")[:-1] + "!")
    assert may(browser=browser_cookie("ada"))


def test_the_cookie_of_a_browser_is_for_the_server_alone(client: Client, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    cookie = tried(client, RIGHT).cookies[COOKIE]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", PATH)


def test_a_pass_lets_the_owner_try_in_a_new_browser() -> None:
    assert [may() for _ in range(6)] == [True] * 5 + [False]
    told = StringIO()
    call_command("sign_in_pass", "ada", stdout=told, stderr=StringIO())
    new = Client()
    assert new.get(told.getvalue().strip()).status_code == 200
    assert tried(new).status_code == 200
    assert tried(new, RIGHT).status_code == 302


@pytest.mark.parametrize("given", ["", "nonsense", "ada", browser_cookie.__name__])
def test_what_is_no_pass_gives_nothing(client: Client, given: str) -> None:
    assert client.get(PATH, {"pass": given}).status_code == 200
    assert COOKIE not in client.cookies


def test_a_pass_is_for_an_account_that_exists() -> None:
    with pytest.raises(CommandError, match="There is no account 'nobody'"):
        call_command("sign_in_pass", "nobody")


def test_signing_in_begins_the_account_s_count_anew_and_takes_one_try_from_the_address_s() -> None:
    assert [may() for _ in range(4)] == [True] * 4
    sign_in_begin(SignIn("ada", "192.0.2.1"))
    sign_in_succeeded(SignIn("ada", "192.0.2.1"))
    assert [may(address="192.0.2.2") for _ in range(6)] == [True] * 5 + [False]
    assert [may(f"guess-{number}") for number in range(17)] == [True] * 16 + [False]


def test_failures_are_forgotten_after_a_day(clock: Clock) -> None:
    assert [may() for _ in range(4)] == [True] * 4
    clock.time += timedelta(days=1, minutes=1)
    assert [may() for _ in range(6)] == [True] * 5 + [False]


def test_what_is_forgotten_is_removed(clock: Clock) -> None:
    may()
    clock.time += timedelta(days=1, minutes=1)
    may("eve", "192.0.2.9")
    sign_ins_purge(Turn.of(5))
    assert SignInTries.objects.count() == 2
    assert not SignInTries.objects.filter(last_at__lt=clock.time).exists()


def test_the_log_says_who_tried_from_where_in_which_request(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="ragsite.gateway.sign_ins")
    for _ in range(6):
        tried(client, name="ada\r\nforged: line")
    told = [record.getMessage() for record in caplog.records if record.name == "ragsite.gateway.sign_ins"]
    assert told[0] == "a sign-in failed, from 192.0.2.1, by ada??forged: line, admin"
    assert told[5] == "a sign-in was refused for 30 s, from 192.0.2.1, by ada??forged: line, admin"
    assert tried(Client(), RIGHT, address="192.0.2.7").status_code == 302
    told = [record.getMessage() for record in caplog.records if record.name == "ragsite.gateway.sign_ins"]
    assert told[-1] == "a sign-in succeeded, from 192.0.2.7, by ada, admin"


def test_the_account_of_nobody_waits_like_any_other() -> None:
    """Or the page would say which accounts there are."""
    known = [may("ada", f"192.0.2.{n}") for n in range(7)]
    assert [may("nobody", f"198.51.100.{n}") for n in range(7)] == known


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_moment_do_not_slip_through_together() -> None:
    def one(number: int) -> bool:
        try:
            return may("ada", f"192.0.2.{number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(one, range(24))) == 5
