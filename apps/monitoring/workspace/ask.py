"""Where a knowledge base is asked."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.monitoring.workspace.place import Place


def ask_tab(place: Place) -> HttpResponse:
    """Where a knowledge base is asked."""
    return redirect(f"{reverse('admin:retrieval_query_try')}?knowledge_base={place.knowledge_base.pk}")
