"""Which pages of other origins may call the API: none, unless RAGSITE_CORS_ORIGINS names them. Keys are sent by the page itself,
so browsers never send cookies along, and nobody's session is any other page's affair.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from ragsite.core.configuration import DoorSettings

PATHS = ("/api/", "/v1/")
METHODS = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
ASKED = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-ID, traceparent"
)
TOLD = (
    "Content-Disposition, Deprecation, ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
    "Sunset, X-Request-ID, traceresponse"
)
KEPT_SECONDS = 600


def cors_middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answers what browsers ask before a call, and lets the pages that are named read what is answered."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        origin = request.headers.get("Origin", "")
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response = _allowance() if asks and _may_call(request.path, origin) else get_response(request)
        cors_tell(response, request.path, origin)
        return response

    return middleware


def cors_tell(response: HttpResponseBase, path: str, origin: str) -> None:
    """Let the page of that origin read the answer, if it is one that may call."""
    if not DoorSettings.current().cors_origins or not path.startswith(PATHS):
        return
    patch_vary_headers(response, ["Origin"])
    if _may_call(path, origin):
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Expose-Headers"] = TOLD


def _may_call(path: str, origin: str) -> bool:
    return path.startswith(PATHS) and origin in DoorSettings.current().cors_origins


def _allowance() -> HttpResponse:
    return HttpResponse(
        status=HTTPStatus.NO_CONTENT,
        headers={
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": ASKED,
            "Access-Control-Max-Age": str(KEPT_SECONDS),
        },
    )
