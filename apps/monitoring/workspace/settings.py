"""What a knowledge base is set to."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.monitoring.workspace.place import Place


def settings_tab(place: Place) -> HttpResponse:
    """What a knowledge base is set to."""
    return redirect(reverse("admin:documents_knowledgebase_change", args=[place.knowledge_base.pk]))
