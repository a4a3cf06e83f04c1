"""Addresses of workspaces, below the admin's."""

from __future__ import annotations

from django.urls import path

from apps.monitoring.workspace.pages import workspace_view

urlpatterns = [
    path("knowledge-bases/<uuid:knowledge_base_id>/", workspace_view, name="workspace"),
    path("knowledge-bases/<uuid:knowledge_base_id>/<slug:tab>/", workspace_view, name="workspace-tab"),
]
