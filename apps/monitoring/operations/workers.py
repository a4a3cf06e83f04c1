"""The page of queues and workers."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.monitoring.operations.frame import operations_page, tab_required
from apps.monitoring.operations.queues import tenants_counted, work_now
from ragsite.core.configuration import ServerSettings


@admin.site.admin_view
def workers_view(request: HttpRequest) -> HttpResponse:
    """What waits, what runs, and who works; it looks again every few seconds.

    Raises:
        PermissionDenied: the user may not look at workers.
    """
    tab_required(request, "workers")
    # Flower shows the tasks of all tenants.
    flower_url = ServerSettings.current().flower_url if tenants_counted(request.user) is None else ""
    context = {"work": work_now(request), "now": timezone.now(), "flower_url": flower_url}
    return operations_page(request, "workers", context)
