"""The page of what failed, in all knowledge bases of the user's tenants or in one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import documents_shown_to
from apps.monitoring.failures.groups import MOST_AT_ONCE, MOST_FAILED, failed_of, failures_grouped, failures_retry
from ragsite.core.admin.base import acting
from ragsite.gateway.members import rows_of_tenants

MOST_OFFERED = 200
MOST_REFUSED = 5


@admin.site.admin_view
def failures_view(request: HttpRequest) -> HttpResponse:
    """What failed, by cause; a POST retries a group.

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
        _retry(request, failed)
        return redirect(request.get_full_path())
    context = {
        **admin.site.each_context(request),
        "title": _("Failures"),
        "failures": failures_grouped(failed),
        "most": MOST_FAILED,
        "most_at_once": MOST_AT_ONCE,
        "knowledge_base": knowledge_base,
        "knowledge_bases": _mine(request).order_by("name")[:MOST_OFFERED],
        "may_retry": request.user.has_perm("documents.change_documentversion"),
        "may_change": request.user.has_perm("documents.change_document"),
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


def _retry(request: HttpRequest, failed: Any) -> None:
    if not request.user.has_perm("documents.change_documentversion"):
        raise PermissionDenied
    said = request.POST
    retried, refused = failures_retry(
        failed, error_code=said.get("error_code", ""), stage=said.get("stage", ""), actor=acting(request)
    )
    if retried:
        told = ngettext("%(n)d document is retried.", "%(n)d documents are retried.", retried)
        messages.success(request, told % {"n": retried})
    for sentence in refused[:MOST_REFUSED]:
        messages.error(request, sentence)
    if len(refused) > MOST_REFUSED:
        messages.error(request, _("And %(n)d more.") % {"n": len(refused) - MOST_REFUSED})
    if not retried and not refused:
        messages.info(request, _("There is nothing left to retry: it was done meanwhile."))
