"""Failed requests as people see them in a browser: what happened, what mends it, and a way back.

Who is signed in to the admin sees them within its frame. What the server failed at is told on a page of its own that needs
nothing of the server: no database, no session.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext, gettext_noop

from ragsite.gateway.members import owners_beside

ADMIN = "/admin/"
HEADINGS: Mapping[int, str] = {
    HTTPStatus.BAD_REQUEST: gettext_noop("This could not be understood"),
    HTTPStatus.FORBIDDEN: gettext_noop("You may not do this"),
    HTTPStatus.NOT_FOUND: gettext_noop("There is nothing here"),
    HTTPStatus.METHOD_NOT_ALLOWED: gettext_noop("This cannot be opened in a browser"),
    HTTPStatus.TOO_MANY_REQUESTS: gettext_noop("Too many at once"),
    HTTPStatus.INTERNAL_SERVER_ERROR: gettext_noop("Something went wrong here"),
    HTTPStatus.SERVICE_UNAVAILABLE: gettext_noop("This does not work right now"),
}
"""Other statuses are told by their standard phrase."""


def problem_page(request: HttpRequest, problem: Mapping[str, Any], *, meant: str = "") -> str:
    """The page for a problem, with a link to the address `meant`."""
    status = problem["status"]
    context = {
        "problem": problem,
        "meant": meant,
        "heading": gettext(HEADINGS.get(status, problem["title"])),
        "again": status >= HTTPStatus.INTERNAL_SERVER_ERROR and request.method == "GET",
        "here": request.path,
    }
    return _framed(request, context) or render_to_string("ragsite/problem.html", context)


def _framed(request: HttpRequest, context: dict[str, Any]) -> str:
    """The page within the admin's frame; empty where there is none, or none can be had."""
    problem = context["problem"]
    if not request.path.startswith(ADMIN) or problem["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ""
    user = getattr(request, "user", None)
    try:
        if user is None or not admin.site.has_permission(request):
            return ""
        askable = owners_beside(user) if problem["status"] == HTTPStatus.FORBIDDEN else []
        frame = {**admin.site.each_context(request), "title": context["heading"], "content_title": context["heading"]}
        return render_to_string("ragsite/admin/problem.html", frame | context | {"askable": askable}, request=request)
    except (OperationalError, InterfaceError):
        return ""
