"""Testing a version from the admin: its servers are asked, or its files read again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext

from apps.models.doors.work_admin import tasks_url
from apps.models.models import ModelVersion
from apps.models.services.connecting import model_test
from apps.models.services.tasks import model_verify
from ragsite.core.admin.base import acting, dialog_done, errors_told, row_url


def version_test(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    """Ask the servers of a version, or have its files read where it runs in model workers."""
    if not version.is_remote:
        return files_checked(request, version)
    with errors_told(request):
        servers_asked(request, version)
    return dialog_done(row_url(version.model))


def servers_asked(request: HttpRequest, version: ModelVersion) -> None:
    """Say what each of its servers answered."""
    for trial in model_test(version_id=version.pk):
        tell = messages.error if trial.error else messages.success
        tell(request, trial.in_words)


def files_checked(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    """Have its files read again, and show the tasks."""
    with errors_told(request):
        model_verify(version_id=version.pk, actor=acting(request))
        words = gettext("The files of %(version)s are read again; see below what comes of it.")
        messages.success(request, words % {"version": version})
    return dialog_done(tasks_url())
