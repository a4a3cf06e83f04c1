"""One way in for both APIs: the bearer of a key, or of a token in its place, becomes a Principal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from ninja.security import HttpBearer
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed, ValidationError
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from ragsite.core.actors import Actor
from ragsite.core.errors import PermanentError
from ragsite.gateway.bearers import principal_of_bearer
from ragsite.gateway.conditions import conditions_refuse
from ragsite.gateway.errors import AuthenticationError
from ragsite.gateway.keys import Principal
from ragsite.gateway.members import permitted
from ragsite.gateway.models import Permission
from ragsite.gateway.names import PAGE, unknown_names
from ragsite.gateway.uses import use_of

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports the classes named in the settings, this one among them

SCHEME = "bearer"
Wanted = Permission | tuple[Permission, ...]
"""A permission that a door asks for, or several of which one is enough."""


def principal_of_header(header: str, *, used_by: str = "") -> Principal:
    """The caller named by an Authorization header.

    Raises:
        AuthenticationError: there is no bearer key or token, or it is not valid.
    """
    return principal_of_bearer(bearer_of_header(header), used_by=used_by)


def bearer_of_header(header: str) -> str:
    """The key or token in an Authorization header.

    Raises:
        AuthenticationError: there is none.
    """
    scheme, _, shown = header.partition(" ")
    if scheme.lower() != SCHEME or not shown.strip():
        raise AuthenticationError("The request carries no API key.")
    return shown.strip()


class KeyAuthentication(BaseAuthentication):
    """For Django REST framework: request.user is the Principal."""

    def authenticate(self, request: Request) -> tuple[Principal, None]:
        return principal_of_header(request.headers.get("Authorization", ""), used_by=use_of(request._request)), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class KeyBearer(HttpBearer):
    """For django-ninja: request.auth is the Principal, where it may do this. Addresses have no `parameters` but these."""

    def __init__(self, *parameters: str, permission: Permission | None = Permission.QUERY) -> None:
        super().__init__()
        self._parameters, self.permission = parameters, permission

    def __call__(self, request: HttpRequest) -> Any:
        found = self.authenticate(request, bearer_of_header(request.headers.get("Authorization", "")))
        conditions_refuse(request.method or "", request.headers)
        if unknown := unknown_names(request.GET, self._parameters):
            known = f"only {', '.join(self._parameters)}" if self._parameters else "none"
            raise PermanentError(f"The address has a parameter {next(iter(unknown))!r}, and takes {known}.")
        return found

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        principal = principal_of_bearer(token, used_by=use_of(request))
        return permitted(principal, self.permission) if self.permission else principal


class HasPermission(BasePermission):
    """Asks for the permission, or one of those, that the view names for the method; a view that names none serves nobody.
    From then on the request's caller is what it is where it may: see `permitted`.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not getattr(view, "action", None):
            raise MethodNotAllowed(request.method or "")
        needed: dict[str, Wanted] = getattr(view, "permission_by_method", {})
        wanted = needed.get(request.method or "")
        if wanted is None:
            return False
        principal: Any = permitted(caller(request), *(wanted if isinstance(wanted, tuple) else (wanted,)))
        request.user = principal
        conditions_refuse(request.method or "", request.headers)
        if unknown := unknown_names(request.query_params, _parameters(request, view)):
            raise ValidationError({name: [sentence] for name, sentence in unknown.items()})
        return True


def _parameters(request: Request, view: APIView) -> Collection[str]:
    """What the address may have behind the question mark; the filters of a list are looked at with their values."""
    action = getattr(view, "action", "")
    if action == "list" and getattr(view, "filterset_class", None) is not None:
        return request.query_params.keys()
    own: Mapping[str, tuple[str, ...]] = getattr(view, "parameters_by_action", {})
    paged = request.method in SAFE_METHODS and action not in ("retrieve", "file", *own)
    return (*own.get(action, ()), "format", *(PAGE if paged else ()))


def caller(request: Request) -> Principal:
    """Who calls a Django REST framework view that KeyAuthentication guards."""
    principal: Any = request.user
    if not isinstance(principal, Principal):
        raise AuthenticationError("The request carries no API key.")
    return principal


def acting(request: Request) -> Actor:
    """Who calls it, as services take it."""
    return caller(request).actor()
