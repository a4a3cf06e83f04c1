"""What webhooks are sent, and what becomes of it where their receivers do not answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from apps.monitoring.models import Webhook, WebhookDelivery
from apps.monitoring.webhooks import delivering, posting
from apps.monitoring.webhooks.delivering import PAUSES, pause, webhook_deliveries_purge
from apps.monitoring.webhooks.posting import Letter, WebhookUrlError, address_check, letter_send
from apps.monitoring.webhooks.services import (
    deliveries_send_again,
    webhook_create,
    webhook_secret,
    webhook_try,
    webhook_update,
)
from apps.monitoring.webhooks.signing import secret_new, signed
from ragsite.core.audit.models import AuditEntry
from ragsite.core.errors import ConflictError
from ragsite.core.ids import new_id
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.monitoring.webhooks.receiving import Receiver


def waiting(webhook: Webhook, **fields: Any) -> WebhookDelivery:
    return WebhookDelivery.objects.create(
        webhook=webhook, event_id=new_id(), type="document.deleted", body="{}", **fields
    )  # fmt: skip


def tried(row: WebhookDelivery) -> WebhookDelivery:
    assert make.work_once("webhook-deliver", row)
    row.refresh_from_db()
    return row


def test_a_signature_is_that_of_the_standard() -> None:
    """The example of its specification."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = signed(b'{"test": 2432232314}', message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=1614265330, secret=secret)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert len(base64.b64decode(secret_new().removeprefix("whsec_"))) == 32


def test_pauses_grow_from_seconds_to_hours() -> None:
    assert [pause(number).total_seconds() // PAUSES[min(number, 8) - 1] for number in range(1, 12)] == [1.0] * 11


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x", "https://127.0.0.1/x", "https://10.0.0.7/", "https://[::1]/", "https://example.org:8443/x",
        "https://a:b@example.org/", "ftp://example.org/", "https://0x7f000001/", "https://169.254.169.254/latest", "https:///x",
    ],
)  # fmt: skip
def test_an_address_that_is_no_public_https_address_is_refused(url: str, settings: Any) -> None:
    settings.RAGSITE_WEBHOOK_HOSTS = frozenset({"hooks.internal"})
    with pytest.raises(WebhookUrlError):
        address_check(url)
    assert address_check("http://hooks.internal/x").host == "hooks.internal"
    assert address_check("https://example.org/x").host == "example.org"


def test_a_host_that_leads_into_the_own_network_is_not_connected_to(
    settings: Any, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    settings.RAGSITE_WEBHOOK_HOSTS = frozenset()
    monkeypatch.setattr(posting.Network, "__init__", _resolving_to("127.0.0.1"))
    with pytest.raises(WebhookUrlError, match="not a public address"):
        letter_send(Letter("https://example.org/x", b"{}", "1", secret_new()))
    assert receiver.got == []


def _resolving_to(address: str) -> Any:
    whole = posting.Network.__init__

    def init(self: Any, **given: Any) -> None:
        whole(self, **{"resolve": lambda *_: [address], **given})

    return init


@pytest.mark.django_db
def test_a_try_arrives_signed_and_its_receiver_can_tell_that_it_is_from_here(
    webhook: Webhook, receiver: Receiver
) -> None:
    row = tried(webhook_try(webhook=webhook, actor=ACTOR))
    assert (row.state, row.status, row.tries, row.error) == ("done", 204, 1, "")
    ((headers, body),) = receiver.got
    key = base64.b64decode(webhook_secret(webhook=webhook, actor=ACTOR).removeprefix("whsec_"))
    over = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    code = base64.b64encode(hmac.new(key, over, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{code}"
    assert UUID(headers["webhook-id"]) == row.event_id
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 600
    assert json.loads(body)["data"] == {"tenant_id": str(webhook.tenant_id), "webhook_id": str(webhook.pk)}
    assert "whsec_" not in str(Webhook.objects.values().get()), "it is sealed"


@pytest.mark.django_db
@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_receiver_that_does_not_take_it_is_tried_again_and_its_other_messages_wait_with_it(
    webhook: Webhook, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    first, second = waiting(webhook), waiting(webhook)
    tried(first)
    second.refresh_from_db()
    assert (first.state, first.status, first.attempts) == ("waiting", status, 0)
    assert f"status {status}" in first.error
    assert second.not_before == first.not_before > first.created_at
    assert not make.work_once("webhook-deliver")
    assert len(receiver.got) == 1, "nor does it lead elsewhere"
    receiver.status = 200
    WebhookDelivery.objects.filter(pk=first.pk).update(not_before=Now())
    assert tried(first).state == "done"
    assert make.work_once("webhook-deliver", second), "a success lets the others go"
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since) == (0, None)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [200, 503])
def test_a_tenant_whose_receiver_takes_long_leaves_the_worker_to_others(
    webhook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    receiver.status = status
    sibling = webhook_create(tenant=webhook.tenant, url=receiver.url, types=["document.deleted"], actor=ACTOR)
    stranger = webhook_create(tenant=make.tenant(), url=receiver.url, types=["document.deleted"], actor=ACTOR)
    monkeypatch.setattr(delivering, "SLOW_SECONDS", -1.0)
    monkeypatch.setattr(delivering, "RESTS", 1_000_000)
    first, second, theirs = waiting(webhook), waiting(sibling), waiting(stranger)
    tried(first)
    second.refresh_from_db()
    assert second.not_before > timezone.now() + timedelta(minutes=1)
    assert make.work_once("webhook-deliver", theirs)


@pytest.mark.django_db
def test_after_a_day_it_is_given_up_and_can_be_sent_again(webhook: Webhook, receiver: Receiver) -> None:
    receiver.status = 503
    row = waiting(webhook)
    WebhookDelivery.objects.update(since=Now() - timedelta(hours=27))
    assert tried(row).state == "dead"
    receiver.status = 200
    assert deliveries_send_again(webhook=webhook, actor=ACTOR) == 1
    assert tried(row).state == "done"
    assert [headers["webhook-id"] for headers, _ in receiver.got] == [str(row.event_id)] * 2
    assert deliveries_send_again(webhook=webhook, actor=ACTOR) == 0


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "days"), [(410, 0), (500, 4)])
def test_one_that_is_gone_or_failed_for_days_is_paused_says_so_and_goes_on_once_it_is_turned_on(
    webhook: Webhook, receiver: Receiver, status: int, days: int
) -> None:
    receiver.status = status
    row, other = waiting(webhook), waiting(webhook)
    Webhook.objects.update(failing_since=Now() - timedelta(days=days), failures=9)
    tried(row)
    for one in (webhook, row):
        one.refresh_from_db()
    assert (webhook.state, row.state) == ("paused", "held")
    other.refresh_from_db()
    assert other.state == "held"
    assert AuditEntry.objects.filter(action="webhook.paused").exists()
    with pytest.raises(ConflictError):
        webhook_try(webhook=webhook, actor=ACTOR)
    receiver.status = 200
    webhook_update(webhook=webhook, active=True, actor=ACTOR)
    assert (webhook.state, webhook.failing_since) == ("on", None)
    assert [tried(one).state for one in (row, other)] == ["done", "done"]


@pytest.mark.django_db
def test_what_waits_for_one_that_is_turned_off_is_held_back(webhook: Webhook, receiver: Receiver) -> None:
    row = waiting(webhook)
    webhook_update(webhook=webhook, active=False, actor=ACTOR)
    row.refresh_from_db()
    assert row.state == "held"
    late = waiting(webhook)
    assert tried(late).state == "held"
    assert receiver.got == []


@pytest.mark.django_db
def test_old_deliveries_are_removed(webhook: Webhook) -> None:
    old, young = waiting(webhook), waiting(webhook)
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(days=31))
    assert webhook_deliveries_purge(turns.long()) is False
    assert list(WebhookDelivery.objects.all()) == [young]
