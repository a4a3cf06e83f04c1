"""How a knowledge base is indexed."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.monitoring.workspace.place import Place


def index_tab(place: Place) -> HttpResponse:
    """How a knowledge base is indexed."""
    return redirect(reverse("admin:retrieval_reindex_of", args=[place.knowledge_base.pk]))
