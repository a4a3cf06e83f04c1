"""What operators and orchestrators ask the web process for."""

from __future__ import annotations

from django.urls import path

from apps.monitoring.health import live, ready
from apps.monitoring.metrics import metrics_view

urlpatterns = [
    path("healthz", live, name="healthz"),
    path("readyz", ready, name="readyz"),
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("metrics", metrics_view, name="metrics"),
]
