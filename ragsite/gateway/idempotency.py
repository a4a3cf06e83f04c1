"""Requests that may be repeated: under one `Idempotency-Key` a request takes effect once, and its answer is given again.

A record is made and claimed before the request runs. The claim is a lease, so a process that dies in between holds the
key only until the lease ends; then the same request runs again. Answers are kept for LIFETIME, except those that a later
try may change. Of a stream it is kept what it tells of, and a repeat goes on with it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import Error as DatabaseFailure
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.datastructures import MultiValueDict
from drf_spectacular.utils import OpenApiParameter, extend_schema
from ninja import Schema
from ninja.responses import NinjaJSONEncoder
from rest_framework.exceptions import ParseError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ragsite.core.bites import bites, rows_bite
from ragsite.core.errors import LeaseLostError
from ragsite.core.heartbeats import Held, heartbeat
from ragsite.core.leases import Claim, lease_claim, lease_release
from ragsite.core.work import Turn
from ragsite.gateway.authentication import caller
from ragsite.gateway.errors import IdempotencyConflictError, IdempotencyKeyError, IdempotencyMismatchError
from ragsite.gateway.keys import Principal
from ragsite.gateway.models import IdempotencyRecord
from ragsite.gateway.parsing import json_read
from ragsite.gateway.problems import drf_exception_handler

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
METHODS = ("POST", "PUT", "PATCH")
STREAM = "text/event-stream"
LIFETIME = timedelta(hours=24)
RETRY_SECONDS = 1.0
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SCHEMA = {"type": "string", "pattern": f"^{_KEY.pattern}$"}
_ABOUT = "1 to 255 visible ASCII characters. A repeat under it changes nothing."
_PARAMETER = OpenApiParameter(HEADER, _SCHEMA, OpenApiParameter.HEADER, description=_ABOUT)
HEEDING: dict[str, Any] = {"parameters": [{"in": "header", "name": HEADER, "schema": _SCHEMA, "description": _ABOUT}]}
"""What an operation of django-ninja that heeds the header says in OpenAPI."""

View = TypeVar("View", bound=APIView)
Arguments = ParamSpec("Arguments")
Method = Callable[Concatenate[View, Request, Arguments], HttpResponseBase]
Operation = TypeVar("Operation", bound=Callable[..., Any])
StreamAgain = Callable[..., HttpResponseBase]
"""Goes on with a stream that was begun: called with the request, the id that it tells of, and what the operation was given."""


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request under a key; two of one fingerprint are the same request."""

    tenant_id: UUID
    key: str
    fingerprint: str


def idempotent(*, atomic: bool = False) -> Callable[[Method[View, Arguments]], Method[View, Arguments]]:
    """Make a method of a Django REST framework view heed the `Idempotency-Key` of its request.

    `atomic` is for methods that only use the database: their effect and the kept answer then commit together.
    """

    def decorate(method: Method[View, Arguments]) -> Method[View, Arguments]:
        @functools.wraps(method)
        def run(view: View, request: Request, *args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
            if request.method not in METHODS or HEADER not in request.headers:
                return method(view, request, *args, **kwargs)
            keyed = _keyed(request, caller(request), lambda: _fields(request.data))

            def answer() -> HttpResponseBase:
                try:
                    return _plain(method(view, request, *args, **kwargs))
                except Exception as error:  # noqa: BLE001 - raised again if it is not an answer
                    return _plain(view.handle_exception(error))

            return _once(keyed, answer, atomic=atomic)

        return cast("Method[View, Arguments]", extend_schema(parameters=[_PARAMETER], methods=METHODS)(run))

    return decorate


class ToldStream(StreamingHttpResponse):
    """A stream that can be gone on with, of what has that id."""

    def __init__(self, *args: Any, tells_of: UUID, **more: Any) -> None:
        super().__init__(*args, **more)
        self.tells_of = tells_of


def idempotent_operation(*, again: StreamAgain | None = None) -> Callable[[Operation], Operation]:
    """Make an operation of django-ninja heed the `Idempotency-Key` of its request; goes below the router's decorator.

    `again` is for those that may answer with a ToldStream: a repeat goes on with it.
    """

    def decorate(function: Operation) -> Operation:
        @functools.wraps(function)
        def run(request: HttpRequest, **given: Any) -> Any:
            if HEADER not in request.headers:
                return function(request, **given)
            principal: Principal = request.auth  # type: ignore[attr-defined]
            keyed = _keyed(request, principal, lambda: json_read(request.body) if request.body else None)
            resume = None if again is None else functools.partial(again, request, **given)
            return _once(keyed, lambda: _operation_answer(function, request, given), atomic=False, resume=resume)

        # The annotations are names in the module of the function, where nobody would look for them any more.
        run.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
        run.heeds_the_key = True  # type: ignore[attr-defined]  # for the test that walks all operations
        return cast("Operation", run)

    return decorate


def idempotency_purge(turn: Turn) -> bool:
    """Remove records past their lifetime that no request holds, the oldest first; whether some are left."""
    return bites(turn, lambda: rows_bite(_expired().order_by("created_at")))


def _operation_answer(function: Callable[..., Any], request: HttpRequest, given: dict[str, Any]) -> HttpResponseBase:
    """What the operation answers, as django-ninja would write it."""
    try:
        answer = function(request, **given)
    except Exception as error:
        if (refusal := drf_exception_handler(error, {})) is None:
            raise
        return refusal
    if isinstance(answer, HttpResponseBase):
        return answer
    told = answer.model_dump() if isinstance(answer, Schema) else answer
    return HttpResponse(json.dumps(told, cls=NinjaJSONEncoder), content_type="application/json; charset=utf-8")


def _once(
    keyed: KeyedRequest,
    answer: Callable[[], HttpResponseBase],
    *,
    atomic: bool,
    resume: Callable[[UUID], HttpResponseBase] | None = None,
) -> HttpResponseBase:
    claim = _claim(keyed)
    if claim is None:
        return _answer_kept(keyed, resume)
    together = transaction.atomic() if atomic else contextlib.nullcontext()
    try:
        with heartbeat(Held(IdempotencyRecord, claim)), together:
            response = answer()
            if _stands(response) and not _keep(claim, response) and atomic:
                raise LeaseLostError(
                    f"The request under Idempotency-Key {keyed.key!r} took too long.", action="Try again."
                )
    except BaseException:
        with contextlib.suppress(DatabaseFailure):  # the lease ends by itself
            lease_release(IdempotencyRecord, claim, claim.ids)
        raise
    if not _stands(response):
        lease_release(IdempotencyRecord, claim, claim.ids)
    return response


def _claim(keyed: KeyedRequest) -> Claim | None:
    """The right to run the request; None when another holds it, has answered, or was another request."""
    of_key = IdempotencyRecord.objects.filter(tenant_id=keyed.tenant_id, key=keyed.key)
    _expired().filter(pk__in=of_key).delete()
    record = IdempotencyRecord(tenant_id=keyed.tenant_id, key=keyed.key, fingerprint=keyed.fingerprint)
    IdempotencyRecord.objects.bulk_create([record], ignore_conflicts=True)
    claim = lease_claim(of_key.filter(fingerprint=keyed.fingerprint, status=None).order_by("pk"), limit=1)
    return claim if claim.ids else None


def _answer_kept(keyed: KeyedRequest, resume: Callable[[UUID], HttpResponseBase] | None) -> HttpResponseBase:
    """The answer that the first request under the key was given, or the rest of it.

    Raises:
        IdempotencyMismatchError: that was another request.
        IdempotencyConflictError: it is not answered yet.
    """
    record = IdempotencyRecord.objects.filter(tenant_id=keyed.tenant_id, key=keyed.key).first()
    if record is not None and record.fingerprint != keyed.fingerprint:
        raise IdempotencyMismatchError(f"The Idempotency-Key {keyed.key!r} was used for another request.")
    if record is None or record.status is None:
        raise IdempotencyConflictError(
            f"The first request under Idempotency-Key {keyed.key!r} is still running.", retry_after=RETRY_SECONDS
        )
    response: HttpResponseBase
    if record.content_type == STREAM and resume is not None:
        response = resume(UUID(bytes(record.body).decode()))
    else:
        response = HttpResponse(bytes(record.body), status=record.status, content_type=record.content_type)
    response[REPLAYED] = "true"
    return response


def _keep(claim: Claim, response: HttpResponseBase) -> bool:
    """Keep the answer, if the record is still held."""
    body = str(response.tells_of).encode() if isinstance(response, ToldStream) else cast(HttpResponse, response).content
    held = IdempotencyRecord.objects.filter(pk__in=claim.ids, lease_owner=claim.owner)
    kept = held.update(
        status=response.status_code, content_type=response["Content-Type"], body=body,
        lease_owner="", lease_until=None,
    )  # fmt: skip
    return bool(kept)


def _stands(response: HttpResponseBase) -> bool:
    """Whether a later try would be answered alike: not by a server in trouble, nor where the answer says to come back."""
    return response.status_code < 500 and "Retry-After" not in response


def _expired() -> QuerySet[IdempotencyRecord]:
    """Records past their lifetime that no request holds."""
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    return IdempotencyRecord.objects.filter(free, created_at__lt=Now() - LIFETIME)


def _keyed(request: Request | HttpRequest, principal: Principal, fields: Callable[[], Any]) -> KeyedRequest:
    """Raises IdempotencyKeyError: the header's value cannot be a key."""
    key = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyError(f"The Idempotency-Key {key[:80]!r} cannot be used.")
    fingerprint = _fingerprint(request, principal, fields)
    return KeyedRequest(tenant_id=principal.tenant_id, key=key, fingerprint=fingerprint)


def _fingerprint(request: Request | HttpRequest, principal: Principal, fields: Callable[[], Any]) -> str:
    """Who asks counts: an answer is not for another caller's eyes. Files count by their names and bytes; how the client cut
    the body into parts does not count.
    """
    try:
        who = str(principal.api_key_id)
        told = json.dumps([who, request.method, request.get_full_path(), fields()], sort_keys=True)
    except RecursionError as error:
        raise ParseError("JSON parse error - nested too deeply") from error
    return hashlib.sha256(told.encode()).hexdigest()


def _fields(data: Any) -> Any:
    if isinstance(data, MultiValueDict):
        return {name: [_value(value) for value in values] for name, values in data.lists()}
    return data


def _value(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    digest = hashlib.sha256()
    for part in value.chunks():
        digest.update(part)
    return [value.name, value.size, digest.hexdigest()]


def _plain(response: HttpResponseBase) -> HttpResponse:
    """The response with its body rendered, so that what is sent is what is kept."""
    if isinstance(response, HttpResponse) and not isinstance(response, Response):
        return response
    if not isinstance(response, Response):
        raise TypeError(f"{type(response).__name__} has no body that could be kept")
    body = b"" if response.data is None else JSONRenderer().render(response.data)
    return HttpResponse(body, status=response.status_code, content_type=JSONRenderer.media_type)
