"""Signing in with a password, throttled, so that nobody finds one by trying.

A try counts for the account's name and for the address it comes from, before the password is looked at: tries at the same moment
can't slip through together. After a few that failed each further one has to wait, twice as long each time up to a limit. A
try during a wait is refused, whatever the password, and lengthens nothing.

So that nobody can keep an account's owner out by failing in the owner's name, a browser that signed in to an account before is
known by a cookie and counts for itself alone. The owner in a new browser can be given a pass by the operator.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from ragsite.core.actors import LONGEST_NAME, Actor, ActorKind, Door
from ragsite.core.audit.models import Outcome
from ragsite.core.bites import bites, rows_bite
from ragsite.core.configuration import SignInSettings
from ragsite.core.request_ids import request_id
from ragsite.core.work import Turn
from ragsite.gateway.accounts import sign_in_tell
from ragsite.gateway.errors import TooManyTriesError
from ragsite.gateway.models import SignInTries

logger = logging.getLogger(__name__)

FIRST_WAIT = timedelta(seconds=30)
FORGOTTEN_AFTER = timedelta(days=1)
BROWSER_KNOWN_FOR = timedelta(days=180)
PASS_VALID_FOR = timedelta(minutes=15)
_BROWSER, _PASS = "ragsite.browser", "ragsite.pass"
_IPV6_OF_ONE = 64


class Counted(Protocol):
    """A try that counts. It comes from an address, which is empty where that does not matter."""

    @property
    def name(self) -> str: ...

    @property
    def address(self) -> str: ...

    @property
    def counted(self) -> dict[str, int]:
        """By whom it counts for: how many tries that one has."""

    @property
    def actor(self) -> Actor:
        """Who tries."""


@dataclass(frozen=True, slots=True)
class CodeTry:
    """A try of an account's second factor, by somebody who knows its password."""

    user_id: int
    name: str
    address: str = ""

    @property
    def counted(self) -> dict[str, int]:
        return {_digest("code", str(self.user_id)): SignInSettings.current().tries}

    @property
    def actor(self) -> Actor:
        return Actor(ActorKind.USER, str(self.user_id), self.name[:LONGEST_NAME], Door.ADMIN, request_id())


@dataclass(frozen=True, slots=True)
class SignIn:
    """A try of an account from an address; `browser` is what its cookie says, empty for none."""

    name: str
    address: str
    browser: str = ""

    @property
    def counted(self) -> dict[str, int]:
        """By whom it counts for: how many tries that one has."""
        settings = SignInSettings.current()
        if known := _known(self.browser, self.name):
            return {known: settings.tries}
        counted = {_account(self.name): settings.tries}
        return counted | ({address_digest(self.address): settings.address_tries} if self.address else {})

    @property
    def actor(self) -> Actor:
        """Whoever it is, by the name that was typed."""
        typed = "".join(one if one.isprintable() else "?" for one in self.name)
        return Actor(ActorKind.USER, "", typed[:LONGEST_NAME], Door.ADMIN, request_id())


def sign_in_begin(sign_in: Counted) -> None:
    """Count the try, as one that fails until it is known to succeed.

    Raises:
        TooManyTriesError: the account or the address has to wait; nothing was counted.
    """
    now, counted = timezone.now(), sign_in.counted
    with transaction.atomic():
        rows = _locked(counted, now=now)
        wait = max(row.free_at for row in rows) - now
        if wait <= timedelta(0):
            for row in rows:
                failures = 1 if row.last_at < now - FORGOTTEN_AFTER else row.failures + 1
                _note(row, failures, now=now, tries=counted[row.whose])
    if wait > timedelta(0):
        logger.warning("a sign-in was refused for %s, by %s", _told(wait, sign_in), sign_in.actor.text)
        raise TooManyTriesError.after(wait)


def sign_in_failed(sign_in: Counted) -> None:
    """The try was counted; the logs are told."""
    sign_in_tell(sign_in.name, address=sign_in.address, outcome=Outcome.FAILURE)
    logger.warning("a sign-in failed, from %s, by %s", sign_in.address or "nowhere", sign_in.actor.text)


def sign_in_succeeded(sign_in: Counted) -> None:
    """The account, or the browser, begins from nothing again; the address loses this one try, and keeps those of others."""
    now, counted = timezone.now(), sign_in.counted
    with transaction.atomic():
        for row in _locked(counted, now=now):
            failures = row.failures - 1 if row.whose == address_digest(sign_in.address) else 0
            _note(row, failures, now=now, tries=counted[row.whose])
    logger.info("a sign-in succeeded, from %s, by %s", sign_in.address or "nowhere", sign_in.actor.text)


def browser_cookie(name: str) -> str:
    """What a browser says that has signed in to the account."""
    return signing.dumps([_account(name), secrets.token_hex(8)], salt=_BROWSER)


def sign_in_pass(name: str) -> str:
    """For the owner of an account who may not try in a browser of their own because others do: makes it a known one."""
    return signing.dumps(name, salt=_PASS)


def cookie_of_pass(given: str) -> str:
    """The cookie for a browser that shows a pass; empty if the pass is none, or too old."""
    try:
        return browser_cookie(signing.loads(given, salt=_PASS, max_age=PASS_VALID_FOR))
    except signing.BadSignature:
        return ""


def sign_ins_purge(turn: Turn) -> bool:
    """Remove what is forgotten; whether some is left."""
    old = SignInTries.objects.filter(last_at__lt=timezone.now() - FORGOTTEN_AFTER)
    return bites(turn, lambda: rows_bite(old.order_by("last_at")))


def wait_after(failures: int, *, tries: int) -> timedelta:
    """How long the next try has to wait after so many that failed."""
    if failures < tries:
        return timedelta(0)
    longest = timedelta(seconds=SignInSettings.current().wait_seconds)
    return min(longest, FIRST_WAIT * (1 << min(failures - tries, 20)))


def _locked(counted: dict[str, int], *, now: datetime) -> list[SignInTries]:
    """Their rows, made where there are none; in one order for all, so that no two tries wait for each other."""
    wanted = sorted(counted)
    SignInTries.objects.bulk_create(
        [SignInTries(whose=whose, last_at=now, free_at=now) for whose in wanted],
        update_conflicts=True,
        unique_fields=["whose"],
        update_fields=["whose"],  # which locks the row
    )
    return list(SignInTries.objects.select_for_update(no_key=True).filter(whose__in=wanted).order_by("whose"))


def _note(row: SignInTries, failures: int, *, now: datetime, tries: int) -> None:
    row.failures, row.last_at = max(0, failures), now
    row.free_at = now + wait_after(row.failures, tries=tries)
    row.save()


def _known(browser: str, name: str) -> str:
    """As whom a browser counts that has signed in to this account before; empty for another's and for none."""
    try:
        account, number = signing.loads(browser, salt=_BROWSER, max_age=BROWSER_KNOWN_FOR)
    except signing.BadSignature:
        return ""
    return _digest("browser", number) if account == _account(name) else ""


def tries_of(name: str) -> QuerySet[SignInTries]:
    """What is counted of tries to sign in to the account of that name."""
    return SignInTries.objects.filter(whose=_account(name))


def _account(name: str) -> str:
    return _digest("account", name.casefold())


def address_digest(address: str) -> str:
    """As whom an address counts. An IPv6 address counts with its neighbours: one customer has all of them."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return _digest("address", address)
    if isinstance(read, ipaddress.IPv6Address):
        return _digest("address", str(ipaddress.ip_network((read, _IPV6_OF_ONE), strict=False)))
    return _digest("address", str(read))


def _digest(kind: str, whose: str) -> str:
    return hashlib.sha256(f"{kind}:{whose}".encode()).hexdigest()


def _told(wait: timedelta, sign_in: Counted) -> str:
    return f"{wait.total_seconds():.0f} s, from {sign_in.address or 'nowhere'}"
