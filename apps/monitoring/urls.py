"""What operators and orchestrators ask the web process for."""

from __future__ import annotations

from django.urls import include, path

from apps.monitoring.health import live, ready

urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("", include("django_prometheus.urls")),
]
