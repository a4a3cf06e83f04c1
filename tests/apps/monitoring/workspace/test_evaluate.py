"""The Evaluate tab: runs in plain words, what to try next, and who may start one."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import KnowledgeBase
from apps.monitoring.workspace import evaluate
from apps.retrieval.models import EvaluationResult, EvaluationRun, EvaluationSet, RunState
from ragsite.gateway.models import Membership
from tests.apps.retrieval.evaluation.asking import asked, done, library

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    return library()


def url(base: KnowledgeBase) -> str:
    return f"/admin/knowledge-bases/{base.pk}/evaluate/"


def shown(client: Client, base: KnowledgeBase) -> list[evaluate.ShownSet]:
    sets: list[evaluate.ShownSet] = client.get(url(base)).context["sets"]
    return sets


def ranked(run: EvaluationRun, *ranks: float) -> None:
    """As if the right documents had come at these ranks; 0 for not at all."""
    for result, rank in zip(EvaluationResult.objects.filter(run=run).order_by("pk"), ranks, strict=True):
        EvaluationResult.objects.filter(pk=result.pk).update(metrics={"mrr": 1 / rank if rank else 0.0})


def member(base: KnowledgeBase, *codenames: str) -> Client:
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(UserPermission.objects.filter(codename__in=codenames))
    Membership.objects.create(user=user, tenant=base.tenant)
    client = Client()
    client.force_login(user)
    return client


def test_without_sets_it_is_said_how_to_begin(admin_client: Client, base: KnowledgeBase) -> None:
    page = admin_client.get(url(base)).content.decode()
    assert "No questions to measure with yet" in page
    assert f"/admin/knowledge-bases/{base.pk}/ask/" in page


def test_a_run_is_told_in_plain_words_with_what_to_try_next(
    admin_client: Client, base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "reranker_default", lambda: object())
    ranked(done(asked(base)), 1, 20, 0)
    (one,) = shown(admin_client, base)
    assert one.reading == evaluate.Reading(total=3, first=1, among=1, missed=1)
    assert [text.split(":")[0] for text in one.advice] == [
        "At 1 the right document is found, but not first", "At 1 it is not found at all", "Run it by words alone, too",
    ]  # fmt: skip
    page = " ".join(html.unescape(admin_client.get(url(base)).content.decode()).split())
    assert (
        "<strong>1 of 3</strong> questions have the right document first, 1 among the first 10; 1 does not find it."
        in page
    )


def test_runs_are_drawn_a_line_for_each_way_and_the_last_two_compared(
    admin_client: Client, base: KnowledgeBase
) -> None:
    questions = asked(base)
    first, last = done(questions), done(questions)
    (one,) = shown(admin_client, base)
    (line,) = json.loads(one.chart)["datasets"]
    assert line["data"] == [run.metrics["ndcg@10"] for run in (first, last)]
    assert one.compare == f"?run={last.pk}&against={first.pk}"
    assert admin_client.get(url(base) + one.compare).status_code == 200


def test_a_run_is_started_and_followed(admin_client: Client, base: KnowledgeBase) -> None:
    questions = asked(base)
    admin_client.post(url(base), {"set": questions.pk, "mode": "lexical"})
    run = EvaluationRun.objects.get()
    assert (run.evaluation_set, run.mode, run.rerank, run.asked_by) == (questions, "lexical", False, "admin, admin")
    part = admin_client.get(f"{url(base)}?part=live").content.decode()
    assert "Waits for a worker" in part
    assert "hx-trigger" in part
    EvaluationRun.objects.update(state=RunState.FAILED, error="Broken.")
    assert "hx-trigger" not in admin_client.get(f"{url(base)}?part=live").content.decode()


@pytest.mark.parametrize(
    "sent", [{"mode": "lexical"}, {"set": "own", "mode": "fly"}, {"set": "other", "mode": "lexical"}]
)
def test_nothing_is_started_for_a_set_of_another_one_or_in_no_way(
    admin_client: Client, base: KnowledgeBase, sent: dict[str, str]
) -> None:
    sets = {"own": asked(base), "other": asked(library())}
    named: Any = {name: sets[value].pk if value in sets else value for name, value in sent.items()}
    assert admin_client.post(url(base), named).status_code == 404
    assert not EvaluationRun.objects.exists()


def test_who_may_only_look_starts_nothing(base: KnowledgeBase) -> None:
    questions = asked(base)
    client = member(base, "view_evaluationset")
    assert "<form" not in client.get(f"{url(base)}?part=live").content.decode()
    assert client.post(url(base), {"set": questions.pk, "mode": "lexical"}).status_code == 403


def test_as_many_queries_for_many_sets_as_for_one(admin_client: Client, base: KnowledgeBase) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin_client.get(url(base))
        return len(captured)

    done(asked(base))
    queries()
    before = queries()
    for number in range(2):
        done(asked(base, name=f"Set {number}"))
    assert queries() == before
    assert EvaluationSet.objects.count() == 3
