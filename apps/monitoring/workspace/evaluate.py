"""How well a knowledge base answers."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.monitoring.workspace.place import Place


def evaluate_tab(place: Place) -> HttpResponse:
    """How well a knowledge base answers."""
    return redirect(
        f"{reverse('admin:retrieval_evaluationset_changelist')}?knowledge_base__id__exact={place.knowledge_base.pk}"
    )
