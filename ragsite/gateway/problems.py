"""The one error shape of both APIs: RFC 9457 problem details."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidationError
from rest_framework import exceptions as drf
from rest_framework.settings import api_settings

from ragsite.core.configuration import UploadSettings
from ragsite.core.error_events import error_tell
from ragsite.core.errors import NotFoundError, PermanentError, RagError
from ragsite.core.request_ids import request_id
from ragsite.gateway.addresses import LONGEST, address_meant
from ragsite.gateway.database_errors import database_error
from ragsite.gateway.errors import AuthenticationError, PermissionDeniedError, UnreadableBodyError
from ragsite.gateway.headers import NO_STORE
from ragsite.gateway.names import body_names, unknown_sentence
from ragsite.gateway.problem_codes import PROBLEMS
from ragsite.gateway.problem_pages import problem_page

CONTENT_TYPE = "application/problem+json"
API, OPENAI, MCP = "/api/", "/v1/", "/mcp"
FOR_PROGRAMS = (API, OPENAI, MCP)
"""Below these addresses no answer is a page."""
BAD_REQUEST = "bad_request"
BY_STATUS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "not_authenticated",
    HTTPStatus.FORBIDDEN: "permission_denied",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.NOT_ACCEPTABLE: "not_acceptable",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "request_too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
}


class FieldError(Schema):
    """What is wrong with a field; one without a name is about all of the body."""

    field: str
    message: str


class Problem(Schema):
    """What every failed request answers."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] = []
    request_id: str = ""


def problem(error: RagError) -> dict[str, Any]:
    """The error as problem details."""
    return {
        "type": f"urn:ragsite:problem:{error.error_code}",
        "title": HTTPStatus(error.http_status).phrase,
        "status": error.http_status,
        "detail": error.sentence,
        "code": error.error_code,
    }


def problem_of(error: Exception) -> dict[str, Any]:
    """What any failure is as problem details; one that nobody foresaw is told as such, and no more."""
    return problem(_as_rag_error(error) or _unknown())


def problem_response(error: RagError, *, fields: list[dict[str, Any]] | None = None) -> JsonResponse:
    """The HTTP answer for an error; `fields` lists what is wrong where, for invalid input."""
    body = problem(error) | ({"errors": fields} if fields else {})
    body |= {"request_id": request_id()} if request_id() else {}
    response = JsonResponse(body, status=error.http_status, content_type=CONTENT_TYPE)
    response["Cache-Control"] = NO_STORE
    if error.retry_after is not None:
        response["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


def drf_exception_handler(error: Exception, context: dict[str, Any]) -> JsonResponse | None:
    """Django REST framework's handler. Unknown errors are left to Django, which logs them and answers 500."""
    if isinstance(error, drf.ValidationError):
        return problem_response(_invalid(), fields=_drf_fields(error.detail))
    known = _refused_by_view(error, context) or _as_rag_error(error)
    return problem_response(known) if known else None


def ninja_handlers_add(api: NinjaAPI) -> None:
    """The same answers for a django-ninja API."""

    def invalid(request: HttpRequest, error: Any) -> JsonResponse:
        return problem_response(_invalid(), fields=_ninja_fields(error))

    def known(request: HttpRequest, error: Any) -> JsonResponse:
        return problem_response(_as_rag_error(error) or _unknown())

    api.add_exception_handler(NinjaValidationError, invalid)
    for kind in (RagError, Http404, HttpError, PermissionDenied, SuspiciousOperation, OperationalError, InterfaceError):
        api.add_exception_handler(kind, known)


def problems_middleware(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """What Django or django-ninja refuses FOR_PROGRAMS before our handlers are asked answers a problem too, and everywhere
    what was asked with another method than an address has.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        told = response.status_code < HTTPStatus.BAD_REQUEST or response.get("Content-Type") == CONTENT_TYPE
        ours = request.path.startswith(FOR_PROGRAMS) or response.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        return _as_problem(response, request) if ours and not told else response

    return middleware


def accepts_pages(request: HttpRequest) -> bool:
    """Whether a browser asks. Other clients take anything, or do not say."""
    return not request.path.startswith(FOR_PROGRAMS) and "text/html" in request.headers.get("Accept", "")


def error_response(request: HttpRequest, error: RagError, *, meant: str = "") -> HttpResponse:
    """The HTTP answer for an error outside of our views: a page for browsers, with a link to the address `meant`."""
    told = problem_response(error)
    if not accepts_pages(request):
        return told
    response = HttpResponse(problem_page(request, json.loads(told.content), meant=meant), status=error.http_status)
    response["Cache-Control"] = NO_STORE
    if "Retry-After" in told:
        response["Retry-After"] = told["Retry-After"]
    return response


def _as_problem(response: HttpResponseBase, request: HttpRequest) -> HttpResponse:
    status = HTTPStatus(response.status_code)
    if status is HTTPStatus.NOT_FOUND:
        return not_found(request)
    allowed = response.get("Allow", "")
    refused = _refused(request, status, action=f"Use {allowed}.") if allowed else _refused(request, status)
    told = error_response(request, refused)
    if allowed:
        told["Allow"] = allowed
    return told


def _refused(request: HttpRequest, status: int, *, action: str = "See /api/docs.") -> PermanentError:
    sentence = f"{request.method} {request.path[:LONGEST]} was refused."
    return PermanentError(sentence, code=_code(status), status=status, action=action)


@csrf_exempt
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    meant = address_meant(request.path)
    hints = [f"Did you mean {meant}?"] * bool(meant) + ["See /api/docs."] * request.path.startswith(API)
    error = NotFoundError(f"There is nothing at {request.path[:LONGEST]}.", action=" ".join(hints))
    return error_response(request, error, meant="" if "{" in meant else meant)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(request, _as_rag_error(exception) or _refused(request, HTTPStatus.BAD_REQUEST))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_response(
        request, PermissionDeniedError("This is not allowed.", action="Ask who gave you your rights.")
    )


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    action = "Open the page again, with cookies allowed, and send it from there."
    return error_response(request, PermissionDeniedError("The form was not sent from its own page.", action=action))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django asks within the handling of what went wrong: where that has words of its own, as a dead database, they are told."""
    error = sys.exception()
    known = _as_rag_error(error) if isinstance(error, Exception) else None
    if known is None:
        error_tell(_unknown().error_code, place=_address(request), kind=type(error).__name__ if error else "")
    return error_response(request, known or _unknown())


def _address(request: HttpRequest) -> str:
    """The address that was asked for, with the names of its values instead of what they were."""
    return f"{request.method} /{request.resolver_match.route}" if request.resolver_match else str(request.method)


def _refused_by_view(error: Exception, context: Mapping[str, Any]) -> RagError | None:
    """What Django REST framework refuses because a view takes something else, with what that is."""
    view, request = context.get("view"), context.get("request")
    if view is None or request is None:
        return None
    if isinstance(error, drf.MethodNotAllowed):
        return _refused(request, error.status_code, action=f"Use {', '.join(view.allowed_methods)}.")
    if isinstance(error, drf.UnsupportedMediaType):
        taken = " or ".join(parser.media_type for parser in view.get_parsers())
        unread = f"The content type {(request.content_type or '')[:LONGEST]!r} is not read here."
        return PermanentError(unread, code="unsupported_media_type", status=415, action=f"Send {taken}.")
    if isinstance(error, drf.NotAcceptable):
        told = " or ".join(renderer.media_type for renderer in view.get_renderers())
        sentence = "Nothing is told here in a type of the `Accept` that was sent."
        return PermanentError(sentence, code="not_acceptable", status=406, action=f"Accept {told}.")
    return None


def _suspicious(error: Exception | None) -> RagError | None:
    """What Django refuses before a view is asked, in words that say what to change."""
    if isinstance(error, DisallowedHost):
        action = "Whoever runs it can add the name to RAGSITE_ALLOWED_HOSTS."
        return PermanentError("Nothing is served under this host name.", code=BAD_REQUEST, status=400, action=action)
    if isinstance(error, TooManyFieldsSent):
        return PermanentError("The request has too many fields.", code=BAD_REQUEST, status=400, action="Send fewer.")
    if isinstance(error, SuspiciousOperation):
        return PermanentError(str(error), code=BAD_REQUEST, status=400, action="Check what is sent.")
    return None


def _as_rag_error(error: Exception) -> RagError | None:
    if isinstance(error, RagError):
        return error
    if isinstance(error, drf.NotAuthenticated | drf.AuthenticationFailed):
        return AuthenticationError("The request carries no valid API key.")
    if isinstance(error, drf.PermissionDenied | PermissionDenied):
        return PermissionDeniedError("This is not allowed.", action="Ask who gave you your rights.")
    if isinstance(error, Http404 | drf.NotFound):
        return NotFoundError("There is no such thing, or you may not see it.", action="Check its id.")
    if isinstance(error, OperationalError | InterfaceError):
        return database_error(error)
    if isinstance(error, RequestDataTooBig):
        return PermanentError(
            "The request is too large.", code="request_too_large", status=413, action="Send less, or in parts."
        )
    if isinstance(error, TooManyFilesSent):
        most = UploadSettings.current().max_files
        return PermanentError(
            f"A request may have {most} files.", code="too_many_files", status=413, action="Send them in parts."
        )
    if isinstance(error, drf.APIException):
        code = error.default_code if error.default_code in PROBLEMS else _code(error.status_code)
        action = "Send it as its content type says." if isinstance(error, drf.ParseError) else ""
        return PermanentError(str(error.detail), code=code, status=error.status_code, action=action)
    if isinstance(error, HttpError) and isinstance(error.__cause__, UnreadableBodyError):
        return error.__cause__
    if isinstance(error, HttpError):
        return PermanentError(str(error), code=BAD_REQUEST, status=error.status_code)
    return _suspicious(error)


def _code(status: int) -> str:
    """The code of a refusal by a framework, which tells no more than its status."""
    return BY_STATUS.get(status, "internal_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "bad_request")


def _unknown() -> RagError:
    return RagError("Something went wrong here.", action="It has been logged; try again, then tell the operator.")


def _invalid() -> PermanentError:
    return PermanentError("The request is not valid.", action="See errors for what to change.")


def _drf_fields(detail: Any, path: str = "") -> list[dict[str, Any]]:
    if isinstance(detail, dict):
        return [row for name, value in detail.items() for row in _drf_fields(value, _join(path, str(name)))]
    if isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        return [row for index, value in enumerate(detail) for row in _drf_fields(value, _join(path, str(index)))]
    messages = detail if isinstance(detail, list) else [detail]
    field = "" if path == api_settings.NON_FIELD_ERRORS_KEY else path
    return [{"field": field, "message": str(message)} for message in messages]


def _ninja_fields(error: NinjaValidationError) -> list[dict[str, Any]]:
    return [
        {"field": ".".join(str(part) for part in row["loc"][2:]), "message": _ninja_message(row)}
        for row in error.errors
    ]


def _ninja_message(row: dict[str, Any]) -> str:
    if row["type"] == "extra_forbidden":
        return unknown_sentence(str(row["loc"][-1]), body_names())
    return str(row["msg"])


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
