"""What the frame around all pages says: the way to a page, and a list without rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import template
from django.db.models import Model
from django.urls import reverse
from django.utils.text import capfirst

from apps.monitoring.empty_lists import Empty, empty_list

register = template.Library()


@register.simple_tag
def nothing_here(changes: Any) -> Empty:
    """What the list would show, and what to do for that."""
    return empty_list(changes.opts.label_lower)


@register.filter
def trail(parts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The way to a page: a list by its name, a row by what it is called itself, to the letter; without the pages of Django's
    apps, which nothing leads to.
    """
    shown = [part for part in parts if not _is_app(str(part.get("link", "")))]
    return [{"link": part.get("link", ""), "title": _titled(part)} for part in shown]


def _is_app(link: str) -> bool:
    """Whether it is one of the pages that list the models of an app, as `/admin/documents/`."""
    below = link.removeprefix(reverse("admin:index"))
    return bool(link) and below.count("/") == 1 and below.endswith("/")


def _titled(part: dict[str, Any]) -> str:
    """Names of models begin with a capital letter; a file named `tides.md` is no `Tides.md`, also as the title of its page, which
    leads nowhere.
    """
    is_own = isinstance(part["title"], Model) or "link" not in part
    return str(part["title"] if is_own else capfirst(part["title"]))
