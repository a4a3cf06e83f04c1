"""The two addresses of a sign-in by the provider, and the page after a sign-out.

What is between the two is kept in a sealed cookie of the browser that began: the second is of no use to who did not, and a
stranger's clicks write nothing into the database.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from ragsite.core.configuration import OidcSettings
from ragsite.core.errors import RagError
from ragsite.core.sealing import UnreadableSecretError, seal, unseal
from ragsite.core.sentences import said
from ragsite.gateway.backends import PROVIDER
from ragsite.gateway.oidc.accounts import Provided, provided_sign_in
from ragsite.gateway.oidc.errors import ProviderRefusedError, ProviderUnreachableError
from ragsite.gateway.oidc.id_tokens import id_token_read
from ragsite.gateway.oidc.provider import id_token_of_code, provider
from ragsite.gateway.signing_in import PATH, leads_to, signed_in

COOKIE, BELOW = "ragsite_oidc", "/admin/oidc/"
WITHIN = timedelta(minutes=10)
_TOKEN = "ragsite_id_token"  # noqa: S105 - its name in the session


@dataclass(frozen=True, slots=True)
class Begun:
    """What a browser began: all that its answer is held against."""

    state: str
    nonce: str
    verifier: str
    to: str
    until: float

    @classmethod
    def now(cls, to: str) -> Begun:
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, to, until=(timezone.now() + WITHIN).timestamp())

    @property
    def challenge(self) -> str:
        """RFC 7636, S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@never_cache
def begin_view(request: HttpRequest) -> HttpResponse:
    """To the provider."""
    settings = _settings_or_404()
    begun = Begun.now(leads_to(request))
    try:
        endpoint = provider().authorization
    except RagError as error:
        return _not_in(request, error)
    asked = {
        "response_type": "code", "client_id": settings.client_id, "redirect_uri": _callback(request),
        "scope": settings.scopes, "state": begun.state, "nonce": begun.nonce, "code_challenge": begun.challenge,
        "code_challenge_method": "S256",
    }  # fmt: skip
    response = redirect(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}")
    response.set_cookie(
        COOKIE, seal(json.dumps(asdict(begun))), max_age=WITHIN, path=BELOW, secure=settings.secure_cookie, httponly=True,
        samesite="Lax",
    )  # fmt: skip
    return response


@never_cache
def callback_view(request: HttpRequest) -> HttpResponse:
    """From the provider, in the browser that began, once."""
    _settings_or_404()
    try:
        begun = _begun(request)
        token = id_token_of_code(_code(request, begun), verifier=begun.verifier, redirect_uri=_callback(request))
        provided = Provided.of(id_token_read(token, nonce=begun.nonce))
        user = provided_sign_in(provided, actor=provided.actor)
    except RagError as error:
        return _not_in(request, error)
    signed_in(request, user, backend=PROVIDER)
    request.session[_TOKEN] = seal(token)
    response = redirect(begun.to)
    response.delete_cookie(COOKIE, path=BELOW)
    return response


def signed_out(request: HttpRequest) -> HttpResponse | None:
    """Sign out who came by the provider, here and there. None for who came otherwise, and where the provider can't be asked."""
    sealed = request.session.get(_TOKEN)
    if not sealed or not OidcSettings.current().issuer:
        return None
    try:
        endpoint, token = provider().end_session, unseal(sealed)
    except (ProviderUnreachableError, UnreadableSecretError):
        return None
    logout(request)
    if not endpoint:
        return redirect(PATH)
    back = {
        "id_token_hint": token, "client_id": OidcSettings.current().client_id,
        "post_logout_redirect_uri": request.build_absolute_uri(PATH),
    }  # fmt: skip
    told = {"address": f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(back)}"}
    return TemplateResponse(request, "ragsite/signed_out.html", admin.site.each_context(request) | told)


def _begun(request: HttpRequest) -> Begun:
    try:
        kept = unseal(request.COOKIES.get(COOKIE, ""))
    except UnreadableSecretError:
        raise _lost() from None
    try:
        begun = Begun(**json.loads(kept))
    except TypeError:  # it was begun before an upgrade
        raise _lost() from None
    state = request.GET.get("state", "")
    if begun.until < timezone.now().timestamp() or not hmac.compare_digest(state.encode(), begun.state.encode()):
        raise _lost()
    return begun


def _code(request: HttpRequest, begun: Begun) -> str:
    """RFC 9207: a provider that says who it is in its answer must be the one that was asked."""
    if request.GET.get("iss", OidcSettings.current().issuer) != OidcSettings.current().issuer:
        raise ProviderRefusedError("The answer came from another provider than was asked.")
    code = request.GET.get("code", "")
    if not code:
        raise ProviderRefusedError("The sign-in provider did not let you in.")
    return code


def _callback(request: HttpRequest) -> str:
    """Our address as the provider has to know it; behind TLS that ends before us, it is HTTPS all the same."""
    address = request.build_absolute_uri(reverse("oidc-callback"))
    return f"https://{address.partition('://')[2]}" if OidcSettings.current().secure_cookie else address


def _settings_or_404() -> OidcSettings:
    settings = OidcSettings.current()
    if not settings.issuer:
        raise Http404("No provider is set up.")
    return settings


def _not_in(request: HttpRequest, error: RagError) -> HttpResponse:
    messages.error(request, said(error.sentence))
    response = redirect(PATH)
    response.delete_cookie(COOKIE, path=BELOW)
    return response


def _lost() -> ProviderRefusedError:
    return ProviderRefusedError(
        "This sign-in was not begun in this browser, or too long ago.", action="Begin it again on this page."
    )
