"""People and programs are told of alerts: by a webhook, and by mail. Who does not answer is tried again for a day."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Callable, Mapping
from typing import Any

from django.core.mail import EmailMessage
from django.db.models.functions import Now
from django.utils import translation

from apps.monitoring.alerts.rows import ALERT_DELIVERIES
from apps.monitoring.alerts.words import alert_advice, alert_title
from apps.monitoring.models import AlertDelivery, Channel, DeliveryState, Occasion
from apps.monitoring.webhooks.posting import Letter, WebhookSilentError, letter_of_operator
from ragsite.core.configuration import AlertSettings
from ragsite.core.database import connection_release
from ragsite.core.errors import LeaseLostError, PermanentError, ServiceUnavailableError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import Turn

LANGUAGE = "en"
"""What other programs and mail are told in, whoever acts meanwhile."""


def alert_deliver(claim: Claim, _turn: Turn) -> None:
    """Tell what was claimed.

    Raises:
        LeaseLostError: somebody else took over, or the alert is gone.
        ServiceUnavailableError: the receiver does not answer now.
        PermanentError: it refuses what it was told, or the settings name nobody any more.
    """
    delivery = ALERT_DELIVERIES.held(claim).select_related("alert").first()
    if delivery is None:
        raise LeaseLostError("The message about an alert is not wanted any more.")
    connection_release()
    with translation.override(LANGUAGE):
        SENDERS[Channel(delivery.channel)](delivery)
    done = {"state": DeliveryState.DONE, "delivered_at": Now(), "error": ""}
    ALERT_DELIVERIES.held(claim).update(**done, **RELEASED)


def message_of(delivery: AlertDelivery) -> Mapping[str, Any]:
    """What a program is told."""
    alert = delivery.alert
    return {
        "id": str(alert.pk),
        "occasion": delivery.occasion,
        "rule": alert.rule,
        "subject": alert.subject,
        "severity": alert.severity,
        "text": alert_title(alert),
        "advice": alert_advice(alert),
        "value": alert.value,
        "opened_at": alert.opened_at.isoformat() if alert.opened_at else None,
        "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
    }


def webhook_send(delivery: AlertDelivery) -> None:
    """Raises ServiceUnavailableError, PermanentError: as `alert_deliver`."""
    settings = AlertSettings.current()
    if not settings.webhook_url:
        raise PermanentError("There is no webhook for alerts any more.", action="Set RAGSITE_ALERT_WEBHOOK_URL.")
    body = json.dumps(message_of(delivery)).encode()
    try:
        status = letter_of_operator(Letter(settings.webhook_url, body, str(delivery.pk), settings.webhook_secret))
    except WebhookSilentError as error:
        raise ServiceUnavailableError(
            f"The webhook for alerts does not answer: {error.message}",
            action="See whether RAGSITE_ALERT_WEBHOOK_URL is right, and its receiver runs.",
        ) from error
    _answer_check(status)


def _answer_check(status: int) -> None:
    if status < 300:
        return
    if status in (408, 429) or status >= 500:
        raise ServiceUnavailableError(
            f"The webhook for alerts answered with the status {status}.",
            action="It is tried again for a day. See the receiver's log.",
        )
    raise PermanentError(
        f"The webhook for alerts answered with the status {status}.",
        action="See the receiver's log; then correct RAGSITE_ALERT_WEBHOOK_URL or its secret.",
    )


def mail_send(delivery: AlertDelivery) -> None:
    """Raises ServiceUnavailableError, PermanentError: as `alert_deliver`."""
    settings, alert = AlertSettings.current(), delivery.alert
    if not settings.emails:
        raise PermanentError("There is nobody any more to mail alerts to.", action="Set RAGSITE_ALERT_EMAILS.")
    over = "" if delivery.occasion == Occasion.OPENED else "Over: "
    times = [f"Opened: {alert.opened_at:%Y-%m-%d %H:%M} UTC"] if alert.opened_at else []
    times += [f"Closed: {alert.closed_at:%Y-%m-%d %H:%M} UTC"] if alert.closed_at else []
    body = "\n".join([alert_title(alert), alert_advice(alert), "", f"Severity: {alert.severity}", *times])
    subject = f"[ragsite] {over}{' '.join(alert_title(alert).split())}"
    try:
        EmailMessage(subject, body, settings.sender, list(settings.emails)).send()
    except (smtplib.SMTPException, OSError) as error:
        raise ServiceUnavailableError(
            f"The mail server does not take the message: {type(error).__name__}.",
            action="See whether RAGSITE_MAIL_SERVER and the addresses are right.",
        ) from error


SENDERS: Mapping[Channel, Callable[[AlertDelivery], None]] = {
    Channel.WEBHOOK: webhook_send,
    Channel.MAIL: mail_send,
}
