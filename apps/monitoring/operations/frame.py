"""The frame around the operator's pages: tabs between those that the user may open."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.monitoring.operations.tabs import OperationsTab, tabs_of

LIVE = "live"
"""What `part` is in the address of the part that changes while somebody looks at it."""


def tab_required(request: HttpRequest, name: str) -> OperationsTab:
    """The page of that name.

    Raises:
        PermissionDenied: the user may not open it.
    """
    found = next((tab for tab in tabs_of(request) if tab.name == name), None)
    if found is None:
        raise PermissionDenied
    return found


def operations_page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    """A page in the frame, or the part of it that was asked for, of the templates `operations/NAME.html` and `NAME_live.html`.

    Raises:
        PermissionDenied: the user may not open it.
    """
    shown = tab_required(request, name)
    if request.GET.get("part") == LIVE:
        return TemplateResponse(
            request, f"ragsite/operations/{name}_live.html", context, headers={"Cache-Control": "no-store"}
        )
    links = [
        {"title": tab.title, "icon": tab.icon, "url": tab.url, "is_open": tab is shown} for tab in tabs_of(request)
    ]
    frame = {
        **admin.site.each_context(request),
        "title": shown.title,
        "content_title": shown.title,
        "operations_tabs": links,
    }
    return TemplateResponse(request, f"ragsite/operations/{name}.html", frame | context)
