"""The page of what failed, in all knowledge bases of the user's tenants or in one; it looks again by itself."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import documents_shown_to
from apps.documents.services.bulk.jobs import bulk_job_ask, bulk_job_confirm, bulk_jobs_asked_by
from apps.monitoring.failures.groups import MOST_FAILED, documents_of_group, failed_of, failures_grouped
from apps.monitoring.jobs.bulk_words import BULKS
from ragsite.core.admin.base import acting, errors_told
from ragsite.gateway.members import rows_of_tenants

MOST_OFFERED = 200
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RETRY = next(bulk for bulk in BULKS if bulk.slug == "retry")


@admin.site.admin_view
def failures_view(request: HttpRequest) -> HttpResponse:
    """What failed, by cause, and with `?part=list` that alone. A POST with `ask` gives the question whether a group shall be
    retried, and with `confirm` lets that begin.

    Raises:
        Http404: the knowledge base that is named is none of the user's.
        PermissionDenied: the user may not look at versions, or not retry them.
    """
    if not request.user.has_perm("documents.view_documentversion"):
        raise PermissionDenied
    knowledge_base = _named(request)
    shown = documents_shown_to(request.user)
    failed = failed_of(shown.filter(knowledge_base=knowledge_base) if knowledge_base else shown)
    if request.method == "POST":
        return _post(request, failed, knowledge_base)
    context = {
        "failures": failures_grouped(failed),
        "most": MOST_FAILED,
        "knowledge_base": knowledge_base,
        "url": request.path + (f"?knowledge_base={knowledge_base.pk}" if knowledge_base else ""),
        "may_retry": request.user.has_perm("documents.change_documentversion"),
        "may_change": request.user.has_perm("documents.change_document"),
    }
    if request.GET.get("part") == "list":
        return render(request, "ragsite/admin/failures_list.html", context)
    context |= {
        **admin.site.each_context(request),
        "title": _("Failures"),
        "knowledge_bases": _mine(request).order_by("name")[:MOST_OFFERED],
    }
    return TemplateResponse(request, "ragsite/admin/failures.html", context)


def _mine(request: HttpRequest) -> Any:
    return rows_of_tenants(KnowledgeBase.objects.filter(deleted_at=None), request.user, path="tenant")


def _named(request: HttpRequest) -> KnowledgeBase | None:
    wanted = request.GET.get("knowledge_base", "")
    if not wanted:
        return None
    try:
        found: KnowledgeBase | None = _mine(request).filter(pk=UUID(wanted)).first()
    except ValueError as error:
        raise Http404(f"There is no knowledge base {wanted[:80]!r}.") from error
    if found is None:
        raise Http404(f"There is no knowledge base {wanted}.")
    return found


def _post(request: HttpRequest, failed: Any, knowledge_base: KnowledgeBase | None) -> HttpResponse:
    if not request.user.has_perm(RETRY.kind.permission):
        raise PermissionDenied
    if "confirm" in request.POST:
        return _confirm(request)
    groups = documents_of_group(
        failed, error_code=request.POST.get("error_code", ""), stage=request.POST.get("stage", "")
    )
    jobs = [
        bulk_job_ask(
            kind=RETRY.kind, documents=documents, tenant_id=tenant_id, knowledge_base=knowledge_base, user=request.user,
            actor=acting(request),
        )
        for tenant_id, documents in groups.items()
    ]  # fmt: skip
    question = RETRY.question(sum(job.total for job in jobs))
    context = {"jobs": jobs, "bulk": RETRY, "question": question, "url": request.get_full_path()}
    return render(request, "ragsite/admin/failures_confirm.html", context)


def _confirm(request: HttpRequest) -> HttpResponse:
    """Begin with what was asked, and lead to where it is watched."""
    wanted = [UUID(pk) for pk in request.POST.getlist("confirm")[:MOST_OFFERED] if UUID_TEXT.fullmatch(pk)]
    asked = [job for job in bulk_jobs_asked_by(request.user, wanted) if job.kind == RETRY.slug]
    if not asked:
        messages.error(request, _("This was asked too long ago, so nothing was done. Ask for it again."))
        return HttpResponse(headers={"HX-Redirect": request.get_full_path()})
    for job in asked:
        with errors_told(request):
            bulk_job_confirm(job=job, actor=acting(request))
    target = reverse("job", args=["bulk", asked[0].pk]) if len(asked) == 1 else reverse("jobs")
    return HttpResponse(headers={"HX-Redirect": target})
