"""The pages of the second factor: where its code is asked for at sign-in, and where people set up their own."""

from __future__ import annotations

from typing import Any

import segno
from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminTextInputWidget

from ragsite.core.actors import Actor, Door
from ragsite.core.configuration import SignInSettings
from ragsite.core.errors import RagError
from ragsite.core.sealing import seal, unseal
from ragsite.core.sentences import said
from ragsite.gateway.models import SecondFactor
from ragsite.gateway.roles import may_enter_admin
from ragsite.gateway.second_factors import (
    new_secret,
    recovery_codes_renew,
    second_factor_add,
    second_factor_check,
    second_factor_remove,
    secret_address,
)
from ragsite.gateway.sign_ins import CodeTry, sign_in_begin, sign_in_failed, sign_in_succeeded
from ragsite.gateway.signing_in import PATH, SecondStep, second_step_of, sign_in_ended, signed_in

_NEW = "ragsite_new_factor"
_LONGEST_CODE = 40


class CodeForm(forms.Form):
    """The field; what is typed into it is looked at by the services."""

    code = forms.CharField(
        label=_("Code"),
        max_length=_LONGEST_CODE,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )


@never_cache
@sensitive_post_parameters("code")
def second_factor_view(request: HttpRequest) -> HttpResponse:
    """The second step of a sign-in. Who has not taken the first one in this browser is led there."""
    step = second_step_of(request)
    if step is None:
        return redirect(PATH)
    if request.method != "POST":
        return _page(request, "ragsite/second_factor_asked.html", name=step.user.get_username())
    try:
        _check(request, step.user)
    except RagError as error:
        return _page(request, "ragsite/second_factor_asked.html", error=error, name=step.user.get_username())
    signed_in(request, step.user)
    return sign_in_ended(step.user, step.leads_to)


@never_cache
@sensitive_post_parameters("code")
def own_second_factor_view(request: HttpRequest) -> HttpResponse:
    """A person's own second factor: set up, with recovery codes that are shown once, or changed. For who is signed in, and in the
    middle of a sign-in for who must have one and has none.
    """
    user, step = _whose(request)
    if user is None:
        return redirect(f"{PATH}?next={request.path}")
    factor = SecondFactor.objects.filter(user=user).first()
    if factor is not None and step is not None:
        return redirect("second-factor")
    try:
        if request.method != "POST":
            return _own_page(request, user, factor)
        return _change(request, user) if factor else _set_up(request, user, step)
    except RagError as error:
        return _own_page(request, user, factor, error=error)


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """Unfold's callback for the links below the user's name."""
    user: Any = request.user
    links = []
    if user.is_authenticated and user.has_usable_password():
        links.append({"title": gettext("Change password"), "link": reverse("admin:password_change")})
        if SignInSettings.current().second_factor != "off":
            links.append({"title": gettext("Second factor"), "link": reverse("second-factor-own")})
    return links


def _whose(request: HttpRequest) -> tuple[User | None, SecondStep | None]:
    """Who is signed in, or else who is between the two steps of a sign-in."""
    if SignInSettings.current().second_factor == "off":
        return None, None
    if isinstance(request.user, User) and may_enter_admin(request.user):
        # Who comes by a provider has no password to which this would be the second factor.
        return (request.user, None) if request.user.has_usable_password() else (None, None)
    step = second_step_of(request)
    return (step.user, step) if step else (None, None)


def _set_up(request: HttpRequest, user: User, step: SecondStep | None) -> HttpResponse:
    codes = second_factor_add(user=user, secret=_secret(request), code=_typed(request), actor=_acting(user))
    del request.session[_NEW]
    signed_in(request, user)
    leads_to = step.leads_to if step else reverse("admin:index")
    return _page(request, "ragsite/second_factor_codes.html", codes=codes, leads_to=leads_to)


def _change(request: HttpRequest, user: User) -> HttpResponse:
    """Either asks for a code: a browser that was left open is not enough."""
    _check(request, user)
    if "remove" in request.POST:
        second_factor_remove(user=user, actor=_acting(user))
        return redirect(PATH if SignInSettings.current().second_factor == "required" else "second-factor-own")
    codes = recovery_codes_renew(user=user, actor=_acting(user))
    return _page(request, "ragsite/second_factor_codes.html", codes=codes, leads_to=reverse("admin:index"))


def _check(request: HttpRequest, user: User) -> None:
    """The code that was typed is the user's. It counts as a try, as passwords do.

    Raises:
        TooManyTriesError: the next try has to wait; nothing was looked at.
        WrongCodeError, UnreadableSecretError: see `second_factor_check`.
    """
    tried = CodeTry(user.pk, user.get_username(), request.META.get("REMOTE_ADDR") or "")
    sign_in_begin(tried)
    try:
        second_factor_check(user=user, code=_typed(request), actor=_acting(user))
    except RagError:
        sign_in_failed(tried)
        raise
    sign_in_succeeded(tried)


def _typed(request: HttpRequest) -> str:
    return request.POST.get("code", "").strip()[:_LONGEST_CODE]


def _acting(user: User) -> Actor:
    return Actor.of_user(user, door=Door.ADMIN)


def _secret(request: HttpRequest) -> str:
    """The secret that is being set up in this browser, the same until it is."""
    if _NEW not in request.session:
        request.session[_NEW] = seal(new_secret())
    return unseal(request.session[_NEW])


def _own_page(
    request: HttpRequest, user: User, factor: SecondFactor | None, *, error: RagError | None = None
) -> HttpResponse:
    required = SignInSettings.current().second_factor == "required"
    if factor is not None:
        about: dict[str, Any] = {"factor": factor, "left": len(factor.recovery_hashes)}
        return _page(request, "ragsite/second_factor_own.html", error=error, required=required, **about)
    secret = _secret(request)
    groups = " ".join(secret[place : place + 4] for place in range(0, len(secret), 4))
    picture = _picture(secret_address(secret, name=user.get_username()))
    return _page(
        request, "ragsite/second_factor_set_up.html", error=error, required=required, secret=groups, picture=picture
    )


def _picture(text: str) -> SafeString:
    """A QR code as SVG, which stands in the page: nobody else is asked for it."""
    return mark_safe(segno.make(text, error="m").svg_inline(border=2, omitsize=True, dark="#000", light="#fff"))  # noqa: S308 - of our own making


def _page(request: HttpRequest, template: str, *, error: RagError | None = None, **about: Any) -> HttpResponse:
    told = (
        admin.site.each_context(request) | about | {"form": CodeForm(), "told": said(error.sentence) if error else ""}
    )
    response = TemplateResponse(request, template, told, status=error.http_status if error else 200)
    if error is not None and error.retry_after:
        response["Retry-After"] = str(round(error.retry_after))
    return response
