"""Answers to requests that are refused before Django sees them: named, readable, traced and logged as all others are."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.http import JsonResponse
from django.urls import Resolver404, resolve

from ragsite.core.errors import RagError
from ragsite.core.logs.filtering import UNKNOWN_ROUTE
from ragsite.core.request_ids import in_request, request_id_from
from ragsite.gateway.cors import cors_tell
from ragsite.gateway.headers import CSP, PERMISSIONS, PERMISSIONS_POLICY, policy_of
from ragsite.gateway.openai_errors import shaped
from ragsite.gateway.problems import problem_response
from ragsite.gateway.request_ids import HEADER
from ragsite.gateway.request_traces import GIVEN, TOLD, request_served
from ragsite.gateway.visits import Scope

ROUTES_KEPT = 256
"""Of the last addresses: where much is refused most of it is of few, and to look one up takes a tenth of refusing it."""


def refused_response(error: RagError, scope: Scope | None) -> JsonResponse:
    """The answer, with the id of its request and in the shape of its address; without a scope nothing is known of the request."""
    method, path = ("", "") if scope is None else (scope["method"], scope["path"])
    given = {} if scope is None else _headers(scope)
    id_ = request_id_from(given.get(HEADER.lower(), ""))
    with in_request(id_), request_served(method, path, given.get(GIVEN, "")) as served:
        response = shaped(problem_response(error), path)
        served.route, served.status = _route(path, settings.ROOT_URLCONF), response.status_code
    if served.trace:
        response[TOLD] = served.trace
    response[HEADER] = id_
    response[CSP], response[PERMISSIONS_POLICY] = policy_of(path), PERMISSIONS
    cors_tell(response, path, given.get("origin", ""))
    return response


@lru_cache(maxsize=ROUTES_KEPT)
def _route(path: str, urls: str) -> str:
    try:
        return f"/{resolve(path, urls).route}"
    except Resolver404:
        return UNKNOWN_ROUTE


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
