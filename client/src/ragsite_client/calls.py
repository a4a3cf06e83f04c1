"""Requests and replies, before and after they go over the line."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

import httpx

from ragsite_client.errors import ProblemError, RagsiteError, UnexpectedReplyError, problem_error
from ragsite_client.reading import made
from ragsite_client.types import Problem

ADDRESS = "/api/v1"
REQUEST_ID = "X-Request-ID"
LONGEST_WAIT_SECONDS = 30.0
FIRST_WAIT_SECONDS = 0.25
CHANGED_NOTHING = frozenset({429, 503})
"""Of these replies with a `Retry-After` the server says: send it again."""

NEVER_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Of a request that failed like this the server knows nothing, so that any may be sent again."""

STILL_RUNNING = "idempotency_conflict"
HEARTBEATS_SECONDS = 45.0
"""A stream says something each 15 s; one that is silent for so long is broken."""

Verify: TypeAlias = bool | str | Path | ssl.SSLContext
"""How the server's certificate is checked: by the authorities that httpx knows, by those of a file in PEM, or as the context
says; with False not at all.
"""
Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, however often it is sent. `files` gives those of its form anew each time. Under `key`, its idempotency key, it
    takes effect once; one that `changes_nothing` needs none.
    """

    method: str
    path: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    fields: Mapping[str, str] | None = None
    files: Callable[[], Any] | None = None
    key: str = ""
    if_match: str = ""
    after_event: int | None = None
    changes_nothing: bool = False

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent again though the first one may have arrived."""
        return self.changes_nothing or bool(self.key) or self.method == "GET"

    @property
    def headers(self) -> dict[str, str]:
        """Its own, without those that say who calls."""
        told = {"Idempotency-Key": self.key, "If-Match": self.if_match}
        told |= {} if self.after_event is None else {"Last-Event-ID": str(self.after_event)}
        return {name: value for name, value in told.items() if value}

    def sent_by(self, http: httpx.Client | httpx.AsyncClient, request_id: str, **more: Any) -> httpx.Request:
        """As it goes over the line."""
        return http.build_request(
            self.method,
            self.path,
            params=self.parameters or None,
            json=self.body,
            data=self.fields,
            files=self.files() if self.files else None,
            headers=self.headers | {REQUEST_ID: request_id},
            **more,
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A success: its JSON, None if it has none, and its `ETag`."""

    body: Any
    etag: str = ""

    def made(self, kind: type[Kind]) -> Kind:
        """The body as an object of that dataclass, with the ETag where it has a place for one."""
        return made(kind, {**self.body, "etag": self.etag} if isinstance(self.body, Mapping) else self.body)


def key_or_new(given: str) -> str:
    """An idempotency key, or a new one."""
    return given or str(uuid4())


def certificates(verify: Verify) -> bool | ssl.SSLContext:
    """As httpx takes it."""
    return ssl.create_default_context(cafile=str(verify)) if isinstance(verify, str | Path) else verify


class Attempts:
    """How often something is tried again, with a longer wait each time."""

    def __init__(self, most: int) -> None:
        self._most, self._made = most, 0

    def wait(self, told: float | None = None) -> float | None:
        """The seconds to wait before the next one, by default more each time; None if there is none."""
        wait = FIRST_WAIT_SECONDS * 2**self._made if told is None else told
        if self._made >= self._most or wait > LONGEST_WAIT_SECONDS:
            return None
        self._made += 1
        return wait

    def reset(self) -> None:
        """It went on: what follows is counted anew."""
        self._made = 0


def is_to_be_repeated(error: ProblemError) -> bool:
    """Whether the server did nothing, and asks to send the request again later."""
    return error.retry_after is not None and (error.status in CHANGED_NOTHING or error.code == STILL_RUNNING)


def refusal(reply: httpx.Response) -> RagsiteError:
    """The error of a reply, read to its end, that is no success."""
    if reply.has_redirect_location:
        address = reply.headers["Location"]
        told = f"{reply.request.url} leads to {address}. Give the client the address it leads to."
        return UnexpectedReplyError(told, request_id=_request_id(reply))
    problem = _problem(reply)
    named = problem if problem.request_id else replace(problem, request_id=_request_id(reply))
    return problem_error(named, retry_after=_seconds(reply.headers.get("Retry-After", "")))


def success(reply: httpx.Response) -> Reply:
    """Raises UnexpectedReplyError: it has a body that is no JSON."""
    try:
        return Reply(reply.json() if reply.content else None, reply.headers.get("ETag", ""))
    except ValueError as error:
        told = f"{reply.request.url} answered no JSON."
        raise UnexpectedReplyError(told, request_id=_request_id(reply)) from error


def deprecation_warn(reply: httpx.Response) -> None:
    """Warn of an operation that will go, if the reply says so (RFC 9745)."""
    if "Deprecation" not in reply.headers:
        return
    until = reply.headers.get("Sunset")
    goes = f"goes on {until}" if until else "will go"
    told = f"{reply.request.method} {reply.request.url.path} {goes}; its server's /api/docs say what replaces it."
    warnings.warn(told, DeprecationWarning, stacklevel=2)


def _seconds(told: str) -> float | None:
    """A `Retry-After` in seconds from now; a proxy may say a date."""
    if told.isdecimal():
        return float(told)
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _problem(reply: httpx.Response) -> Problem:
    """As ragsite says it; of a proxy in between there is only the status."""
    try:
        return made(Problem, reply.json())
    except (ValueError, UnexpectedReplyError):
        return Problem(reply.status_code, f"http_{reply.status_code}", reply.text[:200], reply.reason_phrase)


def _request_id(reply: httpx.Response) -> str:
    """Of the server, or the one that was sent, where what answered knows none."""
    told: str = reply.headers.get(REQUEST_ID) or reply.request.headers.get(REQUEST_ID, "")
    return told
