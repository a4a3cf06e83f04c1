"""Who reads a knowledge base."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.monitoring.workspace.place import Place


def access_tab(place: Place) -> HttpResponse:
    """Who reads a knowledge base."""
    return redirect(reverse("admin:documents_knowledgebase_change", args=[place.knowledge_base.pk]))
