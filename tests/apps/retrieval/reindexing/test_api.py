from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.documents.models import KnowledgeBase
from apps.documents.services.documents import document_update
from apps.models.installed_model import EmbeddingModel
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import IndexGeneration, Reindex
from apps.retrieval.reindexing import planning
from ragsite.gateway.models import Permission
from tests import factories as make
from tests.acting import ACTOR
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
    told = client.get(f"{generations}{old.pk}/").json()
    assert (told["has_hnsw"], told["quantised"]) == (old.has_hnsw, old.quantised) == (False, False)
    IndexGeneration.objects.filter(pk=old.pk).update(has_hnsw=True, quantised=True)
    assert client.get(f"{generations}{old.pk}/").json()["quantised"] is True
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


WRITES = (Permission.READ, Permission.WRITE)
SECRET = "\n\n".join(f"The salary of the harbour master is {number} euros a month." for number in range(60))


def plan(client: Client, base: KnowledgeBase, **body: Any) -> dict[str, Any]:
    answer = client.post(
        f"/api/v1/knowledge-bases/{base.pk}/reindex/", {"dry_run": True, **body}, content_type="application/json"
    )
    assert answer.status_code == 200, answer.content
    planned: dict[str, Any] = answer.json()
    return {name: value for name, value in planned.items() if name not in {"rate", "seconds"}}


@pytest.mark.parametrize("change", [{}, {"chunking": {"size": 64, "overlap": 0}}], ids=["model", "chunking"])
def test_a_dry_run_counts_what_its_key_may_see(base: KnowledgeBase, smaller: EmbeddingModel, change: Any) -> None:
    key, client = make.keyed(base.tenant, *WRITES)
    asked_for = change or {"model": smaller.name}
    before = plan(client, base, **asked_for)
    hidden = make.ready_version(base, SECRET, filename="salaries.txt").document
    document_update(document=hidden, restricted=True, actor=ACTOR)
    seen = plan(client, base, **asked_for)
    assert {**seen, "megabytes": 0} == {**before, "megabytes": 0}
    whole = plan(make.client(base.tenant, *WRITES, Permission.GRANTS), base, **asked_for)
    assert (whole["documents"], whole["versions"]) == (before["documents"] + 1, before["versions"] + 1)
    assert whole["chunks"] > before["chunks"]
    make.grant(hidden, key)
    assert plan(client, base, **asked_for) == whole


def test_the_room_that_is_told_does_not_come_from_a_partition_with_hidden_rows(
    base: KnowledgeBase, smaller: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "BYTES_BESIDE_VECTOR", 2**20 - 2 * smaller.dimensions)
    hidden = make.ready_version(base, SECRET, filename="salaries.txt").document
    document_update(document=hidden, restricted=True, actor=ACTOR)
    planned = plan(make.client(base.tenant, *WRITES), base, model=smaller.name)
    assert planned["megabytes"] == planned["chunks"]


def test_a_re_index_takes_in_what_is_hidden_and_tells_its_key_no_numbers_of_it(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    hidden = make.ready_version(base, SECRET, filename="salaries.txt").document
    document_update(document=hidden, restricted=True, actor=ACTOR)
    client, url = make.client(base.tenant, *WRITES), f"/api/v1/knowledge-bases/{base.pk}/reindex/"
    started = client.post(url, {"model": smaller.name, "switch": "manual"}, content_type="application/json")
    assert started.status_code == 202
    Reindex.objects.update(error="Version 1 of 'salaries.txt' cannot be chunked like this.")
    (listed,) = client.get(url).json()["results"]
    for told in (started.json(), listed):
        assert {told[name] for name in ("chunk_total", "chunk_done", "embedded", "reused")} == {None}
    assert "salaries" not in str(listed)
    assert "It stopped" in listed["text"]
    (whole,) = make.client(base.tenant).get(url).json()["results"]
    assert whole["chunk_total"] > 3
    assert "salaries" in whole["text"]


@pytest.mark.parametrize(("permissions", "named"), [(WRITES, "A document"), ((), "'own.txt'")], ids=["writer", "owner"])
def test_a_refusal_names_no_document_that_is_hidden(base: KnowledgeBase, permissions: Any, named: str) -> None:
    hidden = make.ready_version(base, SECRET, filename="own.txt", chunking={"overlap": 60}).document
    document_update(document=hidden, restricted=True, actor=ACTOR)
    refused = post(base, "", *permissions, chunking={"size": 64, "overlap": 0})
    assert refused.status_code == 422, refused.content
    assert refused.json()["detail"].startswith(f"{named} has chunking of its own: ")


def test_an_index_is_divided_by_the_parts_that_are_asked_for(base: KnowledgeBase) -> None:
    client = make.client(base.tenant)
    assert client.get(f"/api/v1/knowledge-bases/{base.pk}/").json()["parts"] == "none"
    assert post(base, parts="type").status_code == 202
    worked(Reindex.objects.get())
    assert client.get(f"/api/v1/knowledge-bases/{base.pk}/").json()["parts"] == "type"
    listed = client.get(f"/api/v1/knowledge-bases/{base.pk}/generations/").json()["results"]
    assert {one["state"]: (one["parts"], one["has_hnsw"]) for one in listed} == {
        "live": ("type", False), "retired": ("none", False),
    }  # fmt: skip
    assert post(base, parts="type").status_code == 409
    assert post(base, parts="day").json()["code"] == "invalid_input"


def test_the_parts_of_a_knowledge_base_are_set_when_it_is_made_and_then_by_a_re_index_alone() -> None:
    client = make.client(make.tenant())
    made = client.post("/api/v1/knowledge-bases/", {"name": "Mails", "parts": "month"}, content_type="application/json")
    assert (made.status_code, made.json()["parts"]) == (201, "month")
    there = f"/api/v1/knowledge-bases/{made.json()['id']}/"
    assert client.patch(there, {"parts": "year"}, content_type="application/json").status_code == 422
    assert client.get(there).json()["parts"] == "month"
    for parts in ("day", "", None):
        refused = client.post(
            "/api/v1/knowledge-bases/", {"name": "B", "parts": parts}, content_type="application/json"
        )
        assert refused.status_code == 422, parts
