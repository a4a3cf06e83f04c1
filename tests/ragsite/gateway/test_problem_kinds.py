"""Whoever refuses a request, and whatever for: it is a problem with its request's id, a code of the table, and what mends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from django.test import Client

from apps.documents.api import knowledge_bases as bases_api
from apps.retrieval.doors import api as retrieval_api
from ragsite.gateway.admission import Admission
from ragsite.gateway.edge import Edge, EdgeLimits
from ragsite.gateway.errors import LimitReachedError
from ragsite.gateway.limits.gate import Gate
from ragsite.gateway.models import Permission
from ragsite.gateway.one_thread import OneThreadHandler
from ragsite.gateway.problem_codes import PROBLEMS
from ragsite.gateway.routes import Capacity, Kind, Route
from tests import factories as make

BASES, DOCUMENTS, ASK, SEARCH = "/api/v1/knowledge-bases/", "/api/v1/documents/", "/api/v1/ask", "/api/v1/search"
NOBODY = "00000000-0000-0000-0000-000000000000"
GIVEN = "0198a203-e599-7979-b251-3e6c4f661cc8"
PAGE = "https://app.example.org"


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is refused: what is sent, its code, and words of what to do about it."""

    method: str
    path: str
    code: str
    mends: str
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    permissions: tuple[Permission, ...] = ()


KINDS: Mapping[str, Refused] = {
    "nothing there": Refused("GET", "/api/v1/nothing", "not_found", "See /api/docs."),
    "nothing there, by POST": Refused("POST", "/api/v2/documents/", "not_found", "See /api/docs."),
    "a slash too few": Refused("GET", "/api/v1/documents", "not_found", "Did you mean /api/v1/documents/?"),
    "no such id of a resource": Refused("GET", f"{BASES}{NOBODY}/", "not_found", "Check its id."),
    "no such answer": Refused("GET", f"/api/v1/answers/{NOBODY}", "not_found", ""),
    "another method of a resource": Refused("PUT", BASES, "method_not_allowed", "Use GET, POST"),
    "another method of a query": Refused("GET", SEARCH, "method_not_allowed", "Use POST."),
    "another method of a page for programs": Refused("TRACE", BASES, "method_not_allowed", "Use GET, POST"),
    "JSON that is cut off": Refused("POST", BASES, "bad_request", "Mend the body", b'{"name": '),
    "JSON that is cut off, of a query": Refused("POST", ASK, "bad_request", "Mend the body", b'{"question": '),
    "a form without a boundary": Refused(
        "POST", DOCUMENTS, "bad_request", "Send it as its content type says.", b"x", "multipart/form-data"
    ),
    "a form that is none": Refused(
        "POST", DOCUMENTS, "bad_request", "", b"x", "multipart/form-data; boundary=\u00e9"
    ),
    "another type of body": Refused(
        "POST", BASES, "unsupported_media_type", "Send application/json", b"<a/>", "application/xml"
    ),
    "another type of answer": Refused(
        "GET", BASES, "not_acceptable", "Accept application/json.", headers=(("Accept", "application/xml"),)
    ),
    "fields that are wrong": Refused("POST", BASES, "invalid_input", "See errors", b"{}"),
    "fields that are wrong, of a query": Refused("POST", ASK, "invalid_input", "See errors", b"{}"),
    "an unknown parameter": Refused("GET", f"{BASES}?colour=blue", "invalid_input", "See errors"),
    "more than is kept in memory": Refused(
        "POST", BASES, "request_too_large", "Send less", b'{"name": "' + b"x" * 2000 + b'"}',
        settings=(("DATA_UPLOAD_MAX_MEMORY_SIZE", 1000),),
    ),
    "more than is kept in memory, of a query": Refused(
        "POST", SEARCH, "request_too_large", "Send less", b'{"query": "' + b"x" * 2000 + b'"}',
        settings=(("DATA_UPLOAD_MAX_MEMORY_SIZE", 1000),),
    ),
    "too many fields of a form": Refused(
        "POST", DOCUMENTS, "bad_request", "Send fewer.",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 3 + b"--b--\r\n", "multipart/form-data; boundary=b",
        settings=(("DATA_UPLOAD_MAX_NUMBER_FIELDS", 2),),
    ),
    "too many files of a form": Refused(
        "POST", DOCUMENTS, "too_many_files", "Send them in parts.",
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n1\r\n' * 3 + b"--b--\r\n",
        "multipart/form-data; boundary=b", settings=(("DATA_UPLOAD_MAX_NUMBER_FILES", 2),),
    ),
    "a host that is not served": Refused(
        "GET", BASES, "bad_request", "RAGSITE_ALLOWED_HOSTS", headers=(("Host", "evil.example"),)
    ),
    "a key that is none": Refused(
        "GET", BASES, "not_authenticated", "Send a valid key", headers=(("Authorization", "Bearer rag_none"),)
    ),
    "a key that is none, of a query": Refused(
        "POST", ASK, "not_authenticated", "Send a valid key", b"{}", headers=(("Authorization", "Basic eDp5"),)
    ),
    "a permission that lacks": Refused("GET", BASES, "permission_denied", "Use a key", permissions=(Permission.QUERY,)),
    "a permission that lacks, of a query": Refused(
        "POST", ASK, "permission_denied", "Use a key", b"{}", permissions=(Permission.READ,)
    ),
    "what has changed": Refused(
        "POST", BASES, "precondition_failed", "Leave it out.", b'{"name": "x"}', headers=(("If-Match", '"a"'),)
    ),
    "a change of what was not seen": Refused(
        "DELETE", f"{BASES}{NOBODY}/", "precondition_required", "`If-Match: *`",
        settings=(("RAGSITE_REQUIRE_IF_MATCH", True),),
    ),
    "an idempotency key that is none": Refused(
        "POST", BASES, "invalid_idempotency_key", "such as a UUID", b'{"name": "x"}', headers=(("Idempotency-Key", "a b"),)
    ),
    "a page of another site": Refused(
        "DELETE", BASES, "method_not_allowed", "Use GET", headers=(("Origin", "https://evil.example"),),
        settings=(("RAGSITE_CORS_ORIGINS", frozenset({PAGE})),),
    ),
    "what nobody may preview": Refused(
        "OPTIONS", ASK, "method_not_allowed", "Use POST.",
        headers=(("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")),
        settings=(("RAGSITE_CORS_ORIGINS", frozenset({PAGE})),),
    ),
}  # fmt: skip


def told(status: int, headers: Mapping[str, str], body: bytes, *, code: str, mends: str) -> dict[str, Any]:
    """The problem, held against what every problem has."""
    assert headers["Content-Type"] == "application/problem+json", body
    problem: dict[str, Any] = json.loads(body)
    assert problem["code"] == code, problem
    assert (status, problem["status"]) == (PROBLEMS[code], status)
    assert problem["request_id"] == headers["X-Request-ID"] == GIVEN
    assert mends in problem["detail"], problem["detail"]
    assert problem["detail"][-1] in ".?"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"]
    return problem


@pytest.mark.django_db
@pytest.mark.parametrize("refused", KINDS.values(), ids=KINDS)
def test_what_is_refused_is_told_as_a_problem_with_what_mends_it(refused: Refused, settings: Any) -> None:
    for name, value in refused.settings:
        setattr(settings, name, value)
    headers = make.headers(make.tenant(), *refused.permissions) | {"X-Request-ID": GIVEN} | dict(refused.headers)
    response = Client(enforce_csrf_checks=True).generic(
        refused.method, refused.path, refused.body, refused.kind, headers=headers
    )
    told(response.status_code, response.headers, response.content, code=refused.code, mends=refused.mends)


FAILURES: Mapping[str, tuple[Exception, str, str]] = {
    "a right that lacks": (PermissionDenied(), "permission_denied", "Ask who gave you your rights."),
    "something that is not there": (Http404(), "not_found", "Check its id."),
    "something suspicious": (SuspiciousOperation("The session is corrupted."), "bad_request", "Check what is sent."),
    "a database that is away": (OperationalError("gone"), "database_unavailable", "Try again."),
    "a defect": (RuntimeError("secret"), "internal_error", "then tell the operator."),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "code", "mends"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize(
    ("module", "name", "path"),
    [(bases_api, "knowledge_bases_visible", f"{BASES}{NOBODY}/"), (retrieval_api, "access_scope", SEARCH)],
    ids=["Django REST framework", "django-ninja"],
)
def test_what_fails_inside_is_told_in_the_same_way(
    module: Any, name: str, path: str, error: Exception, code: str, mends: str
) -> None:
    client = make.client(make.tenant(), raise_request_exception=False)
    with patch.object(module, name, side_effect=error):
        method, body = ("GET", b"") if path != SEARCH else ("POST", b'{"query": "x"}')
        response = client.generic(method, path, body, "application/json", headers={"X-Request-ID": GIVEN})
    problem = told(response.status_code, response.headers, response.content, code=code, mends=mends)
    assert "secret" not in problem["detail"]


def edge(limits: Mapping[str, Any], gate: Gate | None = None) -> Callable[..., Any]:
    defaults: dict[str, Any] = {"routes": (Route(Kind.OTHER, 10),)}
    return Edge(_endless, EdgeLimits(**(defaults | limits)), gate)


async def _endless(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body", False):
        pass
    await asyncio.Future()


class _Spent(Gate):
    """A gate for callers who have nothing left."""

    def __init__(self) -> None:
        pass

    @asynccontextmanager
    async def passed(self, *_: Any) -> Any:
        message = "The API key has reached a limit: 1 searches a minute."
        error = LimitReachedError(message, action="Wait 7 s, then send it again.", retry_after=7)
        error.headers = {"RateLimit": '"a";r=0;t=7'}
        raise error
        yield


EDGE: Mapping[str, tuple[Callable[..., Any], int, str, str]] = {
    "a body that is too large": (edge({}), 20, "request_too_large", "Send it in parts."),
    "an address that is too long": (edge({"url_bytes": 5}), 0, "url_too_long", "Send what is long in a body."),
    "headers that are too large": (edge({"header_bytes": 5}), 0, "headers_too_large", "Send less in them."),
    "too many at once": (edge({"requests": 0}), 0, "busy", "Try again."),
    "too many of one at once": (edge({"requests_of_unknown": 0}), 0, "busy", "Try again."),
    "a body that comes too late": (edge({"arrival_seconds": 0.0}), 5, "request_timeout", "Send it again."),
    "a limit that is reached": (edge({}, _Spent()), 0, "rate_limited", "Wait 7 s, then send it again."),
    "a queue that is full": (
        OneThreadHandler(Admission({Kind.OTHER: Capacity(at_once=0, waiting=1, wait_seconds=0)})), 0, "busy", "Try again.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("application", "length", "code", "mends"), EDGE.values(), ids=EDGE)
def test_the_edge_refuses_in_the_same_way_and_pages_that_may_call_can_read_it(
    application: Callable[..., Any], length: int, code: str, mends: str, settings: Any
) -> None:
    settings.RAGSITE_CORS_ORIGINS = frozenset({PAGE})
    status, headers, body = answered(application, length)
    problem = told(status, headers, body, code=code, mends=mends)
    assert (headers["Access-Control-Allow-Origin"], headers["Vary"]) == (PAGE, "Origin")
    assert "X-Request-ID" in headers["Access-Control-Expose-Headers"]
    if problem["status"] in (429, 503):
        assert int(headers["Retry-After"]) >= 1


def answered(application: Callable[..., Any], length: int) -> tuple[int, dict[str, str], bytes]:
    """What an ASGI application answers to a request with a body of that length, which never comes."""
    sent: list[Mapping[str, Any]] = []
    waiting = [] if length else [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Mapping[str, Any]:
        return waiting.pop() if waiting else await asyncio.Future()

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    given = {"x-request-id": GIVEN, "origin": PAGE, "content-length": str(length)}
    scope = {
        "type": "http", "method": "POST", "path": BASES, "raw_path": BASES.encode(), "query_string": b"",
        "client": ("127.0.0.1", 1), "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    with patch("ragsite.gateway.edge._LINGER_SECONDS", 0.01):
        asyncio.run(application(scope, receive, send))
    start, *parts = sent
    headers = {name.decode().title(): value.decode() for name, value in start["headers"]}
    headers["X-Request-ID"] = headers.pop("X-Request-Id")
    return start["status"], headers, b"".join(part.get("body", b"") for part in parts)
