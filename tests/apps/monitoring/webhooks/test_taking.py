"""Which events become deliveries to whom, and what of them is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db import transaction

from apps.documents.events import DocumentCreated, DocumentDeleted
from apps.monitoring.models import Webhook, WebhookDelivery
from apps.monitoring.webhooks.erasing import WEBHOOKS
from apps.monitoring.webhooks.services import webhook_update
from apps.monitoring.webhooks.taking import WebhookTaker
from apps.monitoring.webhooks.told import SUBSCRIBABLE
from apps.retrieval.erasing.steps import Subject
from ragsite.core.consuming.messages import Envelope, Received
from ragsite.core.errors import PermanentError
from ragsite.core.events import Event
from ragsite.core.ids import new_id
from tests import factories as make
from tests.acting import ACTOR

NUMBERS_AND_STATES = {
    "stage", "error_code", "changed", "rating", "subject", "found", "passages", "citations", "chunks", "version_number",
    "is_rollback", "has_comment",
}  # fmt: skip


def received(event: Event, *, at: datetime | None = None, **payload: Any) -> Received:
    data = msgspec.Raw(msgspec.json.encode({**event.payload(), **payload}))
    return Received(Envelope(event.name, new_id(), at or datetime.now(UTC), data, event.tenant_id), b"")


def created(webhook: Webhook, **changes: Any) -> DocumentCreated:
    about = {
        "tenant_id": webhook.tenant_id,
        "knowledge_base_id": new_id(),
        "document_id": new_id(),
        "version_id": new_id(),
    }
    return DocumentCreated(**(about | changes), title="Salaries of the board", content_hash="5d0f")


def test_no_event_tells_webhooks_a_text() -> None:
    told = {field for one in SUBSCRIBABLE.values() for field in one.fields}
    assert {field for field in told if not field.endswith("_id")} == NUMBERS_AND_STATES
    for one in SUBSCRIBABLE.values():
        assert set(one.fields) <= {*one.event.__dataclass_fields__}


@pytest.mark.django_db
def test_an_event_is_noted_once_for_each_webhook_of_its_tenant_that_asks_for_it(webhook: Webhook) -> None:
    event = created(webhook)
    one, foreign = received(event), received(created(webhook, tenant_id=make.tenant().pk))
    early = received(created(webhook), at=datetime.now(UTC) - timedelta(days=1))
    WebhookTaker().take([one, foreign, early])
    WebhookTaker().take([one])
    row = WebhookDelivery.objects.get()
    assert (row.event_id, row.type, row.state) == (one.event_id, "document.created", "waiting")
    told = json.loads(row.body)
    assert told["data"] == {
        "tenant_id": str(webhook.tenant_id), "knowledge_base_id": str(event.knowledge_base_id),
        "document_id": str(event.document_id), "version_id": str(event.version_id),
    }  # fmt: skip
    assert "Salaries" not in row.body


@pytest.mark.django_db
def test_an_event_that_is_not_as_it_must_be_is_refused_and_none_of_its_batch_noted(webhook: Webhook) -> None:
    with pytest.raises(PermanentError):
        WebhookTaker().take([received(created(webhook)), received(created(webhook), document_id=7)])
    assert not WebhookDelivery.objects.exists()


@pytest.mark.django_db
def test_one_that_is_paused_keeps_what_happens_and_one_that_is_off_does_not(webhook: Webhook) -> None:
    Webhook.objects.update(state="paused", paused_at=datetime.now(UTC))
    WebhookTaker().take([received(created(webhook))])
    assert WebhookDelivery.objects.get().state == "held"
    webhook_update(webhook=webhook, active=False, actor=ACTOR)
    WebhookTaker().take([received(created(webhook))])
    assert WebhookDelivery.objects.count() == 1


@pytest.mark.django_db
def test_erasing_a_tenant_erases_its_webhooks_and_what_they_were_told(webhook: Webhook) -> None:
    about = {"knowledge_base_id": new_id(), "document_id": new_id()}
    WebhookTaker().take([received(DocumentDeleted(tenant_id=webhook.tenant_id, **about))])
    for tenant_id, number in ((make.tenant().pk, 0), (webhook.tenant_id, 1)):
        subject = Subject("tenant", str(tenant_id), tenant_id, ACTOR)
        assert [step.found(subject) for step in WEBHOOKS] == [number, number]
        for step in WEBHOOKS:
            with transaction.atomic():
                assert step.erase(subject) == number
    assert not Webhook.objects.exists()
