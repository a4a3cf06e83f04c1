"""Streams of events over HTTP: of a run, resumed at any web process, and cancelled."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from django.http import StreamingHttpResponse
from redis.exceptions import RedisError

from apps.documents.rights.access import versions_visible
from apps.retrieval.answers.services import answer_visible
from apps.retrieval.doors.asking import asker_of
from apps.retrieval.streaming.events import HEARTBEAT, EventName, StreamEvent
from apps.retrieval.streaming.failures import FOLLOWING_FAILED
from apps.retrieval.streaming.log import About, about_of, cancel_ask, log_follow
from apps.retrieval.streaming.pool import RUNS
from apps.retrieval.streaming.run import Run
from ragsite.core.configuration import StreamSettings
from ragsite.core.errors import NotFoundError, PermanentError, TransientError
from ragsite.gateway.idempotency import STREAM, ToldStream
from ragsite.gateway.keys import Principal
from ragsite.gateway.problem_schemas import own_codes

CONTENT_TYPE = STREAM


class Sendable(Protocol):
    """Something that goes over the line."""

    def sent(self) -> str: ...


Events: TypeAlias = AsyncGenerator[Sendable | None, None]
"""None where there was nothing for a while."""

_EVENT = {
    "type": "object",
    "description": "One of the server-sent events; `docs/api.md` has the data of each.",
    "properties": {
        "event": {"type": "string", "enum": [one.value for one in EventName]},
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "For `Last-Event-ID`."},
        "data": {"type": "string", "description": "JSON."},
    },
    "required": ["event", "id", "data"],
}
AS_EVENTS: dict[str, Any] = {"responses": {200: {"content": {CONTENT_TYPE: {"schema": _EVENT}}}}}
"""What an operation says in OpenAPI that can answer with events."""

RESUMING = own_codes("not_found", "events_expired", "broker_unavailable") | AS_EVENTS
CANCELLING = own_codes("not_found", "broker_unavailable")


class EventsExpiredError(PermanentError):
    """The answer is there, and its events are not, or tell of documents that the caller may no longer read."""

    code = "events_expired"
    status = 410


class EventStream:
    """Events as an HTTP response has them; `close` is called once the client has all of them, or has left."""

    def __init__(self, events: Events, *, left: Callable[[], object] = lambda: None) -> None:
        self._events, self._left = events, left

    def __aiter__(self) -> AsyncIterator[str]:
        return self._sent()

    def close(self) -> None:
        self._left()

    async def _sent(self) -> AsyncGenerator[str, None]:
        silent, said_at = StreamSettings.current().heartbeat_seconds, time.monotonic()
        async with aclosing(self._events) as events:
            async for event in events:
                if event is None and time.monotonic() - said_at < silent:
                    continue
                said_at = time.monotonic()
                yield HEARTBEAT if event is None else event.sent()


def events_response(run: Run, *, background: bool) -> StreamingHttpResponse:
    """The run's events for whoever asked; if the client leaves, the run is cancelled, unless it is to go on."""
    events = run.follow(patience=StreamSettings.current().heartbeat_seconds)
    left = lambda: None if background else RUNS.cancel(run)  # noqa: E731
    return stream_response(EventStream(events, left=left), answer_id=run.answer_id)


def events_resume(answer_id: UUID, *, principal: Principal, after: int) -> StreamingHttpResponse:
    """The events after that number as a response; errors as `events_again`."""
    return stream_response(EventStream(events_again(answer_id, principal=principal, after=after)), answer_id=answer_id)


def events_again(answer_id: UUID, *, principal: Principal, after: int = 0) -> AsyncGenerator[StreamEvent | None, None]:
    """The events after that number, of a run of any web process, for who asked and may still read what they tell of.

    Raises:
        EventsExpiredError: they are gone, and the answer can be looked up.
        NotFoundError: there is nothing of that id for the caller.
        TransientError: Redis does not answer.
    """
    about = _about(answer_id)
    if about is None or about.asker != asker_of(principal) or not _readable(about, principal):
        answer_visible(answer_id, principal)
        raise EventsExpiredError(
            f"The events of the answer {answer_id} are not there any more.",
            action=f"GET /api/v1/answers/{answer_id}.",
        )
    return log_follow(answer_id, after)


def answer_stop(answer_id: UUID, *, principal: Principal) -> None:
    """Cancel a run of this or another web process.

    Raises:
        NotFoundError: there is none of that id for the caller.
        TransientError: Redis does not answer.
    """
    run, asker = RUNS.run_of(answer_id), asker_of(principal)
    if run is not None and run.asker == asker:
        RUNS.cancel(run)
        return
    about = _about(answer_id)
    if about is None or about.asker != asker:
        raise NotFoundError(f"There is no stream of an answer {answer_id}.")
    cancel_ask(answer_id)


def _about(answer_id: UUID) -> About | None:
    try:
        return about_of(answer_id)
    except RedisError as error:
        raise TransientError(
            FOLLOWING_FAILED.message, code=FOLLOWING_FAILED.error_code, action=FOLLOWING_FAILED.error_action
        ) from error


def _readable(about: About, principal: Principal) -> bool:
    readable = versions_visible(principal).filter(pk__in=about.version_ids).count() if about.version_ids else 0
    return readable == len(about.version_ids)


def stream_response(stream: EventStream, *, answer_id: UUID) -> ToldStream:
    """Of the making of that answer. Not kept, and not collected by a proxy before it is passed on."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return ToldStream(stream, content_type=CONTENT_TYPE, headers=headers, tells_of=answer_id)
