"""What every answer tells browsers and caches: where its page may load things from, and that nobody keeps what the API says.

Pages of the admin need two things of their policy that the others do without. The theme's scripts are written in attributes,
which Alpine evaluates as code, so `unsafe-eval`; its colours, and what it hides until a script has run, stand in the page, so
`unsafe-inline` for styles. No page may have a script that stands in it, and none loads anything from another host.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ragsite.gateway.deprecations import deprecation_tell
from ragsite.gateway.visits import HEALTH

CSP = "Content-Security-Policy"
NO_STORE = "no-store"

_CLOSED = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
_PAGE = f"{_CLOSED}; connect-src 'self'; font-src 'self'; form-action 'self'; img-src 'self' data:"
PLAIN = f"{_CLOSED}; form-action 'none'; img-src 'self'; style-src 'self'"
DOCS = f"{_PAGE}; script-src 'self'; style-src 'self'"
ADMIN = f"{_PAGE}; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"

POLICIES = (("/admin/", ADMIN), ("/api/docs", DOCS))
"""By the beginning of the address; all others are PLAIN."""

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb", "browsing-topics")
)
"""What no page needs of the machine that it is shown on."""

NOT_KEPT = ("/api/", "/v1/", "/mcp", *HEALTH, "/metrics")


def headers_middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Comes before whatever may answer. A view that says otherwise is left alone."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.setdefault(CSP, policy_of(request.path))
        response.setdefault("Permissions-Policy", PERMISSIONS)
        deprecation_tell(request, response)
        if request.path.startswith(NOT_KEPT):
            response.setdefault("Cache-Control", NO_STORE)
        return response

    return middleware


def policy_of(path: str) -> str:
    """The Content-Security-Policy of an address."""
    return next((policy for beginning, policy in POLICIES if path.startswith(beginning)), PLAIN)
