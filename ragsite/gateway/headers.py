"""What every answer tells browsers and caches: where its page may load things from, and that nobody keeps what the API says.

No page may have a script or a style that stands in it, run a text as code, or load anything from another host: what is
let into a page by mistake is shown and does nothing. How the theme of the admin does without: `ragsite.gateway.theme`.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ragsite.gateway.deprecations import deprecation_tell
from ragsite.gateway.visits import HEALTH

CSP, PERMISSIONS_POLICY = "Content-Security-Policy", "Permissions-Policy"
NO_STORE = "no-store"

_CLOSED = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
PLAIN = f"{_CLOSED}; form-action 'none'; img-src 'self'; style-src 'self'"
PAGE = (
    f"{_CLOSED}; connect-src 'self'; font-src 'self'; form-action 'self'; img-src 'self' data:; script-src 'self'; "
    "style-src 'self'"
)

PAGES = ("/admin/", "/api/docs")
"""How the addresses of pages with scripts and forms begin; all others are PLAIN."""

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
        response.setdefault(PERMISSIONS_POLICY, PERMISSIONS)
        deprecation_tell(request, response)
        if request.path.startswith(NOT_KEPT):
            response.setdefault("Cache-Control", NO_STORE)
        return response

    return middleware


def policy_of(path: str) -> str:
    """The Content-Security-Policy of an address."""
    return PAGE if path.startswith(PAGES) else PLAIN
