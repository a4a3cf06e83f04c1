"""What ASGI calls a request, and what the edge notes in it: of which kind it is, and from whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ragsite.gateway.routes import Kind

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]
Send: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[None]]

HEALTH = ("/health/", "/healthz", "/readyz")

UNKNOWN = ""
"""The tenant of all callers that are not known. They share its turns."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Requests of one tenant share its turns, and within the tenant those of one key. A user of the admin is a tenant alone."""

    tenant: str
    key: str

    @property
    def is_known(self) -> bool:
        return self.tenant != UNKNOWN


@dataclass(frozen=True, slots=True)
class Visit:
    """A request as the edge let it in."""

    kind: Kind
    caller: Caller

    def note(self, scope: Scope) -> None:
        scope["visit"] = self

    @classmethod
    def of(cls, scope: Scope) -> Visit:
        """As the edge noted it; without an edge all are of one caller."""
        found: Visit = scope.get("visit") or cls(Kind.OTHER, Caller(UNKNOWN, ""))
        return found


def unknown_caller(scope: Scope) -> Caller:
    """Known by nothing but the address."""
    return Caller(UNKNOWN, str((scope.get("client") or ("",))[0]))
