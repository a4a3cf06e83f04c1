"""Who is told of an alert, by a receiver that is really there."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import smtplib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends import locmem
from django.db.models.functions import Now

from apps.monitoring.models import Alert, AlertDelivery
from tests import factories as make

pytestmark = pytest.mark.django_db

SECRET = "signs-what-is-sent-" + "0" * 20
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(slots=True)
class Receiver:
    """Keeps what it is sent, and answers with `status`."""

    url: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.got.append((dict(self.headers), body))
            self.send_response(here.status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here.url = f"http://127.0.0.1:{server.server_port}/alerts"
    settings.RAGSITE_ALERT_WEBHOOK_URL, settings.RAGSITE_ALERT_WEBHOOK_SECRET = here.url, SECRET
    yield here
    server.shutdown()
    server.server_close()


def delivery(channel: str, occasion: str = "opened", **fields: Any) -> AlertDelivery:
    alert = Alert.objects.create(
        rule="queue-waits", subject="embedding", severity="warning", value=900, since=BEGIN, opened_at=BEGIN,
        **({"state": "open"} if occasion == "opened" else {"state": "closed", "closed_at": BEGIN + timedelta(hours=1)}),
    )  # fmt: skip
    return AlertDelivery.objects.create(alert=alert, occasion=occasion, channel=channel, **fields)


def delivered(row: AlertDelivery) -> tuple[str, str]:
    """What became of it: its state, and why not."""
    assert make.work_once("alert-deliver", row)
    row.refresh_from_db()
    return row.state, row.error


def test_a_webhook_is_told_in_words_and_signed_so_that_its_receiver_can_look(receiver: Receiver) -> None:
    row = delivery("webhook")
    assert delivered(row) == ("done", "")
    ((headers, body),) = receiver.got
    told = json.loads(body)
    assert (told["rule"], told["occasion"], told["severity"]) == ("queue-waits", "opened", "warning")
    assert told["text"] == "Work in the queue embedding has waited for 15 minutes."
    assert told["advice"].startswith("Start another worker")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    code = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{code}"
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 600
    assert headers["webhook-id"] == str(row.pk)


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_receiver_that_is_busy_is_tried_again_for_a_day_and_then_given_up(receiver: Receiver, status: int) -> None:
    receiver.status = status
    row = delivery("webhook")
    for _ in range(5):
        assert delivered(row)[0] == "waiting"
        assert (row.attempts, f"status {status}" in row.error) == (0, True)
        AlertDelivery.objects.update(not_before=Now())
    AlertDelivery.objects.update(created_at=Now() - timedelta(days=2))
    delivered(row)
    assert (row.state, row.attempts) == ("waiting", 1)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 302])
def test_a_receiver_that_refuses_is_not_asked_again_and_the_reason_is_kept(receiver: Receiver, status: int) -> None:
    receiver.status = status
    state, error = delivered(delivery("webhook"))
    assert state == "failed"
    assert f"answered with the status {status}" in error
    assert len(receiver.got) == 1, "nor does it lead elsewhere"


def test_a_receiver_that_is_not_there_is_tried_again(settings: Any) -> None:
    settings.RAGSITE_ALERT_WEBHOOK_URL, settings.RAGSITE_ALERT_WEBHOOK_SECRET = "http://127.0.0.1:1/", SECRET
    state, error = delivered(delivery("webhook"))
    assert state == "waiting"
    assert "does not answer" in error


def test_people_are_mailed_when_it_opens_and_when_it_is_over(settings: Any) -> None:
    settings.RAGSITE_ALERT_EMAILS, settings.RAGSITE_ALERT_SENDER = ("ops@example.org",), "rag@example.org"
    assert delivered(delivery("mail")) == ("done", "")
    assert delivered(delivery("mail", "closed")) == ("done", "")
    opened, over = mail.outbox
    assert (opened.to, opened.from_email) == (["ops@example.org"], "rag@example.org")
    assert opened.subject == "[ragsite] Work in the queue embedding has waited for 15 minutes."
    assert "Start another worker" in opened.body
    assert over.subject.startswith("[ragsite] Over: ")
    assert "Closed: 2026-01-01 13:00 UTC" in over.body


def test_a_mail_server_that_is_away_is_tried_again_and_its_words_stay_here(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any) -> None:
        raise smtplib.SMTPServerDisconnected("10.0.0.7 went away")

    settings.RAGSITE_ALERT_EMAILS, settings.RAGSITE_ALERT_SENDER = ("ops@example.org",), "rag@example.org"
    monkeypatch.setattr(locmem.EmailBackend, "send_messages", refuses)
    state, error = delivered(delivery("mail"))
    assert state == "waiting"
    assert "The mail server does not take the message" in error
    assert "10.0.0.7" not in error
