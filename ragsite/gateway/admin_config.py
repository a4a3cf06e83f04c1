"""Django's admin with this project's site."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks


class RagAdminConfig(SimpleAdminConfig):
    """`ragsite.urls` discovers the pages: commands and workers have none."""

    default_site = "ragsite.gateway.admin_site.RagAdminSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(pages_check, checks.Tags.admin)


def pages_check(**asked: Any) -> list[checks.CheckMessage]:
    """Django's own look at the pages, which may not be there yet."""
    import_module("ragsite.gateway.admin_pages").pages_discover()
    found: list[checks.CheckMessage] = check_admin_app(**asked)
    return found
