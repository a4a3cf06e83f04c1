# Made from aio/streaming.py by `make client`: change that one.
"""A stream that goes on where its line broke."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from typing import Any

import httpx

from ragsite_client.calls import Attempts, Call, is_to_be_repeated
from ragsite_client.errors import ConnectionFailedError, ProblemError
from ragsite_client.events import AnswerCompleted, AnswerCreated, AnswerEvent, EventReader, SentEvent
from ragsite_client.line import Line, pause
from ragsite_client.types import Answer

EXPIRED = "events_expired"
RESUMES = 5
"""In a row, without any event in between: some eight seconds."""


def answer_events(
    line: Line, body: Mapping[str, Any], *, key: str, resumes: bool
) -> Generator[AnswerEvent, None, None]:
    """The events of one answer until it is complete. Where it `resumes`, the question is sent again, too, if nothing was heard of
    it: under its key it is asked once.

    Raises:
        ConnectionFailedError: the line broke, and could not be taken up again.
        ProblemError: the question was refused, or its answer failed.
    """
    asked = Call(method="POST", path="/ask", body=body, key=key)
    return _AnswerStream(line, asked, resumes=resumes).events()


class _AnswerStream:
    def __init__(self, line: Line, asked: Call, *, resumes: bool) -> None:
        self._line, self._asked, self._resumes = line, asked, resumes
        self._answer_id, self._seen = "", 0
        self._attempts = Attempts(RESUMES)

    def events(self) -> Generator[AnswerEvent, None, None]:
        while True:
            try:
                # Closed with the caller's own generator, so that the server learns at once that nobody reads on.
                with closing(self._once()) as events:
                    for event in events:
                        yield event
                        if isinstance(event, AnswerCompleted):
                            return
                broken: Exception | None = None
            except httpx.TransportError as error:
                broken = error
            except ProblemError as error:
                if not (self._answer_id and is_to_be_repeated(error)):
                    raise
                broken = error
            if not (self._resumes and pause(self._attempts)):
                raise ConnectionFailedError("The stream broke off before the answer was complete.") from broken

    def _once(self) -> Generator[AnswerEvent, None, None]:
        """What one connection brings; on the first one the question is asked."""
        reader = EventReader()
        try:
            with self._opened() as lines:
                for line in lines:
                    sent = reader.event_of(line)
                    yield from self._taken(sent) if sent else ()
        except ProblemError as error:
            if error.code != EXPIRED or not self._answer_id:
                raise
            answer = self._line.get(f"/answers/{self._answer_id}")
            yield AnswerCompleted(answer.made(Answer))

    def _opened(self) -> AbstractContextManager[Iterator[str]]:
        if not self._answer_id:
            return self._line.stream(self._asked)
        events = f"/answers/{self._answer_id}/events"
        return self._line.stream(Call(method="GET", path=events, after_event=self._seen))

    def _taken(self, sent: SentEvent) -> Iterator[AnswerEvent]:
        if sent.number <= self._seen:
            # It is the reader at the server that failed, and not the answer: the stream ends here, and is taken up again.
            return
        self._seen = sent.number
        self._attempts.reset()
        if sent.failure is not None:
            raise sent.failure
        event = sent.typed()
        if isinstance(event, AnswerCreated):
            self._answer_id = event.id
        if event is not None:
            yield event
