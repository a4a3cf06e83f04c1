"""The page that people sign in on: Django's own, with a limit on tries, and a second step for who has a second factor.

No part of `ragsite.gateway.admin`, which needs the admin's site: the site is made with this form.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from unfold.forms import AuthenticationForm

from ragsite.core.configuration import OidcSettings, SignInSettings
from ragsite.core.sentences import said
from ragsite.gateway.accounts import account_tell, address_of
from ragsite.gateway.errors import TooManyTriesError
from ragsite.gateway.problems import accepts_pages, problem_response
from ragsite.gateway.roles import may_enter_admin
from ragsite.gateway.sign_ins import (
    SignIn,
    browser_cookie,
    cookie_of_pass,
    sign_in_begin,
    sign_in_failed,
    sign_in_succeeded,
)
from ragsite.gateway.signing_in import (
    COOKIE,
    NEXT,
    PATH,
    browser_remember,
    leads_to,
    needs_second_step,
    second_step_begin,
)

__all__ = ["COOKIE", "PATH", "SignInForm", "sign_in_view"]


class SignInForm(AuthenticationForm):
    """Name and password. `refused` is set where nobody looked at them, and `halfway` where they are right and not enough."""

    refused: TooManyTriesError | None = None
    halfway: User | None = None

    def confirm_login_allowed(self, user: Any) -> None:
        """Members of a tenant sign in besides staff."""
        if not may_enter_admin(user):
            raise self.get_invalid_login_error()

    def clean(self) -> dict[str, Any]:
        name, password = (self.cleaned_data.get(field) for field in ("username", "password"))
        if not name or not password:
            return super().clean()  # type: ignore[no-any-return]  # unfold has no types
        request: Any = self.request
        sign_in = SignIn(name, request.META.get("REMOTE_ADDR") or "", request.COOKIES.get(COOKIE, ""))
        return self._counted(sign_in)

    def _counted(self, sign_in: SignIn) -> dict[str, Any]:
        try:
            sign_in_begin(sign_in)
        except TooManyTriesError as error:
            self.refused = error
            raise forms.ValidationError(said(error.sentence)) from error
        try:
            cleaned: dict[str, Any] = super().clean()
        except forms.ValidationError:
            sign_in_failed(sign_in)
            raise
        sign_in_succeeded(sign_in)
        user = self.get_user()
        if needs_second_step(user):
            self.halfway = user
            raise forms.ValidationError("")
        return cleaned


def _ways(request: HttpRequest) -> dict[str, Any]:
    """For the template: how people sign in here."""
    settings, provider = SignInSettings.current(), OidcSettings.current()
    address = f"{reverse('oidc-begin')}?{urlencode({NEXT: leads_to(request)})}"
    return {
        "provider": {"name": provider.name, "address": address} if provider.issuer else None,
        "passwords": settings.passwords,
        "with_password": settings.passwords or bool(settings.emergency_account),
    }


def sign_in_view(request: HttpRequest) -> HttpResponse:
    """The admin's page. Refused tries are a 429; a browser that signs in, or comes with a pass, is known from then on."""
    response = admin.site.login(request, _ways(request))
    form = (getattr(response, "context_data", None) or {}).get("form")
    if (halfway := getattr(form, "halfway", None)) is not None:
        return second_step_begin(request, halfway)
    refused: TooManyTriesError | None = getattr(form, "refused", None)
    if refused is not None and not accepts_pages(request):
        return problem_response(refused)
    if refused is not None:
        response.status_code = refused.http_status
        response["Retry-After"] = str(round(refused.retry_after or 1))
    elif request.method == "POST" and form is None and request.user.is_authenticated:
        account_tell("account.signed_in", request.user, address=address_of(request))
        browser_remember(response, browser_cookie(request.user.get_username()))
    elif cookie := cookie_of_pass(request.GET.get("pass", "")):
        browser_remember(response, cookie)
    return response
