"""Problems in the OpenAPI document: each operation lists every status, and for it every code, that it can answer.

What follows from an operation's shape is added here. What is its own stands at the operation, by `answering`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from itertools import groupby
from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema

from ragsite.gateway.problem_codes import EVERYWHERE, PROBLEMS
from ragsite.gateway.problem_examples import EXAMPLES
from ragsite.gateway.problems import CONTENT_TYPE, Problem

OWN = "x-problem-codes"
"""Where an operation keeps its own codes until `problems_declare` has read them."""

BY_PARAMETER = {
    "Idempotency-Key": ("invalid_idempotency_key", "idempotency_mismatch", "idempotency_conflict", "lease_lost"),
    "If-Match": ("precondition_required",),
    "path": ("not_found",),
}
"""By a parameter's name, or where it is."""
BY_FRAMEWORK = {"drf": ("not_acceptable", "unsupported_media_type"), "ninja": ()}
RETRIED = {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}

Method = TypeVar("Method", bound=Callable[..., Any])


def own_codes(*codes: str) -> dict[str, Any]:
    """The codes as an extension of an operation.

    Raises:
        KeyError: the table has no such code.
    """
    return {OWN: sorted(codes, key=PROBLEMS.__getitem__)}


def answering(*codes: str, methods: Sequence[str] | None = None) -> Callable[[Method], Method]:
    """Say that a method of a Django REST framework view can answer these codes, for all or some HTTP methods."""
    decorated: Callable[[Method], Method] = extend_schema(extensions=own_codes(*codes), methods=methods)
    return decorated


def problems_declare(document: dict[str, Any], *, framework: str) -> None:
    """Add to each operation of one framework's document what it can answer beside success."""
    document["components"].setdefault("schemas", {}).update(_schemas())
    for path in document["paths"].values():
        for operation in path.values():
            codes = {*EVERYWHERE, *BY_FRAMEWORK[framework], *operation.pop(OWN, ()), *_shaped(operation)}
            operation["responses"] |= dict(_responses(codes))


def responses_share(document: dict[str, Any]) -> None:
    """Put each answer that several operations have into the document's components, once."""
    shared: dict[str, dict[str, Any]] = {}
    names: dict[str, str] = {}
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if CONTENT_TYPE in response.get("content", ()):
                    name = names.setdefault(repr(response), f"Problem{status}.{len(names)}")
                    shared[name] = response
                    operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    document["components"]["responses"] = shared


def _shaped(operation: Mapping[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        yield from BY_PARAMETER.get(parameter["name"], BY_PARAMETER.get(parameter["in"], ()))


def _responses(codes: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, group in groupby(sorted(codes, key=lambda code: (PROBLEMS[code], code)), key=PROBLEMS.__getitem__):
        yield str(status), _response(HTTPStatus(status), list(group))


def _response(status: HTTPStatus, codes: list[str]) -> dict[str, Any]:
    told = {"type": "object", "properties": {"status": {"const": status.value}, "code": {"enum": codes}}}
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, told]}
    response = {
        "description": " or ".join(f"`{code}`" for code in codes),
        "content": {CONTENT_TYPE: {"schema": schema, "examples": {code: {"value": example(code)} for code in codes}}},
    }
    headers = _headers(status)
    return response | ({"headers": headers} if headers else {})


def example(code: str) -> dict[str, Any]:
    """A problem of that code, as it is answered."""
    status = HTTPStatus(PROBLEMS[code])
    told = {
        "type": f"urn:ragsite:problem:{code}", "title": status.phrase, "status": status.value,
        "detail": EXAMPLES[code], "code": code,
    }  # fmt: skip
    errors = {"errors": [{"field": "name", "message": "This field is required."}]} if code == "invalid_input" else {}
    return told | errors | {"request_id": "0198a203-e599-7979-b251-3e6c4f661cc8"}


def _headers(status: HTTPStatus) -> dict[str, Any]:
    if status is HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": {"schema": {"type": "string"}}}
    if status in RETRIED:
        about = "Seconds after which to try again, if that makes sense."
        return {"Retry-After": {"description": about, "schema": {"type": "integer", "minimum": 1}}}
    return {}


def _schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "Problem": schema}
