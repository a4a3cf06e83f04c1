"""Evaluation measures what every reader of a knowledge base reads, and reveals nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission as UserPermission
from django.contrib.auth.models import User
from django.test import Client

from apps.documents.models import Document, DocumentVersion, KnowledgeBase, Visibility
from apps.documents.services.documents import document_update
from apps.documents.services.knowledge_bases import knowledge_base_update
from apps.retrieval.models import EvaluationQuestion, EvaluationSet, Judgement
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, document, done, library

pytestmark = pytest.mark.django_db
SETS, RUNS = "/api/v1/evaluation-sets/", "/api/v1/evaluation-runs/"


@pytest.fixture
def base() -> KnowledgeBase:
    return library()


@pytest.fixture
def made(base: KnowledgeBase) -> EvaluationSet:
    return asked(base)


def restrict(base: KnowledgeBase, *names: str) -> None:
    for name in names:
        document_update(document=document(base, name), restricted=True, actor=ACTOR)
    if not names:
        knowledge_base_update(knowledge_base=base, visibility=Visibility.RESTRICTED, actor=ACTOR)


def staff(base: KnowledgeBase) -> tuple[User, Client]:
    """A member of the tenant who may do in the admin whatever staff may."""
    user, client = make.member(base.tenant, is_staff=True), Client()
    user.user_permissions.set(UserPermission.objects.filter(content_type__app_label__in=["retrieval", "documents"]))
    client.force_login(user)
    return user, client


def test_a_restricted_knowledge_base_is_measured_like_any_other(base: KnowledgeBase, made: EvaluationSet) -> None:
    restrict(base)
    run = done(made)
    assert run.state == "done", run.error
    assert (run.metrics["queries"], run.metrics["ndcg@10"]) == (3, 1)


def test_a_restricted_document_is_neither_asked_for_nor_found(base: KnowledgeBase, made: EvaluationSet) -> None:
    restrict(base, "tides")
    run = done(made)
    assert (run.metrics["queries"], run.metrics["ndcg@10"], run.parameters["documents"]) == (2, 1, 2)
    ranked = {place["document"] for result in run.results.all() for place in result.ranking}
    assert ranked == {str(document(base, "harbour").pk), str(document(base, "berths").pk)}


def test_what_was_restricted_after_a_run_has_no_title_in_its_results(base: KnowledgeBase, made: EvaluationSet) -> None:
    url = f"{RUNS}{done(made).pk}/results/"
    client = make.client(base.tenant)

    def titles() -> set[str]:
        return {place["title"] for result in client.get(url).json()["results"] for place in result["ranking"]}

    assert titles() == {"Harbour", "Berths", "Tides"}
    restrict(base, "tides")
    assert titles() == {"Harbour", "Berths", ""}


def test_over_http_sets_questions_and_runs_are_those_of_knowledge_bases_that_are_read(
    base: KnowledgeBase, made: EvaluationSet
) -> None:
    run, question = done(made), EvaluationQuestion.objects.all()[0]
    key, client = make.keyed(base.tenant)
    pages = [f"{SETS}{made.pk}/", f"{SETS}{made.pk}/questions/", f"{RUNS}{run.pk}/", f"{RUNS}{run.pk}/results/",
             f"{RUNS}{run.pk}/compare/?against={run.pk}"]  # fmt: skip
    restrict(base)
    assert [client.get(page).status_code for page in pages] == [404] * 5
    assert [client.get(page).json()["count"] for page in (SETS, RUNS)] == [0, 0]
    started = client.post(RUNS, {"evaluation_set": str(made.pk)}, content_type="application/json")
    new = client.post(SETS, {"knowledge_base": str(base.pk), "name": "New"}, content_type="application/json")
    deleted = client.delete(f"/api/v1/evaluation-questions/{question.pk}/")
    assert (started.status_code, new.status_code, deleted.status_code) == (404, 404, 404)
    make.grant(base, key)
    assert [client.get(page).status_code for page in pages] == [200] * 5


@pytest.mark.parametrize("passage", ["High water is at noon", "High water is at midnight"])
def test_an_import_does_not_reveal_what_is_in_a_restricted_document(
    base: KnowledgeBase, made: EvaluationSet, passage: str
) -> None:
    restrict(base, "tides")
    csv = make.file(f"question,document,passage\nWhen?,tides,{passage}\n", "questions.csv")
    response = make.client(base.tenant).post(f"{SETS}{made.pk}/import/", {"csv": csv})
    assert response.json() == {"questions": 0, "left_out": 1, "unknown_documents": 1}


def test_a_restricted_document_is_unknown_to_who_says_what_is_relevant(
    base: KnowledgeBase, made: EvaluationSet
) -> None:
    restrict(base, "tides")
    tides = document(base, "tides")
    for relevant in ({"document": str(tides.pk)}, {"version": str(tides.current_version_id), "start": 0, "end": 5}):
        body: dict[str, Any] = {"text": "When?", "relevant": [relevant]}
        response = make.client(base.tenant).post(f"{SETS}{made.pk}/questions/", body, content_type="application/json")
        assert response.status_code == 404, response.content
    assert not EvaluationQuestion.objects.filter(text="When?").exists()


def test_a_corpus_does_not_write_over_what_its_sender_may_not_read(base: KnowledgeBase, made: EvaluationSet) -> None:
    restrict(base, "tides")
    files = {
        "corpus": make.file('{"_id": "tides", "text": "Mine now."}\n', "corpus.jsonl"),
        "queries": make.file('{"_id": "q", "text": "When?"}\n', "queries.jsonl"),
        "qrels": make.file("query-id\tcorpus-id\tscore\nq\ttides\t1\n", "qrels.tsv"),
    }
    response = make.client(base.tenant).post(f"{SETS}{made.pk}/import/", files)
    assert response.status_code == 409, response.content
    assert b"Tides" not in response.content
    assert DocumentVersion.objects.filter(document=document(base, "tides")).count() == 1
    assert Document.objects.count() == 3


def test_in_the_admin_too(base: KnowledgeBase, made: EvaluationSet) -> None:
    run, question = done(made), EvaluationQuestion.objects.all()[0]
    user, client = staff(base)
    elsewhere = asked(library(), name="Of another tenant")
    lists = [f"/admin/retrieval/{model}/" for model in ("evaluationset", "evaluationquestion", "evaluationrun")]
    pages = [f"{lists[0]}{made.pk}/change/", f"{lists[1]}{question.pk}/change/", f"{lists[2]}{run.pk}/change/"]
    assert [client.get(page).status_code for page in pages] == [200] * 3
    restrict(base)
    assert [client.get(page).status_code for page in pages] == [404] * 3
    for page in [*lists, f"{lists[0]}add/"]:
        response = client.get(page)
        assert response.status_code == 200
        assert not {str(made.pk), str(base.pk), str(elsewhere.pk), str(elsewhere.knowledge_base_id), str(run.pk)} & set(
            response.content.decode().replace('"', "/").replace("=", "/").split("/")
        )
    make.grant(base, user)
    assert [client.get(page).status_code for page in pages] == [200] * 3


def test_a_passage_is_marked_only_in_a_knowledge_base_that_is_read(base: KnowledgeBase, made: EvaluationSet) -> None:
    version = document(base, "tides").current_version
    assert version is not None
    about = {"knowledge_base": base.pk, "question": TEXTS["berths"], "version": version.pk, "start": 0, "end": 10}
    user, client = staff(base)
    before = Judgement.objects.count()
    restrict(base)
    assert "be marked. Reload the page." in client.post("/admin/retrieval/query/mark/", about).content.decode()
    assert Judgement.objects.count() == before
    make.grant(base, user)
    client.post("/admin/retrieval/query/mark/", about)
    assert Judgement.objects.count() == before + 1
