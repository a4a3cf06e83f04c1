from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from ragsite.core.models import ScheduledJob

pytestmark = pytest.mark.django_db


def test_the_list_says_who_is_at_a_job_and_why_one_failed(admin_client: Client) -> None:
    now = timezone.now()
    ScheduledJob.objects.create(name="sweep", lease_owner="host:1", lease_until=now + timedelta(minutes=1))
    ScheduledJob.objects.create(name="blobs-purge", error="The disk is full. Free some space.")
    ScheduledJob.objects.create(name="events-purge", finished_at=now)
    page = admin_client.get(reverse("admin:core_scheduledjob_changelist")).content.decode()
    assert [word in page for word in ("Running", "Failing", "Waiting", "The disk is full.")] == [True] * 4
