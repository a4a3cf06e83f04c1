"""The documents of a knowledge base."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.monitoring.workspace.place import Place


def documents_tab(place: Place) -> HttpResponse:
    """The documents of a knowledge base."""
    return redirect(
        f"{reverse('admin:documents_document_changelist')}?knowledge_base__id__exact={place.knowledge_base.pk}"
    )
