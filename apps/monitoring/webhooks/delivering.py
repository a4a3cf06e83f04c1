"""Deliveries are sent: until the receiver takes them, or for about a day.

A receiver that is away is asked once a pause, and not once for each message that waits for it: where one fails, the webhook's
others wait with it. Pauses grow from seconds to hours with each failure in a row, and end with the first success.

The workers that send have other work, too: a tenant whose receivers take long is sent nothing for `RESTS` times as long.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from apps.monitoring.models import Webhook, WebhookDelivery, WebhookDeliveryState, WebhookState
from apps.monitoring.webhooks.posting import Letter, WebhookSilentError, WebhookUrlError, letter_send
from apps.monitoring.webhooks.rows import WEBHOOK_DELIVERIES
from ragsite.core.actors import Actor, change_log
from ragsite.core.bites import bites, rows_bite
from ragsite.core.database import connection_release
from ragsite.core.errors import LeaseLostError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.locking import rows_update
from ragsite.core.metrics.instruments import counter
from ragsite.core.sealing import unseal
from ragsite.core.work import Turn

logger = logging.getLogger(__name__)

PAUSES = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400)
"""Seconds after the first, second, … failure in a row; the last one again and again."""

TRIED_FOR = timedelta(hours=26)
PAUSED_AFTER = timedelta(days=3)
KEPT_DAYS = 30
SLOW_SECONDS, RESTS = 1.0, 9
"""A receiver that takes longer has what its tenant is told rest, so that a tenant has at most a tenth of each worker."""

GONE = 410
"""By this status a receiver says that it wants nothing more."""

SENT = counter("ragsite_webhook_deliveries_total")
S = WebhookDeliveryState


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a try, and the seconds that it took. Without an error the receiver took the message."""

    status: int | None
    error: str
    seconds: float


def webhook_deliver(claim: Claim, _turn: Turn) -> None:
    """Send what was claimed, and note what came of it.

    Raises:
        LeaseLostError: somebody else took over, or the webhook is gone.
        UnreadableSecretError: its secret can't be read.
    """
    delivery = WEBHOOK_DELIVERIES.held(claim).select_related("webhook").first()
    if delivery is None:
        raise LeaseLostError("The message to a webhook is not wanted any more.")
    webhook = delivery.webhook
    if webhook.state != WebhookState.ON:
        WEBHOOK_DELIVERIES.held(claim).update(state=S.HELD, attempts=0, **RELEASED)
        return
    letter = Letter(webhook.url, delivery.body.encode(), str(delivery.event_id), unseal(webhook.secret))
    connection_release()
    answered = letter_tried(letter)
    with transaction.atomic():
        current = Webhook.objects.select_for_update(no_key=True).filter(pk=webhook.pk).first()
        if current is None:
            raise LeaseLostError("The webhook is gone.")
        (_refused if answered.error else _taken)(claim, delivery, current, answered)
        if answered.seconds > SLOW_SECONDS:
            _rest(current, answered)


def letter_tried(letter: Letter) -> Answered:
    """Send it once; what came of it, in words where the receiver did not take it."""
    begun, status, error = time.monotonic(), None, ""
    try:
        status = letter_send(letter)
    except (WebhookSilentError, WebhookUrlError) as silent:
        error = silent.sentence
    else:
        if not 200 <= status < 300:
            error = f"The receiver answered with the status {status}."
    return Answered(status, error, time.monotonic() - begun)


def _taken(claim: Claim, delivery: WebhookDelivery, webhook: Webhook, answered: Answered) -> None:
    done = {"state": S.DONE, "delivered_at": Now(), "error": ""}
    WEBHOOK_DELIVERIES.held(claim).update(**done, **_tried(answered), **RELEASED)
    SENT.labels("done").inc()
    if webhook.failures:
        webhook.failures, webhook.failing_since = 0, None
        webhook.save(update_fields=["failures", "failing_since"])
        rows_update(_waiting(webhook).filter(not_before__gt=Now()), not_before=Now())


def _refused(claim: Claim, delivery: WebhookDelivery, webhook: Webhook, answered: Answered) -> None:
    now = timezone.now()
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    webhook.save(update_fields=["failures", "failing_since"])
    again = now + pause(webhook.failures)
    is_dead = now - delivery.since > TRIED_FOR
    ended: dict[str, Any] = {"state": S.DEAD} if is_dead else {"not_before": again, "attempts": 0}
    WEBHOOK_DELIVERIES.held(claim).update(**ended, error=answered.error, **_tried(answered), **RELEASED)
    SENT.labels("failed" if is_dead else "postponed").inc()
    rows_update(_waiting(webhook).filter(not_before__lt=again), not_before=again)
    if answered.status == GONE or now - webhook.failing_since > PAUSED_AFTER:
        _pause(webhook, answered)


def _rest(webhook: Webhook, answered: Answered) -> None:
    again = timezone.now() + timedelta(seconds=RESTS * answered.seconds)
    rows_update(_waiting_of(webhook__tenant=webhook.tenant_id).filter(not_before__lt=again), not_before=again)


def pause(failures: int) -> timedelta:
    """How long to wait after so many failures in a row, a little longer by chance: receivers are not all asked at once."""
    seconds = PAUSES[min(failures, len(PAUSES)) - 1]
    return timedelta(seconds=seconds * random.uniform(1.0, 1.1))  # noqa: S311 - no secret


def _pause(webhook: Webhook, answered: Answered) -> None:
    """What is told it from now on is held back, until people turn it on again."""
    webhook.state, webhook.paused_at = WebhookState.PAUSED, timezone.now()
    webhook.save(update_fields=["state", "paused_at"])
    rows_update(_waiting(webhook), state=S.HELD)
    change_log(
        f"the webhook {webhook.pk} is paused: {answered.error}", actor=Actor.of_job("webhook-deliver"),
        action="webhook.paused", of=webhook, details={"failures": webhook.failures, "status": answered.status},
    )  # fmt: skip


def _waiting(webhook: Webhook) -> QuerySet[WebhookDelivery]:
    return _waiting_of(webhook=webhook)


def _waiting_of(**whose: Any) -> QuerySet[WebhookDelivery]:
    """Those that nobody holds at this moment."""
    return WebhookDelivery.objects.filter(state=S.WAITING, lease_owner="", **whose)


def _tried(answered: Answered) -> dict[str, Any]:
    return {"tries": F("tries") + 1, "tried_at": Now(), "status": answered.status}


def webhook_deliveries_purge(turn: Turn, *, days: int = KEPT_DAYS) -> bool:
    """Remove deliveries that are older than `days`, whatever became of them; whether some are left."""
    old = WebhookDelivery.objects.filter(created_at__lt=Now() - timedelta(days=days)).order_by("created_at", "id")
    return bites(turn, lambda: rows_bite(old))
