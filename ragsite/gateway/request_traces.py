"""Each request is a part of a trace, the caller's or one that begins here, and a line in the log, which says how it went.

Neither has in it what the caller wrote: an address is told by its pattern, a person or a key by its id.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ragsite.core.logs.about import about, about_tell, about_told
from ragsite.core.logs.filtering import UNKNOWN_ROUTE, route_of
from ragsite.core.logs.formatting import FIELDS
from ragsite.core.tracing.spans import NOT_TRACED, Span, SpanKind, span, traceparent, under
from ragsite.core.tracing.trace_parents import TraceParent
from ragsite.gateway.visits import HEALTH

logger = logging.getLogger("ragsite.requests")

GIVEN, TOLD = "traceparent", "traceresponse"
"""W3C Trace Context: the header by which a caller names its trace, and that by which it learns which one it was."""

WATCHERS = (*HEALTH, "/metrics", "/static/", "/favicon.ico")
"""What browsers and watchers ask for by themselves; it is traced only within a caller's trace, and no line tells of it."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "OTHER"
"""A method may be any word that a caller likes."""


@dataclass(slots=True)
class Served:
    """A request on its way, and what is known of it in the end."""

    method: str
    span: Span
    trace: str = ""
    route: str = UNKNOWN_ROUTE
    status: int = 500


def request_traces_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Comes before whatever may write to the log, but for the id of the request, which lines are to have."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with request_served(request.method or "", request.path, request.headers.get(GIVEN, "")) as served:
            response = get_response(request)
            served.route, served.status = route_of(request), response.status_code
            about_tell(user_id=_user_of(request))
        if served.trace:
            response[TOLD] = served.trace
        return response

    return middleware


def _user_of(request: HttpRequest) -> str:
    """By id, where somebody looked who signed in; nobody looks for the sake of a line."""
    return str(getattr(getattr(request, "_cached_user", None), "pk", None) or "")


@contextmanager
def request_served(method: str, path: str, given: str) -> Iterator[Served]:
    """The block serves a request, which `given` may name a trace for; whatever is not of the form names none."""
    parent, begun = given if TraceParent.read(given) else "", time.monotonic()
    is_watcher = path.startswith(WATCHERS) and not parent
    method = method if method in METHODS else OTHER
    tracing = NOT_TRACED if is_watcher else span(method, SpanKind.SERVER, parent=parent, http__request__method=method)
    with about(), under(parent), tracing as traced:
        served = Served(method, traced, traceparent())
        try:
            yield served
        finally:
            _ended(served, is_watcher=is_watcher, seconds=time.monotonic() - begun)


def _ended(served: Served, *, is_watcher: bool, seconds: float) -> None:
    if is_watcher:
        return
    served.span.name(f"{served.method} {served.route}")
    served.span.tell(http__route=served.route, http__response__status_code=served.status)
    if served.status >= 500:
        served.span.fail(str(served.status))
    told = about_told()
    served.span.tell(**{f"ragsite__{name}": value for name, value in told.items() if isinstance(value, str)})
    milliseconds = round(seconds * 1000, 1)
    fields = {"method": served.method, "route": served.route, "status": served.status, "milliseconds": milliseconds}
    logger.info(
        "%s %s %s in %s ms", served.method, served.route, served.status, milliseconds, extra={FIELDS: fields},
    )  # fmt: skip
