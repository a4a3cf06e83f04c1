from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.monitoring.alerts.services import alert_acknowledge
from apps.monitoring.models import Alert, AlertDelivery
from ragsite.core.audit.models import AuditEntry
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.ids import new_id
from ragsite.gateway.models import Role
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db

PAGE = "/admin/alerts/"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def member() -> Callable[[Role], Client]:
    def signed_in(role: Role) -> Client:
        client = Client()
        client.force_login(make.member(make.tenant(), role))
        return client

    return signed_in


def alert(rule: str = "queue-waits", subject: str = "embedding", **fields: Any) -> Alert:
    known = {"severity": "warning", "value": 900, "since": BEGIN, "opened_at": BEGIN, "state": "open"}
    return Alert.objects.create(rule=rule, subject=subject, **known | fields)


def test_an_operator_sees_what_is_open_says_that_somebody_sees_to_it_and_that_is_in_the_audit_log(
    member: Callable[[Role], Client],
) -> None:
    operator, row = member(Role.OPERATOR), alert()
    page = operator.get(PAGE).content.decode()
    assert "Work in the queue embedding has waited for 15 minutes." in page
    assert "Start another worker for it" in page
    assert operator.post(f"{PAGE}{row.pk}/acknowledge/").status_code == 302
    row.refresh_from_db()
    assert row.acknowledged_at is not None
    assert row.acknowledged_by == User.objects.get(memberships__role=Role.OPERATOR)
    page = operator.get(PAGE).content.decode()
    assert f"{row.acknowledged_by.username} sees to it" in page
    assert "I see to it" not in page
    assert AuditEntry.objects.filter(action="alert.acknowledged", object_id=str(row.pk)).exists()


@pytest.mark.parametrize("role", [Role.READER, Role.EDITOR, Role.OWNER])
def test_others_neither_see_alerts_nor_acknowledge_them(member: Callable[[Role], Client], role: Role) -> None:
    client, row = member(role), alert()
    assert client.get(PAGE).status_code == 403
    assert client.post(f"{PAGE}{row.pk}/acknowledge/").status_code == 403
    assert "has waited for 15 minutes" not in client.get("/admin/home/").content.decode()
    row.refresh_from_db()
    assert row.acknowledged_at is None


def test_home_tells_of_them_first_until_somebody_sees_to_them(admin_client: Client) -> None:
    row = alert("part-fails", "disk", severity="critical")
    told = admin_client.get("/admin/home/").content.decode()
    first = told.index("A part does not work: disk.")
    assert first == min(
        told.index(text) for text in ("A part does not work: disk.", "No embedding model is registered")
    )
    alert_acknowledge(alert_id=row.pk, actor=ACTOR)
    assert "A part does not work: disk." not in admin_client.get("/admin/home/").content.decode()


def test_the_worst_comes_first_and_what_is_over_stands_apart_with_why_nobody_was_told(admin_client: Client) -> None:
    alert()
    alert("part-fails", "disk", severity="critical")
    over = alert("job-fails", "sweep", state="closed", closed_at=BEGIN)
    AlertDelivery.objects.create(
        alert=over, occasion="opened", channel="webhook", state="failed",
        error="The webhook for alerts answered with the status 404.",
    )  # fmt: skip
    alert("queue-waits", "parsing", state="pending", opened_at=None)
    page = admin_client.get(PAGE).content.decode()
    places = [page.index(text) for text in ("work: disk.", "queue embedding", "The job sweep fails", "the status 404")]
    assert places == sorted(places)
    assert "queue parsing" not in page


def test_it_takes_as_many_queries_for_many_alerts_as_for_one(admin_client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(PAGE).status_code == 200
        return len(captured)

    alert()
    queries()
    one = queries()
    for number in range(5):
        alert(subject=f"{number}")
    assert queries() == one


def test_what_is_over_or_was_never_there_cannot_be_acknowledged_and_the_first_who_does_stays() -> None:
    with pytest.raises(NotFoundError):
        alert_acknowledge(alert_id=new_id(), actor=ACTOR)
    with pytest.raises(NotFoundError):
        alert_acknowledge(alert_id=alert(state="pending", opened_at=None).pk, actor=ACTOR)
    with pytest.raises(ConflictError):
        alert_acknowledge(alert_id=alert(state="closed", closed_at=BEGIN).pk, actor=ACTOR)
    row = alert(subject="twice")
    first = alert_acknowledge(alert_id=row.pk, actor=ACTOR).acknowledged_at
    assert alert_acknowledge(alert_id=row.pk, actor=ACTOR).acknowledged_at == first
    assert AuditEntry.objects.filter(action="alert.acknowledged").count() == 1
