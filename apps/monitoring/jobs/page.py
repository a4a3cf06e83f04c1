"""The page of everything that takes long, a page for each, and the door that stops one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.documents.models import BulkJob
from apps.monitoring.jobs.erasing import tenants_erased_in
from apps.monitoring.jobs.kinds import JOB_KINDS, JobKind, job_kind
from apps.monitoring.jobs.lines import STANDING_WORDS
from apps.monitoring.jobs.listing import JobFilters, jobs_listed, may_see_jobs
from apps.monitoring.jobs.refusals import refusals_of
from apps.monitoring.jobs.scheduled_words import scheduled_title
from ragsite.core.admin.base import acting
from ragsite.core.errors import RagError
from ragsite.core.models import ScheduledJob
from ragsite.core.sentences import said

NO_CONTENT = 204


@admin.site.admin_view
def jobs_view(request: HttpRequest) -> HttpResponse:
    """All jobs that the user may see, newest first; `?part=list` is what changes while one is under way.

    Raises:
        PermissionDenied: there is nothing here for the user.
    """
    if not may_see_jobs(request.user):
        raise PermissionDenied
    filters = JobFilters.of(request.GET)
    context: dict[str, Any] = {"jobs": jobs_listed(request.user, filters)}
    if request.GET.get("part") == "list":
        return render(request, "ragsite/jobs/list.html", context)
    context |= {
        **admin.site.each_context(request),
        "title": _("Jobs"),
        "filters": filters,
        "kinds": JOB_KINDS,
        "standings": STANDING_WORDS.items(),
        "scheduled": _scheduled(request),
        "may_erase": tenants_erased_in(request.user).exists(),
    }
    return TemplateResponse(request, "ragsite/jobs/page.html", context)


@admin.site.admin_view
def job_view(request: HttpRequest, kind: str, job_id: UUID) -> HttpResponse:
    """A job with its log and its result; `?part=live` is what changes while it is under way.

    Raises:
        Http404: there is no such job for the user.
    """
    found, row = _found(request, kind, job_id)
    context: dict[str, Any] = {"line": found.line(found, row, request.user), "kind": found}
    if isinstance(row, BulkJob):
        context |= {"refusals": refusals_of(row, request.user), "refused": row.refused}
    if request.GET.get("part") == "live":
        return render(request, "ragsite/jobs/job_live.html", context)
    context |= {**admin.site.each_context(request), "title": context["line"].title}
    return TemplateResponse(request, "ragsite/jobs/job.html", context)


@admin.site.admin_view
def job_cancel_view(request: HttpRequest, kind: str, job_id: UUID) -> HttpResponse:
    """The question whether a job shall be cancelled, in a dialog; a POST cancels it.

    Raises:
        Http404: there is no such job for the user.
        PermissionDenied: the user may not cancel it.
    """
    found, row = _found(request, kind, job_id)
    if found.cancel is None or not found.may_cancel(row, request.user):
        raise PermissionDenied
    if request.method != "POST":
        context = {"line": found.line(found, row, request.user), "question": found.cancel_question}
        return render(request, "ragsite/jobs/cancel.html", context)
    try:
        found.cancel(row, acting(request))
    except RagError as error:
        messages.error(request, said(error.sentence))
        return HttpResponse(status=NO_CONTENT, headers={"HX-Refresh": "true"})
    return HttpResponse(status=NO_CONTENT, headers={"HX-Trigger": "jobs-changed"})


def _found(request: HttpRequest, slug: str, job_id: UUID) -> tuple[JobKind, Any]:
    kind = job_kind(slug)
    row = kind.rows(request.user).filter(pk=job_id).first() if kind else None
    if kind is None or row is None:
        raise Http404(_("There is no such job."))
    return kind, row


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job that runs by the clock, and how it stands."""

    job: ScheduledJob
    title: str
    words: str
    tone: str
    url: str


def _scheduled(request: HttpRequest) -> Sequence[Scheduled]:
    """Those that do not end well first; for who looks after the machine."""
    if not request.user.has_perm("core.view_scheduledjob"):
        return ()
    jobs = [_standing(job) for job in ScheduledJob.objects.order_by("name")]
    return sorted(jobs, key=lambda one: not one.job.error)


def _standing(job: ScheduledJob) -> Scheduled:
    title, url = scheduled_title(job.name), reverse("admin:core_scheduledjob_change", args=[job.pk])
    if job.lease_until and job.lease_until > timezone.now():
        return Scheduled(job, title, _("Running"), "info", url)
    words, tone = (_("Failing"), "danger") if job.error else (_("Waiting"), "success")
    return Scheduled(job, title, words, tone, url)
