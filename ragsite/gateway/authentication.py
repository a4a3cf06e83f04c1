"""One way in for both APIs: the bearer key becomes a Principal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from ninja.security import HttpBearer
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from ragsite.core.actors import Actor
from ragsite.gateway.errors import AuthenticationError
from ragsite.gateway.keys import Principal, principal_of_key
from ragsite.gateway.models import Permission

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports the classes named in the settings, this one among them

SCHEME = "bearer"


def principal_of_header(header: str) -> Principal:
    """The caller named by an Authorization header.

    Raises:
        AuthenticationError: there is no bearer key, or it is not valid.
    """
    scheme, _, key = header.partition(" ")
    if scheme.lower() != SCHEME or not key.strip():
        raise AuthenticationError("The request carries no API key.")
    return principal_of_key(key.strip())


class KeyAuthentication(BaseAuthentication):
    """For Django REST framework: request.user is the Principal."""

    def authenticate(self, request: Request) -> tuple[Principal, None]:
        return principal_of_header(request.headers.get("Authorization", "")), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class KeyBearer(HttpBearer):
    """For django-ninja: request.auth is the Principal."""

    def __call__(self, request: HttpRequest) -> Principal:
        return principal_of_header(request.headers.get("Authorization", ""))

    def authenticate(self, request: HttpRequest, token: str) -> Principal:
        return principal_of_key(token)


class HasPermission(BasePermission):
    """Asks for the permission the view names for its action; a view that names none serves nobody."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed: dict[str, Permission] = getattr(view, "permission_by_method", {})
        permission = needed.get(request.method or "")
        if permission is None:
            if not getattr(view, "action", None):
                raise MethodNotAllowed(request.method or "")
            return False
        caller(request).require(permission)
        return True


def caller(request: Request) -> Principal:
    """Who calls a Django REST framework view that KeyAuthentication guards."""
    principal: Any = request.user
    if not isinstance(principal, Principal):
        raise AuthenticationError("The request carries no API key.")
    return principal


def acting(request: Request) -> Actor:
    """Who calls it, as services take it."""
    return caller(request).actor()


class KeyAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells the OpenAPI generator how KeyAuthentication works."""

    target_class = "ragsite.gateway.authentication.KeyAuthentication"
    name = KeyBearer.__name__  # one scheme for both APIs

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": SCHEME}
