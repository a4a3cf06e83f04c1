"""Addresses of workspaces, below the admin's."""

from __future__ import annotations

from django.urls import path

from apps.monitoring.workspace.ask import parts
from apps.monitoring.workspace.pages import workspace_view

ASK = "knowledge-bases/<uuid:knowledge_base_id>/ask"

urlpatterns = [
    path("knowledge-bases/<uuid:knowledge_base_id>/", workspace_view, name="workspace"),
    path(f"{ASK}/stream/", parts.stream_view, name="workspace-ask-stream"),
    path(f"{ASK}/events/", parts.events_view, name="workspace-ask-events"),
    path(f"{ASK}/answer/", parts.answer_view, name="workspace-ask-answer"),
    path(f"{ASK}/stop/", parts.stop_view, name="workspace-ask-stop"),
    path(f"{ASK}/rate/", parts.rate_view, name="workspace-ask-rate"),
    path("knowledge-bases/<uuid:knowledge_base_id>/<slug:tab>/", workspace_view, name="workspace-tab"),
]
