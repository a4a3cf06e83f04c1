from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from apps.documents.events import DocumentDeleted
from ragsite.core.consuming.dead_letters import DeadLetter
from ragsite.core.consuming.messages import Place, Received, known, received_of, type_of
from ragsite.core.errors import PermanentError
from ragsite.core.events import EventPayloadError, UnknownEventError
from ragsite.core.ids import new_id

PLACE = Place("ragsite.document", 3, 17)


@dataclass(frozen=True)
class Given:
    """A message as the client of Kafka gives it."""

    body: bytes | None
    beside: list[tuple[str, bytes]] = field(default_factory=list)

    def topic(self) -> str:
        return PLACE.topic

    def partition(self) -> int:
        return PLACE.partition

    def offset(self) -> int:
        return PLACE.offset

    def key(self) -> bytes:
        return b"key"

    def value(self) -> bytes | None:
        return self.body

    def headers(self) -> Any:
        return self.beside or None

    def error(self) -> None:
        return None


def envelope(**changed: Any) -> dict[str, Any]:
    document = str(new_id())
    whole = {
        "id": str(new_id()), "type": "document.deleted", "time": "2026-11-27T12:00:00+00:00", "tenant": str(new_id()),
        "sequence": "00000000000000000042", "data": {"knowledge_base_id": document, "document_id": document},
    }  # fmt: skip
    return {name: value for name, value in (whole | changed).items() if value is not None}


def received(sent: dict[str, Any]) -> Received:
    return received_of(Given(json.dumps(sent).encode()))


def test_a_message_is_read_as_the_event_and_what_its_envelope_says() -> None:
    sent = envelope()
    came = received(sent)
    assert (came.event_id, came.sequence, came.body) == (UUID(sent["id"]), 42, json.dumps(sent).encode())
    assert isinstance(came.event, DocumentDeleted)
    assert came.event.tenant_id == UUID(sent["tenant"])


def test_fields_of_a_newer_writer_are_left_out_and_an_older_one_may_lack_attributes() -> None:
    sent = envelope(sequence=None)
    sent["data"]["since_then"] = {"new": True}
    assert received(sent).sequence == 0
    assert isinstance(received(sent).event, DocumentDeleted)


@pytest.mark.parametrize("body", [None, b"", b"nonsense", b"[]", b'{"id": 1}', b"[" * 100_000, b"\xff\xfe"])
def test_what_is_no_event_is_refused_in_words(body: bytes | None) -> None:
    with pytest.raises(EventPayloadError, match="The message is no"):
        received_of(Given(body))


@pytest.mark.parametrize(
    "changed", [
        {"id": "x"}, {"time": None}, {"time": "2026-11-27T12:00:00"}, {"tenant": "nobody"}, {"data": [1]}, {"data": None},
        {"sequence": "x"}, {"data": {"document_id": 7}}, {"data": {}},
    ],
)  # fmt: skip
def test_an_envelope_or_payload_that_is_not_as_it_must_be_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(EventPayloadError):
        _ = received(envelope(**changed)).event


def test_a_newer_version_of_a_known_event_is_unknown_and_says_so() -> None:
    assert type_of("document.deleted.v9") == "document.deleted"
    with pytest.raises(UnknownEventError, match="of version 9"):
        known("document.deleted.v9")


def test_a_dead_letter_says_where_it_stood_and_why_beside_its_own_headers() -> None:
    error = PermanentError("It does not fit.", code="invalid_event", action="Mend it.")
    letter = DeadLetter(Given(b"{}", [("content-type", b"application/cloudevents+json")]), error)
    assert letter.headers("analytics") == {
        "content-type": b"application/cloudevents+json", "consumer": b"analytics", "topic": b"ragsite.document",
        "partition": b"3", "offset": b"17", "code": b"invalid_event", "reason": b"It does not fit. Mend it.",
    }  # fmt: skip
