"""What OpenAPI promises is what both APIs do: requests are generated from the document and every answer is held against it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import httpx
import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import Client, override_settings
from django.test import client as testing
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from hypothesis import HealthCheck, settings
from schemathesis import Case, CheckContext, Response
from schemathesis.checks import CHECKS

from apps.monitoring.analytics import api as analytics
from ragsite.api import openapi
from tests.apps.monitoring.analytics.engine import engine_asked, engine_served
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.locks import around_example
from tests.ragsite.contract_requests import DOING, ELSEWHERE, Sent, body_of
from tests.ragsite.contract_world import ROOT, World, world_made

FIRST, EACH, EXAMPLES = 24, 8, 3
_tried: dict[str, Iterator[int]] = defaultdict(count)
NOT_HELD = {
    "positive_data_acceptance": "schemas can't say what rows there are: the check below takes its place, and DOING what succeeds",
}
"""Checks of schemathesis that are not held, each with its reason."""


@schemathesis.check
def not_called_invalid(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    """What the schema allows may fail for what it names, but no field of it has a wrong form. What a body says as a whole, such
    as which files belong together, is more than the schema of a form can say.
    """
    if case.meta is not None and case.meta.generation.mode.is_positive and response.status_code == 422:
        assert not [one for one in response.json().get("errors", []) if one["field"]], response.text
    return None


def generated() -> Any:
    """The document as schemathesis knows it, with this process as the server."""
    config = schemathesis.Config.from_dict(
        {
            "generation": {"deterministic": True, "allow-x00": False, "database": "none"},
            "phases": {"stateful": {"enabled": False}},
        }
    )
    schema = schemathesis.openapi.from_dict(openapi(), config=config)
    schema.app = WSGIHandler()
    return schema


api = generated()
HELD = [name for name in CHECKS.get_all_names() if name not in NOT_HELD]
ANSWERS = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    )
]
"""The checks that an answer alone can be held against."""


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the world's files are, from its beginning to its end."""
    return tmp_path_factory.mktemp("contract")


@pytest.fixture(autouse=True)
def _stored(blobs: Path, settings: Any) -> Iterator[None]:
    """Each test has the world's files, as it has its rows; its own go with it."""
    before, settings.RAGSITE_BLOB_DIR = settings.RAGSITE_BLOB_DIR, blobs
    yield
    settings.RAGSITE_BLOB_DIR = before


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, blobs: Path) -> Iterator[World]:
    """A tenant with a row of everything. All operations work in one transaction, whose connection outlives each request."""
    ends = (request_started, request_finished)
    for one in ends:
        one.disconnect(close_old_connections)
    with (
        engine_served() as folder,
        engine_asked(folder) as reports,
        patch.object(analytics, "store_for_reading", lambda: reports),
        django_db_blocker.unblock(),
        around_example(),
        runs_inline(),
        override_settings(RAGSITE_BLOB_DIR=blobs, RAGSITE_CLICKHOUSE_URL="embedded"),
        patch.object(testing, "close_old_connections", _kept_open),
    ):
        yield world_made()
        transaction.set_rollback(True)
    for one in ends:
        one.connect(close_old_connections)


def _kept_open(**_: Any) -> None:
    """What Django's test client lets close connections by again after each request."""


def test_every_check_is_on_but_those_that_are_named_with_their_reason() -> None:
    """A check that a newer schemathesis brings is held from then on, or named here."""
    assert set(NOT_HELD) <= set(CHECKS.get_all_names())
    assert all(api.config.checks.get_by_name(name=name).enabled for name in HELD)


OPERATIONS = {
    f"{one.ok().method.upper()} {one.ok().path.removeprefix(ROOT)}": one.ok() for one in api.get_all_operations()
}


def test_the_requests_are_to_operations_that_there_are() -> None:
    assert (DOING.keys() | ELSEWHERE.keys()) - OPERATIONS.keys() == set()
    assert not DOING.keys() & ELSEWHERE.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", [one for one in OPERATIONS if one not in ELSEWHERE])
def test_every_operation_does_what_it_is_there_for_and_answers_as_the_document_says(name: str, world: World) -> None:
    operation = OPERATIONS[name]
    with around_example():
        sent = DOING.get(name, lambda world: Sent())(world)
        ids = world.ids_in(operation.path) | dict(sent.ids)
        response = done_by(operation, sent, operation.path.format_map(ids), world)
        transaction.set_rollback(True)
    assert response.is_success, response.text
    operation.Case(path_parameters=ids, query=dict(sent.query)).validate_response(response, checks=ANSWERS)


def done_by(operation: Any, sent: Sent, path: str, world: World) -> httpx.Response:
    """The answer to the request, as it would go over the line."""
    headers = {"Authorization": f"Bearer {sent.bearer or world.key}"}
    if sent.form is not None:
        content = encode_multipart(BOUNDARY, dict(sent.form))
        kind = MULTIPART_CONTENT
    else:
        content, kind = (b"" if sent.body is None else json.dumps(sent.body).encode()), "application/json"
    method = operation.method.upper()
    asked = f"{path}?{urlencode(sent.query)}" if sent.query else path
    response = Client().generic(method, asked, content, kind, headers=headers)
    request = httpx.Request(method, f"http://testserver{asked}")
    told = httpx.Response(response.status_code, headers=response.headers, content=body_of(response), request=request)
    told.elapsed = timedelta()
    return told


@pytest.mark.slow
@api.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_names(case: Case, world: World) -> None:
    """Each case finds the world as it was made. Of the many that vary one field at a time, every eighth is tried."""
    number = next(_tried[case.operation.label])
    if number >= FIRST and number % EACH:
        return
    if case.meta is not None and case.meta.generation.mode.is_positive:
        case.path_parameters |= {
            name: id_ for name, id_ in world.ids_in(case.operation.path).items() if name in case.path_parameters
        }
    with around_example():
        case.call_and_validate(
            headers={"Authorization": f"Bearer {world.key}"},
            excluded_checks=[CHECKS.get_one(name) for name in NOT_HELD],
        )
        transaction.set_rollback(True)
