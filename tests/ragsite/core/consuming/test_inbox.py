from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from django.db import transaction
from django.db.models import F

from apps.documents.events import DocumentDeleted
from ragsite.core.consuming.inbox import OncePerEvent, inbox_purge, inbox_take
from ragsite.core.consuming.messages import Envelope, Received
from ragsite.core.ids import new_id
from ragsite.core.models import InboxEvent, Walk
from tests import turns

pytestmark = pytest.mark.django_db


def received(event_id: UUID) -> Received:
    event = DocumentDeleted(tenant_id=new_id(), knowledge_base_id=new_id(), document_id=new_id())
    data = msgspec.Raw(msgspec.json.encode(event.payload()))
    return Received(Envelope(event.name, event_id, datetime.now(UTC), data, event.tenant_id), b"")


def noting(fails_at: UUID | None = None) -> OncePerEvent:
    """Its effect is a row of each event."""

    def effect(one: Received) -> None:
        Walk.objects.create(name=str(one.event_id))
        if one.event_id == fails_at:
            raise ValueError

    return OncePerEvent("noting", frozenset({"ragsite.document"}), frozenset({"document.deleted"}), effect)


def test_an_event_has_its_effect_once_however_often_it_comes() -> None:
    first, second = new_id(), new_id()
    noting().take([received(first), received(first)])
    noting().take([received(second), received(first)])
    assert {*Walk.objects.values_list("name", flat=True)} == {str(first), str(second)}


def test_an_effect_that_fails_leaves_no_note_that_it_was_seen() -> None:
    first, poison = new_id(), new_id()
    with pytest.raises(ValueError), transaction.atomic():
        noting(fails_at=poison).take([received(first), received(poison)])
    assert not Walk.objects.exists()
    assert not InboxEvent.objects.exists()


def test_consumers_know_nothing_of_each_other_and_what_is_old_is_forgotten() -> None:
    seen = new_id()
    assert inbox_take("one", {seen}) == inbox_take("other", {seen}) == {seen}
    assert inbox_take("one", {seen}) == set()
    InboxEvent.objects.filter(consumer="other").update(seen_at=F("seen_at") - timedelta(days=31))
    assert inbox_purge(turns.long()) is False
    assert [one.consumer for one in InboxEvent.objects.all()] == ["one"]
