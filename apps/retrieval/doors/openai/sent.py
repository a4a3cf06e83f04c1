"""Parts of a stream as clients of OpenAI's API read them, made from the events of a run."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.http import StreamingHttpResponse
from ninja import Schema
from ninja.responses import NinjaJSONEncoder

from apps.retrieval.doors.answer_shapes import AnswerOut
from apps.retrieval.doors.streaming import EventStream, events_again, stream_response
from apps.retrieval.streaming.events import EventName, StreamEvent
from apps.retrieval.streaming.pool import RUNS
from apps.retrieval.streaming.run import Run
from ragsite.core.configuration import StreamSettings
from ragsite.core.errors import ConflictError
from ragsite.gateway.keys import Principal
from ragsite.gateway.openai_errors import error_of
from ragsite.gateway.problems import problem

WITHDRAWN = ConflictError("What was written so far is withdrawn.", action="Ask again, or without `stream`.")
"""These streams have no word for that, and what follows would be taken for more of the same text."""

_ONE_LINE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "\u0085\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Part:
    """JSON on one line, with the name of the event where there is one."""

    data: str
    event: str = ""

    @classmethod
    def of(cls, value: Any, *, event: str = "") -> Part:
        """A value as the other doors write it."""
        told = value.model_dump() if isinstance(value, Schema) else value
        return cls(json.dumps(told, cls=NinjaJSONEncoder), event)

    def sent(self) -> str:
        """As it goes over the line."""
        name = f"event: {self.event}\n" if self.event else ""
        return f"{name}data: {self.data.translate(_ONE_LINE)}\n\n"


class Shape(Protocol):
    """How the events of a run are told: what each becomes, in order."""

    def begun(self, answer_id: str) -> Iterator[Part]: ...

    def said(self, text: str) -> Iterator[Part]: ...

    def completed(self, answer: AnswerOut) -> Iterator[Part]: ...

    def failed(self, error: dict[str, Any]) -> Iterator[Part]: ...


def shaped_response(run: Run, shape: Shape) -> StreamingHttpResponse:
    """The run in that shape. If the client leaves, it is cancelled."""
    events = run.follow(patience=StreamSettings.current().heartbeat_seconds)
    stream = EventStream(parts_of(events, shape), left=lambda: RUNS.cancel(run))
    return stream_response(stream, answer_id=run.answer_id)


def shaped_again(answer_id: UUID, shape: Shape, *, principal: Principal) -> StreamingHttpResponse:
    """The stream of an answer from its beginning; errors as `events_again`."""
    events = events_again(answer_id, principal=principal)
    return stream_response(EventStream(parts_of(events, shape)), answer_id=answer_id)


async def parts_of(told: AsyncGenerator[StreamEvent | None, None], shape: Shape) -> AsyncGenerator[Part | None, None]:
    """The parts of the stream; None where there was nothing for a while. It ends with the answer or an error."""
    said = ""
    async with aclosing(told) as events:
        async for event in events:
            if event is None:
                yield None
                continue
            if event.name is EventName.DELTA:
                said += json.loads(event.data)["text"]
            for part in _told(event, shape, said):
                yield part
            if event.name is EventName.WITHDRAWN:
                return


def _told(event: StreamEvent, shape: Shape, said: str) -> Iterator[Part]:
    data = json.loads(event.data)
    told: dict[EventName, Callable[[], Iterator[Part]]] = {
        EventName.CREATED: lambda: shape.begun(data["id"]),
        EventName.DELTA: lambda: shape.said(data["text"]),
        EventName.WITHDRAWN: lambda: shape.failed(error_of(problem(WITHDRAWN))),
        EventName.COMPLETED: lambda: _completed(AnswerOut.model_validate(data), shape, said),
        EventName.FAILED: lambda: shape.failed(error_of(data)),
    }
    return told.get(event.name, lambda: iter(()))()


def _completed(answer: AnswerOut, shape: Shape, said: str) -> Iterator[Part]:
    """Where nothing was found, nothing was said before."""
    if not said:
        yield from shape.said(answer.answer)
    yield from shape.completed(answer)
