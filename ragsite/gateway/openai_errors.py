"""Problems as clients of OpenAI's API read them: below /v1/ every failed request answers `{"error": {…}}`."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ragsite.gateway.problems import CONTENT_TYPE, OPENAI

INVALID = "invalid_request_error"
TYPES = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
"""By status; the other refusals are INVALID, and what failed here is a `server_error`."""

Response = TypeVar("Response", bound=HttpResponseBase)


def shaped(response: Response, path: str) -> Response:
    """The response, a problem as the clients of that address read it. Status and headers stay."""
    if not path.startswith(OPENAI) or response.get("Content-Type") != CONTENT_TYPE:
        return response
    response.content = json.dumps({"error": error_of(json.loads(response.content))}).encode()  # type: ignore[attr-defined]
    response["Content-Type"] = "application/json"
    if "Content-Length" in response:
        response["Content-Length"] = str(len(response.content))  # type: ignore[attr-defined]
    return response


def error_of(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem as OpenAI's error: what is wrong where stands in the message, and `param` names the first field."""
    fields = problem.get("errors", [])
    wrong = " ".join(f"{one['field']}: {one['message']}" for one in fields)
    return {
        "message": wrong or problem["detail"],
        "type": _type(problem["status"]),
        "code": problem["code"],
        "param": fields[0]["field"] if fields else None,
    }


def _type(status: int) -> str:
    failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return "server_error" if failed else TYPES.get(HTTPStatus(status), INVALID)


def openai_errors_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Comes before whatever may answer a problem."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return shaped(get_response(request), request.path)

    return middleware
