"""What OpenAPI promises is what both APIs do: requests are generated from the document and every answer is held against it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, settings
from schemathesis import Case, CheckContext, Response
from schemathesis.checks import CHECKS

from apps.retrieval.answers.turns import AskedTurn
from apps.retrieval.evaluation.runs import evaluation_run_start
from apps.retrieval.evaluation.sets import NewJudgement, evaluation_set_create, question_add
from apps.retrieval.models import Conversation
from apps.retrieval.models.modes import Searching
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from ragsite.api import openapi
from ragsite.gateway.models import ApiKey
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.streaming.inline import runs_inline

FIRST, EACH, EXAMPLES = 24, 8, 3
_tried: dict[str, Iterator[int]] = defaultdict(count)
NOT_HELD = ("positive_data_acceptance",)
"""Schemas can't say what rows there are, so the check below takes its place."""


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


@dataclass(frozen=True, slots=True)
class World:
    """What there is: who asks, and ids by the part of an address that they follow."""

    key: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """A tenant with a document. All operations work in one transaction, whose connection outlives each request."""
    ends = (request_started, request_finished)
    for one in ends:
        one.disconnect(close_old_connections)
    with django_db_blocker.unblock(), transaction.atomic(), runs_inline():
        yield _made()
        transaction.set_rollback(True)
    for one in ends:
        one.connect(close_old_connections)


def _made() -> World:
    version = make.ready_version()
    document = version.document
    measured = evaluation_set_create(knowledge_base=document.knowledge_base, name="Set", actor=ACTOR)
    relevant = [NewJudgement(document_id=document.pk)]
    question = question_add(evaluation_set=measured, text="Berths?", relevant=relevant, actor=ACTOR)
    run = evaluation_run_start(evaluation_set=measured, how=Searching(), actor=ACTOR)
    key = make.api_key(document.tenant)
    conversation = Conversation.objects.create(tenant=document.tenant, begun_by="test", api_key=ApiKey.objects.get())
    scope, request = make.scope(document.knowledge_base), SearchRequest("Berths?")
    turn = AskedTurn("Berths?", request, conversation_id=conversation.pk)
    ask(request, scope=scope, actor=ACTOR, deadline=make.soon(), turn=turn)
    rows = {
        "conversations": conversation, "documents": document, "knowledge-bases": document.knowledge_base, "versions": version,
        "evaluation-sets": measured, "evaluation-questions": question, "evaluation-runs": run,
    }  # fmt: skip
    return World(key, {part: str(row.pk) for part, row in rows.items()})


@pytest.mark.slow
@api.parametrize()
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_names(case: Case, world: World) -> None:
    """Each case finds the world as it was made. Of the many that vary one field at a time, every eighth is tried."""
    number = next(_tried[case.operation.label])
    if number >= FIRST and number % EACH:
        return
    parts = case.operation.path.removeprefix("/api/v1/").split("/")
    if case.meta is not None and case.meta.generation.mode.is_positive and parts[0] in world.ids and len(parts) > 1:
        case.path_parameters |= {
            name: world.ids[parts[0]] for name in case.path_parameters if parts[1] == f"{{{name}}}"
        }
    with transaction.atomic():
        case.call_and_validate(
            headers={"Authorization": f"Bearer {world.key}"},
            excluded_checks=[CHECKS.get_one(name) for name in NOT_HELD],
        )
        transaction.set_rollback(True)
