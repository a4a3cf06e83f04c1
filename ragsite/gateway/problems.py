"""The one error shape of both APIs: RFC 9457 problem details."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError
from ninja.errors import ValidationError as NinjaValidationError
from rest_framework import exceptions as drf
from rest_framework.settings import api_settings

from ragsite.core.configuration import UploadSettings
from ragsite.core.errors import NotFoundError, PermanentError, RagError
from ragsite.core.request_ids import request_id
from ragsite.gateway.database_errors import database_error
from ragsite.gateway.errors import AuthenticationError, PermissionDeniedError
from ragsite.gateway.names import body_names, unknown_sentence
from ragsite.gateway.problem_codes import PROBLEMS

CONTENT_TYPE = "application/problem+json"
BY_STATUS = {
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


def problem_response(error: RagError, *, fields: list[dict[str, Any]] | None = None) -> JsonResponse:
    """The HTTP answer for an error; `fields` lists what is wrong where, for invalid input."""
    body = problem(error) | ({"errors": fields} if fields else {})
    body |= {"request_id": request_id()} if request_id() else {}
    response = JsonResponse(body, status=error.http_status, content_type=CONTENT_TYPE)
    if error.retry_after is not None:
        response["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    return response


def drf_exception_handler(error: Exception, context: dict[str, Any]) -> JsonResponse | None:
    """Django REST framework's handler. Unknown errors are left to Django, which logs them and answers 500."""
    if isinstance(error, drf.ValidationError):
        return problem_response(_invalid(), fields=_drf_fields(error.detail))
    known = _as_rag_error(error)
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
    """What Django or django-ninja refuses under /api/ before our handlers are asked answers a problem too."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        told = response.status_code < HTTPStatus.BAD_REQUEST or response.get("Content-Type") == CONTENT_TYPE
        return response if told or not request.path.startswith("/api/") else _as_problem(response, request)

    return middleware


def _as_problem(response: HttpResponseBase, request: HttpRequest) -> JsonResponse:
    status = HTTPStatus(response.status_code)
    if status is HTTPStatus.NOT_FOUND:
        return not_found(request)
    told = problem_response(
        PermanentError(f"{request.method} {request.path} was refused.", code=_code(status), status=status)
    )
    if "Allow" in response:
        told["Allow"] = response["Allow"]
    return told


@csrf_exempt
def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    return problem_response(NotFoundError(f"There is nothing at {request.path}.", action="See /api/docs."))


def server_error(request: HttpRequest) -> JsonResponse:
    return problem_response(_unknown())


def _as_rag_error(error: Exception) -> RagError | None:
    if isinstance(error, RagError):
        return error
    if isinstance(error, drf.NotAuthenticated | drf.AuthenticationFailed):
        return AuthenticationError("The request carries no valid API key.")
    if isinstance(error, drf.PermissionDenied | PermissionDenied):
        return PermissionDeniedError("This is not allowed.")
    if isinstance(error, Http404 | drf.NotFound):
        return NotFoundError("There is no such thing, or you may not see it.")
    if isinstance(error, OperationalError | InterfaceError):
        return database_error(error)
    if isinstance(error, RequestDataTooBig):
        return PermanentError("The request is too large.", code="request_too_large", status=413)
    if isinstance(error, TooManyFilesSent):
        most = UploadSettings.current().max_files
        return PermanentError(
            f"A request may have {most} files.", code="too_many_files", status=413, action="Send them in parts."
        )
    if isinstance(error, drf.APIException):
        code = error.default_code if error.default_code in PROBLEMS else _code(error.status_code)
        return PermanentError(str(error.detail), code=code, status=error.status_code)
    if isinstance(error, HttpError):
        return PermanentError(str(error), code="bad_request", status=error.status_code)
    if isinstance(error, SuspiciousOperation):
        return PermanentError(str(error), code="bad_request", status=400)
    return None


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
