"""Addresses of workspaces, below the admin's."""

from __future__ import annotations

from django.urls import path

from apps.monitoring.failures.admin import failures_view
from apps.monitoring.workspace.pages import upload_view, workspace_view

urlpatterns = [
    path("failures/", failures_view, name="failures"),
    path("knowledge-bases/<uuid:knowledge_base_id>/", workspace_view, name="workspace"),
    path("knowledge-bases/<uuid:knowledge_base_id>/documents/upload/", upload_view, name="workspace-upload"),
    path("knowledge-bases/<uuid:knowledge_base_id>/<slug:tab>/", workspace_view, name="workspace-tab"),
]
