"""Jobs that run by the clock: when each ran last, who is at it, and why it did not end well."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from ragsite.core.admin.base import ReadOnlyAdmin, badge
from ragsite.core.models import ScheduledJob


@admin.register(ScheduledJob)
class ScheduledJobAdmin(ReadOnlyAdmin):
    list_display: ClassVar = ("name", "standing", "started_at", "finished_at", "error")
    fields: ClassVar = ("name", "standing", "started_at", "finished_at", "lease_owner", "not_before", "error")

    @display(description=_("State"))
    def standing(self, job: ScheduledJob) -> SafeString:
        """Running now, waiting after a failure, or waiting for its time."""
        if job.lease_until and job.lease_until > timezone.now():
            return badge(gettext("Running"), "info")
        return badge(gettext("Failing"), "danger") if job.error else badge(gettext("Waiting"), "success")
