"""Refusals below /v1/ are OpenAI's errors, wherever they are made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from ragsite.core.errors import PermanentError, RagError, TransientError
from ragsite.gateway.admission import Admission
from ragsite.gateway.edge import Edge, EdgeLimits
from ragsite.gateway.errors import AuthenticationError, PermissionDeniedError
from ragsite.gateway.one_thread import OneThreadHandler
from ragsite.gateway.openai_errors import shaped
from ragsite.gateway.problems import problem_response
from ragsite.gateway.routes import Capacity, Kind, Route


def answered(application: Any, path: str) -> tuple[int, dict[str, Any]]:
    """Status and body of an answer to a GET."""
    sent: list[Mapping[str, Any]] = []

    waiting = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Mapping[str, Any]:
        return waiting.pop() if waiting else await asyncio.Future()

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(application(scope, receive, send))
    start, *parts = sent
    body = b"".join(part.get("body", b"") for part in parts)
    assert int(dict(start["headers"]).get(b"content-length", len(body))) == len(body)
    return start["status"], json.loads(body)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PermanentError("No."), "invalid_request_error"),
        (AuthenticationError("Who?"), "authentication_error"),
        (PermissionDeniedError("You may not."), "permission_error"),
        (RagError("Too many.", code="too_many_requests", status=429), "rate_limit_error"),
        (TransientError("Later."), "server_error"),
    ],
)
def test_a_problem_is_an_error_with_its_sentence_code_and_kind(error: RagError, kind: str) -> None:
    response = shaped(problem_response(error), "/v1/models")
    assert response.status_code == error.http_status
    told = {"message": error.sentence, "type": kind, "code": error.error_code, "param": None}
    assert json.loads(response.content) == {"error": told}


def test_what_is_wrong_where_is_in_the_message_and_the_first_place_is_named() -> None:
    fields = [{"field": "n", "message": "One."}, {"field": "stop", "message": "None."}]
    response = shaped(problem_response(PermanentError("Not valid."), fields=fields), "/v1/chat/completions")
    error = json.loads(response.content)["error"]
    assert (error["message"], error["param"]) == ("n: One. stop: None.", "n")


def test_elsewhere_a_problem_stays_one() -> None:
    response = shaped(problem_response(PermanentError("No.")), "/api/v1/ask")
    assert response["Content-Type"] == "application/problem+json"
    assert json.loads(response.content)["code"] == "invalid_input"


def test_the_edge_refuses_in_the_shape_of_the_address() -> None:
    edge = Edge(_nothing, EdgeLimits(routes=(Route(Kind.OTHER, 1),), url_bytes=5))
    status, body = answered(edge, "/v1/models")
    assert (status, body["error"]["code"]) == (414, "url_too_long")
    assert answered(edge, "/api/v1/models")[1]["code"] == "url_too_long"


def test_who_is_not_admitted_is_told_in_the_shape_of_the_address() -> None:
    full = OneThreadHandler(Admission({Kind.OTHER: Capacity(at_once=0, waiting=1, wait_seconds=0)}))
    status, body = answered(full, "/v1/models")
    assert (status, body["error"]["type"]) == (503, "server_error")


async def _nothing(*_: Any) -> None:
    raise AssertionError("it was let through")
