"""Answers in tests: each problem of the API is one that the OpenAPI document declares for its operation."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from unittest.mock import patch

from django.test import Client

from ragsite.gateway.problem_codes import NO_OPERATION

PROBLEM = "application/problem+json"
_ONCE = Lock()


@contextmanager
def every_problem_checked() -> Iterator[None]:
    """Within the block no operation answers a problem that the document does not declare for it."""
    request = Client.request

    def checked(client: Client, **environ: Any) -> Any:
        response = request(client, **environ)
        if response.get("Content-Type") == PROBLEM and response.content:
            _check(environ["REQUEST_METHOD"].lower(), environ["PATH_INFO"], response)
        return response

    with patch.object(Client, "request", checked):
        yield


def _check(method: str, path: str, response: Any) -> None:
    with _ONCE:
        operations = _operations()
    operation = next((methods.get(method) for pattern, methods in operations if pattern.fullmatch(path)), None)
    code = response.json()["code"]
    if operation is None or code in NO_OPERATION:
        return
    declared = operation["responses"].get(str(response.status_code), {})
    assert code in declared.get("description", ""), f"{method} {path} answers {response.status_code} {code}, undeclared"


@functools.cache
def _operations() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The operations by their addresses, literal ones first. Asked for, as nothing of Django may be imported here."""
    document = Client().get("/api/openapi.json").json()
    shared = document["components"]["responses"]
    found = []
    for path, methods in sorted(document["paths"].items(), key=lambda item: item[0].count("{")):
        for operation in methods.values():
            operation["responses"] = {
                status: shared.get(response.get("$ref", "").rpartition("/")[2], response)
                for status, response in operation["responses"].items()
            }
        found.append((re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), methods))
    return found
