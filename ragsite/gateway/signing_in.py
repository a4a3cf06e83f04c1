"""What the pages of a sign-in share: where it leads, whose turn it is between its two steps, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme

from ragsite.core.configuration import SignInSettings
from ragsite.gateway.accounts import account_tell, address_of
from ragsite.gateway.backends import TWO_STEPS
from ragsite.gateway.second_factors import has_second_factor
from ragsite.gateway.sign_ins import BROWSER_KNOWN_FOR, browser_cookie

COOKIE = "ragsite_browser"
PATH = "/admin/login/"
NEXT = "next"
SECOND_STEP_WITHIN = timedelta(minutes=10)
_WAITING = "ragsite_second_step"


@dataclass(frozen=True, slots=True)
class SecondStep:
    """Who gave the right password a moment ago, in this browser, and where the sign-in leads. Nobody is signed in yet."""

    user: User
    leads_to: str


def leads_to(request: HttpRequest) -> str:
    """The page of ours that was asked for; the first one for none, and for an address of somebody else."""
    wanted = request.POST.get(NEXT) or request.GET.get(NEXT) or ""
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if wanted and ours else reverse("admin:index")


def needs_second_step(user: User) -> bool:
    """Whether the password alone does not sign the user in."""
    setting = SignInSettings.current().second_factor
    return setting == "required" or (setting == "offered" and has_second_factor(user))


def second_step_begin(request: HttpRequest, user: User) -> HttpResponse:
    """To the page that asks for the code, or where one is set up first. What waited in this browser is forgotten."""
    request.session.cycle_key()
    request.session[_WAITING] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),
        "until": (timezone.now() + SECOND_STEP_WITHIN).timestamp(),
        NEXT: leads_to(request),
    }
    return redirect("second-factor" if has_second_factor(user) else "second-factor-own")


def second_step_of(request: HttpRequest) -> SecondStep | None:
    """Who waits in this browser; nobody after a while, and once the account was disabled or has another password."""
    kept: dict[str, Any] = request.session.get(_WAITING) or {}
    if not kept or kept["until"] < timezone.now().timestamp():
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or not constant_time_compare(kept["password"], user.get_session_auth_hash()):
        return None
    return SecondStep(user, kept[NEXT])


def signed_in(request: HttpRequest, user: User, *, backend: str = TWO_STEPS) -> None:
    """The user is signed in from now on."""
    request.session.pop(_WAITING, None)
    if not request.user.is_authenticated:  # else a session goes on that was one of a password alone
        account_tell("account.signed_in", user, address=address_of(request))
    login(request, user, backend=backend)


def browser_remember(response: HttpResponse, cookie: str) -> None:
    """The browser is known from now on: see `ragsite.gateway.sign_ins`."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=BROWSER_KNOWN_FOR,
        path=PATH,
        secure=SignInSettings.current().secure_cookie,
        httponly=True,
        samesite="Lax",
    )


def sign_in_ended(user: User, to: str) -> HttpResponse:
    """The answer to the last step of a sign-in that began with a password."""
    response = redirect(to)
    browser_remember(response, browser_cookie(user.get_username()))
    return response
