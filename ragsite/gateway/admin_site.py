"""The admin's site: members of a tenant come in besides staff, and who came by a provider goes out by it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite

from ragsite.gateway.accounts import account_tell, address_of
from ragsite.gateway.oidc.pages import signed_out
from ragsite.gateway.roles import may_enter_admin


class RagAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """Unfold's site with a door of our own."""

    def has_permission(self, request: HttpRequest) -> bool:
        return may_enter_admin(request.user)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Without colours, which the theme would write into the page: they are in `colours.css`."""
        context: dict[str, Any] = super().each_context(request)
        return context | {"colors": {}}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """As Django has it, made when somebody looks at it: every page is given it, and the sidebar shows another one."""
        return SimpleLazyObject(lambda: super(RagAdminSite, self).get_app_list(request, app_label))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Django's own, which takes a POST; then the provider's, for who came by one."""
        if request.method == "POST":
            account_tell("account.signed_out", request.user, address=address_of(request))
        left = signed_out(request) if request.method == "POST" else None
        page: HttpResponse = left or super().logout(request, extra_context)
        return page

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().password_change(request, extra_context)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            account_tell("account.password_changed", request.user, address=address_of(request))
        return response
