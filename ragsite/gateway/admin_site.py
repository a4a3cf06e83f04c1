"""The admin's site: members of a tenant come in besides staff."""

from __future__ import annotations

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite

from ragsite.gateway.roles import may_enter_admin


class RagAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Unfold's site with a door of our own."""

    def has_permission(self, request: HttpRequest) -> bool:
        return may_enter_admin(request.user)
