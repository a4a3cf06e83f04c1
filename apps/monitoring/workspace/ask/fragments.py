"""An answer that is streamed, as the page takes it: the events of its run as pieces of the page.

The page's script puts texts in as texts. What has markup is rendered here, once for those who read along and for those whose
browser can't, with all that documents say escaped by the templates.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from apps.monitoring.workspace.ask.shown import (
    Numbers,
    ShownTurn,
    Viewer,
    degraded_said,
    indexing_said,
    passage_anchor,
    passage_of,
    passages_shown,
    turn_key,
    turn_shown,
)
from apps.retrieval.doors.answer_shapes import AnswerOut
from apps.retrieval.doors.stream_shapes import AnnotationOut, CreatedOut, DeltaOut, RetrievedOut
from apps.retrieval.streaming.events import EventName, StreamEvent
from ragsite.gateway.threads import on_thread


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of an answer by its number, from 1."""

    number: int
    name: str
    data: Mapping[str, Any]

    def sent(self) -> str:
        """As it goes over the line; JSON in ASCII has no end of a line in it."""
        return f"event: {self.name}\nid: {self.number}\ndata: {json.dumps(self.data)}\n\n"


async def fragments(
    events: AsyncGenerator[StreamEvent | None, None], viewer: Viewer, *, after: int = 0
) -> AsyncGenerator[Fragment | None, None]:
    """The events of a run, from its first, as fragments; those up to `after` are read and not given."""
    teller = Teller(viewer)
    async with aclosing(events) as told:
        async for event in told:
            if event is None:
                yield None
                continue
            fragment = await on_thread(teller.fragment, event)
            if event.number > after:
                yield fragment


class Teller:
    """Keeps what is known of an answer so far, to tell what comes next."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._key = self._question = ""
        self._numbers = Numbers("", viewer)
        self._retrieved: RetrievedOut | None = None

    def fragment(self, event: StreamEvent) -> Fragment:
        """The event as the page takes it."""
        with translation.override(self._viewer.language):
            name, data = self._told(event)
        return Fragment(event.number, name, data)

    def _told(self, event: StreamEvent) -> tuple[str, dict[str, Any]]:
        match event.name:
            case EventName.CREATED:
                self._created(CreatedOut.model_validate_json(event.data))
                return "created", {}
            case EventName.RETRIEVED:
                return "passages", self._found(RetrievedOut.model_validate_json(event.data))
            case EventName.DELTA:
                return "delta", DeltaOut.model_validate_json(event.data).model_dump()
            case EventName.CITED:
                return "cited", self._cited(AnnotationOut.model_validate_json(event.data))
            case EventName.WITHDRAWN:
                self._numbers = Numbers(self._key, self._viewer)
                return "withdrawn", {}
            case EventName.COMPLETED:
                out = AnswerOut.model_validate_json(event.data)
                return "done", {"html": turn_html(turn_shown(out, self._retrieved, self._viewer), self._viewer)}
            case EventName.FAILED:
                return "failed", {"html": failed_html(json.loads(event.data)["detail"], again=True)}

    def _created(self, created: CreatedOut) -> None:
        self._question, self._key = created.question, turn_key(created.id, self._viewer)
        self._numbers = Numbers(self._key, self._viewer)

    def _found(self, retrieved: RetrievedOut) -> dict[str, Any]:
        self._retrieved = retrieved
        passages = passages_shown(retrieved.passages, self._viewer, key=self._key, question=self._question)
        return {"html": render_to_string("ragsite/workspace/ask_passages.html", {"passages": passages})}

    def _cited(self, one: AnnotationOut) -> dict[str, Any]:
        source, found = self._numbers.source(one, one.quote), self._retrieved
        number = passage_of(one, found.passages if found else ())
        href = f"#{passage_anchor(self._key, number)}" if number else ""
        return {"claim": one.claim, "number": source.number, "title": f"{source.name}, {source.where}", "href": href}


def turn_html(turn: ShownTurn, viewer: Viewer, *, rating: str | None = None, folded: bool = False) -> str:
    """The finished answer with what who asked said of it; its passages may be `folded` away."""
    out = turn.out
    context = {
        "turn": turn, "viewer": viewer, "degraded": degraded_said(out.degraded), "indexing": indexing_said(out.indexing),
        "rating": rating, "folded": folded,
    }  # fmt: skip
    return render_to_string("ragsite/workspace/ask_turn.html", context)


def failed_html(sentence: str, *, again: bool) -> str:
    """Why there is no answer; with `again` the question can be asked once more."""
    return render_to_string("ragsite/workspace/ask_failed.html", {"sentence": sentence, "again": again})
