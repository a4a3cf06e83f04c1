"""What is told to other systems stands on one page, with what can't be sent, why, and what mends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.monitoring.operations.undelivered import CAUSES, OTHERWISE, cause_of
from ragsite.core.models import OutboxEvent
from ragsite.core.transport import NO_KAFKA
from ragsite.gateway.models import Role
from tests import factories as make

pytestmark = pytest.mark.django_db
PAGE = "/admin/events/"
TOO_LARGE = "Broker: Message size too large"


def types(client: Client, query: str = "") -> list[str]:
    return [one.event.type for one in client.get(PAGE + query).context["told"]]


def failing(error: str = TOO_LARGE) -> OutboxEvent:
    """The newest event, which the broker refused and the relay tries again in an hour."""
    event = OutboxEvent.objects.order_by("-id")[0]
    OutboxEvent.objects.filter(pk=event.pk).update(error=error, attempts=12, not_before=Now() + timedelta(hours=1))
    return event


def test_an_event_is_told_with_what_it_means_and_its_payload(admin_client: Client) -> None:
    base = make.knowledge_base()
    make.upload(base, filename="tides.md")
    text = admin_client.get(PAGE).content.decode()
    assert "A document was accepted; it is not searchable yet." in text
    assert "&quot;title&quot;: &quot;tides.md&quot;" in text
    assert types(admin_client, f"?knowledge_base={base.pk}") == ["document.created"]
    assert types(admin_client, f"?knowledge_base={make.knowledge_base().pk}") == []
    assert types(admin_client, "?type=document.deleted&state=nonsense&before=x") == []
    assert types(admin_client, "?state=sent") == []
    schema = admin_client.get("/admin/events/schemas/document.created/").json()
    assert "version_id" in schema["properties"]
    assert admin_client.get("/admin/events/schemas/no.such/").status_code == 404


def test_without_kafka_the_page_says_that_events_go_nowhere_and_how_to_turn_it_on(
    admin_client: Client, settings: Any
) -> None:
    make.upload(make.knowledge_base())
    assert "Events go nowhere" not in admin_client.get(PAGE).content.decode()
    OutboxEvent.objects.update(created_at=Now() - timedelta(hours=2))
    settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS = NO_KAFKA
    told = admin_client.get(PAGE).content.decode()
    assert "Events go nowhere" in told
    assert "set KAFKA_BOOTSTRAP_SERVERS to the address of a Kafka broker" in told
    assert "have waited for" not in admin_client.get("/admin/").content.decode()


def test_what_the_broker_refuses_says_why_and_is_tried_again_at_once(admin_client: Client) -> None:
    make.upload(make.knowledge_base())
    event = failing()
    page = admin_client.get(PAGE)
    assert "An event is larger than the broker takes" in page.content.decode()
    assert types(admin_client, "?state=failing") == ["document.created"]
    told = admin_client.post(PAGE, {"error": TOO_LARGE}, follow=True).content.decode()
    assert "1 event is tried again now." in told
    event.refresh_from_db()
    assert event.not_before <= event.created_at + timedelta(minutes=1)


def test_what_was_given_up_is_shown_by_its_cause_and_sent_again(admin_client: Client) -> None:
    make.upload(make.knowledge_base())
    event = failing()
    OutboxEvent.objects.filter(pk=event.pk).update(sent_at=Now())
    page = admin_client.get(PAGE).content.decode()
    assert "The event was given up after several tries" in page
    assert "An event is larger than the broker takes" in page
    assert types(admin_client, "?state=given-up") == ["document.created"]
    assert types(admin_client, "?state=sent") == types(admin_client, "?state=failing") == []
    admin_client.post(PAGE, {"error": TOO_LARGE, "given_up": "1"})
    event.refresh_from_db()
    assert (event.sent_at, event.attempts) == (None, 0)


def test_others_events_are_neither_shown_nor_sent_again(visitor: Callable[..., Client]) -> None:
    make.upload(make.knowledge_base())
    event = failing()
    outsider = visitor(make.tenant(), Role.READER, "view_outboxevent", "change_outboxevent")
    assert types(outsider) == []
    outsider.post(PAGE, {"error": TOO_LARGE})
    looks = visitor(make.tenant(), Role.READER, "view_outboxevent")
    assert looks.post(PAGE, {"error": TOO_LARGE}).status_code == 403
    assert visitor(make.tenant(), Role.OWNER).get(PAGE).status_code == 403
    before = event.not_before
    event.refresh_from_db()
    assert event.not_before > before


def test_without_events_it_says_what_would_be_told(admin_client: Client) -> None:
    OutboxEvent.objects.all().delete()
    assert "Nothing has happened yet." in admin_client.get(PAGE).content.decode()


def test_it_takes_as_many_queries_for_many_events_as_for_one(admin_client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(PAGE).status_code == 200
        return len(captured)

    base = make.knowledge_base()
    make.upload(base)
    admin_client.get(PAGE)
    one = queries()
    for _ in range(3):
        make.upload(base)
    failing()
    assert queries() == one


@pytest.mark.parametrize(
    ("error", "part"),
    [
        ("Local: Message timed out", "timed out"),
        ('KafkaError{code=MSG_SIZE_TOO_LARGE,val=10,str="Broker: Message size too large"}', "size too large"),
        ("Broker: Topic authorization failed", "authorization failed"),
    ],
)
def test_the_brokers_words_are_said_plainly(error: str, part: str) -> None:
    assert cause_of(error) is CAUSES[part]


def test_words_that_nobody_knows_are_said_to_be_the_brokers() -> None:
    causes: list[Any] = [*CAUSES.values(), cause_of("something new")]
    assert causes[-1] is OTHERWISE
    assert all(str(cause.advice).endswith(".") for cause in causes)
