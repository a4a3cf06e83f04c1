"""What of the API goes, since when and until when: one table, told with every answer (RFC 9745, RFC 8594) and in OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import http_date

SEE = "/api/docs"


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Since when an operation is deprecated, when it goes, if that is known, and where it is said what replaces it."""

    since: datetime
    sunset: datetime | None = None
    see: str = SEE

    def headers(self) -> dict[str, str]:
        told = {"Deprecation": f"@{int(self.since.timestamp())}", "Link": f'<{self.see}>; rel="deprecation"'}
        return told | ({"Sunset": http_date(self.sunset.timestamp())} if self.sunset else {})


DEPRECATIONS: Mapping[tuple[str, str], Deprecation] = {}
"""By method and route, as `("GET", "api/v1/documents/<uuid:pk>/")`; the method `*` stands for all."""


def day(year: int, month: int, day_: int) -> datetime:
    """Midnight UTC, for the table."""
    return datetime(year, month, day_, tzinfo=UTC)


def deprecation_tell(request: HttpRequest, response: HttpResponseBase) -> None:
    """Add to an answer what is said of its route."""
    match = request.resolver_match
    found = deprecation_of(request.method or "", match.route) if match and DEPRECATIONS else None
    if found:
        for name, value in found.headers().items():
            response[name] = value


def deprecation_of(method: str, route: str) -> Deprecation | None:
    return DEPRECATIONS.get((method, route)) or DEPRECATIONS.get(("*", route))


def deprecations_declare(document: dict[str, Any]) -> None:
    """Mark the operations of the table in an OpenAPI document, where parameters of paths may have other names."""
    there = {re.sub(r"{[^}]+}", "{}", path): operations for path, operations in document["paths"].items()}
    for method, route in DEPRECATIONS:
        for name, operation in there.get("/" + re.sub(r"<[^>]+>", "{}", route), {}).items():
            if method in ("*", name.upper()):
                operation["deprecated"] = True
