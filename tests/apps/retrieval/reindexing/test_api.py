from __future__ import annotations

from typing import Any

import pytest

from apps.documents.models import KnowledgeBase
from apps.models.installed_model import EmbeddingModel
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import IndexGeneration, Reindex
from ragsite.gateway.models import Permission
from tests import factories as make
from tests.apps.retrieval.evaluation.asking import asked
from tests.apps.retrieval.reindexing.rebuilding import worked
from tests.apps.retrieval.reindexing.test_dropping import long_ago

pytestmark = pytest.mark.django_db


def post(base: KnowledgeBase, action: str = "", *permissions: Permission, **body: Any) -> Any:
    url = f"/api/v1/knowledge-bases/{base.pk}/reindex/{action}"
    return make.client(base.tenant, *permissions).post(url, body, content_type="application/json")


def test_from_start_to_drop(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    asked(base)
    old, client = generation_ensure(base), make.client(base.tenant)
    started = post(base, model=smaller.name, switch="manual")
    assert started.status_code == 202
    assert (started.json()["state"], started.json()["share"], started.json()["chunk_total"]) == ("building", 0, 3)
    assert post(base, model=smaller.name).status_code == 409
    worked(Reindex.objects.get())
    (listed,) = client.get(f"/api/v1/knowledge-bases/{base.pk}/reindex/").json()["results"]
    assert (listed["state"], listed["comparison"][0]["before"]) == ("ready", 1)
    switched = post(base, "switch/").json()
    assert (switched["state"], switched["switched_by"]) == ("switched", "key test, API")
    generations = f"/api/v1/knowledge-bases/{base.pk}/generations/"
    kept = {one["id"]: one["state"] for one in client.get(generations).json()["results"]}
    assert kept == {old.pk: "retired", switched["generation"]: "live"}
    early = client.delete(f"{generations}{old.pk}/")
    assert (early.status_code, early.headers["Retry-After"]) == (409, "20")
    assert post(base, "rollback/").json()["state"] == "switched"
    long_ago(IndexGeneration.objects.get(pk=switched["generation"]))
    assert client.delete(f"{generations}{switched['generation']}/").status_code == 204
    assert client.delete(f"{generations}{switched['generation']}/").status_code == 404
    assert client.delete(f"{generations}{old.pk}/").status_code == 409


def test_a_dry_run_answers_200_with_a_plan(base: KnowledgeBase) -> None:
    planned = post(base, chunking={"size": 64, "overlap": 0}, dry_run=True)
    assert (planned.status_code, planned.json()["is_estimate"]) == (200, True)
    assert not Reindex.objects.exists()


def test_it_is_cancelled_and_then_there_is_nothing_to_resume(base: KnowledgeBase) -> None:
    post(base, chunking={"size": 64, "overlap": 0})
    assert post(base, "resume/").json()["state"] == "building"
    assert post(base, "cancel/").json()["state"] == "cancelled"
    assert post(base, "resume/").status_code == 409


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "nobody/knows"}, 404, "model_not_found"),
        ({"chunking": {"size": 9}}, 422, "invalid_chunking"),
        ({"switch": "now"}, 422, "invalid_input"),
        ({"margin": 2}, 422, "invalid_input"),
        ({}, 409, "conflict"),
    ],
)
def test_an_invalid_request_is_a_problem(base: KnowledgeBase, body: dict[str, Any], status: int, code: str) -> None:
    answer = post(base, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Reindex.objects.exists()


def test_reading_is_not_enough_to_start_one(base: KnowledgeBase) -> None:
    assert post(base, "", Permission.READ, chunking={"size": 64, "overlap": 0}).status_code == 403
    assert not Reindex.objects.exists()
