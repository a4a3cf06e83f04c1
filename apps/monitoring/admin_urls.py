"""Addresses of the pages around all others, below the admin's and before those of its site."""

from __future__ import annotations

from django.urls import path

from apps.monitoring.health_page import health_page
from apps.monitoring.search import search_view

urlpatterns = [
    path("search/", search_view),
    path("health/", health_page, name="health-page"),
]
