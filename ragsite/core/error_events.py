"""What goes wrong unforeseen, published to the outside: where, and in which request, but never a word of what was at hand."""

from __future__ import annotations

from uuid import NAMESPACE_URL, UUID, uuid5

from ragsite.core.actors import Actor
from ragsite.core.events import InstallationEvent, event
from ragsite.core.request_ids import request_id
from ragsite.core.samples import sample_tell

LONGEST = 200


@event("error.occurred", key="error_id", is_act=False)
class ErrorOccurred(InstallationEvent):
    """A request ended with an error that nobody foresaw, or a job did or was given up. A sample: it may be lost."""

    error_id: UUID
    """The same for each time that this goes wrong at this place."""
    code: str
    place: str
    """The address of the request, with the names of its values, or the job's rows in words."""
    kind: str
    """The kind of the exception; empty where there is none."""
    request_id: str
    """The request's, as its answer and the log have it; empty outside of one."""


def error_tell(code: str, *, place: str, kind: str = "") -> None:
    """Tell of an error that nobody foresaw. Nobody waits for that: this stands where something went wrong already."""
    place = place[:LONGEST]
    error_id = uuid5(NAMESPACE_URL, f"urn:ragsite:error:{code}:{place}:{kind}")
    told = ErrorOccurred(error_id=error_id, code=code, place=place, kind=kind, request_id=request_id())
    sample_tell(told, actor=Actor.of_job("errors"))
