"""Permissions in the OpenAPI document: each operation says by its `security` which one its key needs.

They stand where OpenAPI 3.1 has the names of roles. Of several requirements one is enough.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from ragsite.gateway.authentication import SCHEME, KeyBearer, Wanted


class KeyAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells Django REST framework's generator how KeyAuthentication works, and what a view asks for."""

    target_class = "ragsite.gateway.authentication.KeyAuthentication"
    name = KeyBearer.__name__  # one scheme for both APIs

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": SCHEME}

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        wanted: Wanted = auto_schema.view.permission_by_method[auto_schema.method]
        one_of = wanted if isinstance(wanted, tuple) else (wanted,)
        return [{self.name: [permission.value]} for permission in one_of]


class KeyedSchema(OpenAPISchema):
    """django-ninja's own document of an API, with what each operation asks for."""

    def operation_security(self, operation: Operation) -> list[dict[str, Any]] | None:
        found = super().operation_security(operation)
        for requirement, auth in zip(found or (), operation.auth_callbacks, strict=True):
            if isinstance(auth, KeyBearer) and auth.permission:
                requirement[type(auth).__name__] = [auth.permission.value]
        return found
