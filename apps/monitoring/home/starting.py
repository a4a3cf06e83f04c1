"""The first steps on an empty installation: a knowledge base of one's own, or one with samples."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from apps.documents.intake.bulk import BulkRequest, documents_upload
from apps.documents.intake.found_files import files_found
from apps.documents.models import KnowledgeBase, Visibility
from apps.documents.services.knowledge_bases import knowledge_base_create
from apps.monitoring.rows import mine
from apps.monitoring.workspace.place import workspace_url
from ragsite.core.admin.base import acting, errors_told
from ragsite.core.environment import PROJECT_DIR
from ragsite.core.errors import NotFoundError
from ragsite.gateway.models import Tenant

SAMPLES = PROJECT_DIR / "samples"
QUESTIONS = SAMPLES / "questions.json"
NAME = "Observatory (samples)"
FORMATS = {".md", ".html", ".txt", ".pdf", ".docx"}
NEEDED = ("documents.add_knowledgebase", "documents.add_document")
SUGGESTED = 2


def may_start(request: HttpRequest) -> bool:
    """Whether the user may make a knowledge base and fill it."""
    return bool(request.user.has_perms(NEEDED))


def is_empty(request: HttpRequest) -> bool:
    """Whether there is no knowledge base for the user yet."""
    return not mine(request, KnowledgeBase.objects.filter(deleted_at=None)).exists()


@require_POST
@admin.site.admin_view
def samples_view(request: HttpRequest) -> HttpResponse:
    """Make a knowledge base of the sample documents, or go to the one that was made before."""
    if not may_start(request):
        raise PermissionDenied
    with errors_told(request):
        return redirect(workspace_url(_samples(request), "documents"))
    return redirect("admin:index")


def _samples(request: HttpRequest) -> KnowledgeBase:
    """
    Raises:
        NotFoundError: the user has no tenant to make it in, or the samples are not installed.
    """
    tenant = mine(request, Tenant.objects.order_by("created_at", "pk"), path="pk").first()
    if tenant is None:
        raise NotFoundError(
            gettext("You belong to no tenant yet."), action=gettext("Have somebody make you a member of one.")
        )
    made = KnowledgeBase.objects.filter(tenant=tenant, name=NAME, deleted_at=None).first()
    return made or _made(request, tenant)


def _made(request: HttpRequest, tenant: Any) -> KnowledgeBase:
    files = list(files_found([str(path) for path in sorted(SAMPLES.iterdir()) if path.suffix in FORMATS]))
    asked = [one["question"] for one in json.loads(QUESTIONS.read_text())][:SUGGESTED]
    base = knowledge_base_create(
        tenant_id=tenant.pk,
        name=NAME,
        description=f"An observatory's handbooks and rules, to try ragsite with. Ask, for example: {' '.join(asked)}",
        visibility=Visibility.TENANT,
        actor=acting(request),
    )
    taken = list(documents_upload(BulkRequest(knowledge_base=base, files=files), actor=acting(request)))
    messages.success(
        request,
        gettext("%(count)s documents are being read. In a moment you can ask: %(question)s")
        % {"count": len(taken), "question": asked[0]},
    )
    return base
