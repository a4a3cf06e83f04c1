"""The admin's site: members of a tenant come in besides staff, and who came by a provider goes out by it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from unfold.sites import UnfoldAdminSite

from ragsite.gateway.oidc.pages import signed_out
from ragsite.gateway.roles import may_enter_admin


class RagAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Unfold's site with a door of our own."""

    def has_permission(self, request: HttpRequest) -> bool:
        return may_enter_admin(request.user)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Django's own, which takes a POST; then the provider's, for who came by one."""
        left = signed_out(request) if request.method == "POST" else None
        page: HttpResponse = left or super().logout(request, extra_context)
        return page
