"""Addresses of the pages in front of the admin's own, below `/admin/`."""

from __future__ import annotations

from django.urls import path

from apps.monitoring.alerts.page import alert_acknowledge_view, alerts_view
from apps.monitoring.failures.page import failures_view
from apps.monitoring.health_page import health_page
from apps.monitoring.home.page import home_live_view
from apps.monitoring.home.starting import samples_view
from apps.monitoring.jobs.erasing import erasing_view
from apps.monitoring.jobs.page import job_cancel_view, job_view, jobs_view
from apps.monitoring.operations.activity import (
    activity_view,
    document_history_view,
    knowledge_base_history_view,
    version_history_view,
)
from apps.monitoring.operations.events import event_schema_view, events_view
from apps.monitoring.operations.live_settings.page import live_settings_view
from apps.monitoring.operations.reports import reports_view
from apps.monitoring.operations.settings import settings_view
from apps.monitoring.operations.usage import usage_view
from apps.monitoring.operations.workers import workers_view
from apps.monitoring.search import search_view
from apps.monitoring.workspace.ask import parts
from apps.monitoring.workspace.document.page import document_view
from apps.monitoring.workspace.pages import upload_view, workspace_view
from apps.monitoring.workspace.reading import place

ASK = "knowledge-bases/<uuid:knowledge_base_id>/ask"
DOCUMENT = "knowledge-bases/<uuid:knowledge_base_id>/documents/<uuid:document_id>"
VERSION = f"{DOCUMENT}/versions/<int:number>"

urlpatterns = [
    path("home/", home_live_view, name="home-live"),
    path("home/samples/", samples_view, name="start-samples"),
    path("search/", search_view),
    path("health/", health_page, name="health-page"),
    path("failures/", failures_view, name="failures"),
    path("erasing/", erasing_view, name="erasing"),
    path("jobs/", jobs_view, name="jobs"),
    path("jobs/<slug:kind>/<uuid:job_id>/", job_view, name="job"),
    path("jobs/<slug:kind>/<uuid:job_id>/cancel/", job_cancel_view, name="job-cancel"),
    path("alerts/", alerts_view, name="alerts"),
    path("alerts/<uuid:alert_id>/acknowledge/", alert_acknowledge_view, name="alert-acknowledge"),
    path("workers/", workers_view, name="workers"),
    path("events/", events_view, name="events"),
    path("usage/", usage_view, name="usage"),
    path("reports/", reports_view, name="reports"),
    path("activity/", activity_view, name="activity"),
    path("documents/document/<uuid:document_id>/history/", document_history_view, name="document-history"),
    path("documents/documentversion/<uuid:version_id>/history/", version_history_view),
    path("documents/knowledgebase/<uuid:knowledge_base_id>/history/", knowledge_base_history_view),
    path("settings/", settings_view, name="settings"),
    path("settings/live/", live_settings_view, name="live-settings"),
    path("events/schemas/<str:name>/", event_schema_view, name="event-schema"),
    path("knowledge-bases/<uuid:knowledge_base_id>/", workspace_view, name="workspace"),
    path("knowledge-bases/<uuid:knowledge_base_id>/documents/upload/", upload_view, name="workspace-upload"),
    path(f"{DOCUMENT}/", document_view, name="workspace-document"),
    path(f"{VERSION}/place/", place.place_view, name="workspace-document-place"),
    path(f"{VERSION}/pages/<int:page>/", place.picture_view, name="workspace-document-picture"),
    path(f"{VERSION}/file/", place.file_view, name="workspace-document-file"),
    path(f"{ASK}/stream/", parts.stream_view, name="workspace-ask-stream"),
    path(f"{ASK}/events/", parts.events_view, name="workspace-ask-events"),
    path(f"{ASK}/answer/", parts.answer_view, name="workspace-ask-answer"),
    path(f"{ASK}/stop/", parts.stop_view, name="workspace-ask-stop"),
    path(f"{ASK}/rate/", parts.rate_view, name="workspace-ask-rate"),
    path("knowledge-bases/<uuid:knowledge_base_id>/<slug:tab>/", workspace_view, name="workspace-tab"),
]
