"""Evaluation over HTTP."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import Document, KnowledgeBase
from apps.retrieval.models import EvaluationQuestion, EvaluationRun, EvaluationSet
from ragsite.gateway.models import Permission
from tests import factories as make
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, document, done, library

pytestmark = pytest.mark.django_db
SETS, RUNS = "/api/v1/evaluation-sets/", "/api/v1/evaluation-runs/"


@pytest.fixture
def base() -> KnowledgeBase:
    return library()


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


@pytest.fixture
def made(base: KnowledgeBase) -> EvaluationSet:
    return asked(base)


def post(client: Client, url: str, **body: Any) -> Any:
    return client.post(url, body, content_type="application/json")


def test_a_set_is_made_filled_renamed_and_deleted(client: Client, base: KnowledgeBase) -> None:
    response = post(client, SETS, knowledge_base=str(base.pk), name="Set")
    assert response.status_code == 201
    url = f"{SETS}{response.json()['id']}/"
    tides = document(base, "tides")
    relevant = [{"version": str(tides.current_version_id), "start": 0, "end": 10, "grade": 2}]
    question = post(client, f"{url}questions/", text="When?", relevant=relevant, reference_answer="At noon.")
    assert question.status_code == 201, question.content
    assert question.json()["relevant"] == [{"document": str(tides.pk), **relevant[0]}]
    listed = client.get(f"{url}questions/").json()
    assert [one["text"] for one in listed["results"]] == ["When?"]
    changed = client.patch(url, {"name": "Renamed"}, content_type="application/json")
    assert (changed.status_code, changed.json()["name"], changed.json()["questions"]) == (200, "Renamed", 1)
    assert client.get(SETS, {"knowledge_base": str(base.pk)}).json()["count"] == 1
    assert client.delete(f"/api/v1/evaluation-questions/{question.json()['id']}/").status_code == 204
    assert not EvaluationQuestion.objects.exists()
    assert client.delete(url).status_code == 204
    assert not EvaluationSet.objects.exists()


@pytest.mark.parametrize(
    "relevant",
    [
        [],
        [{}],
        [{"start": 1, "end": 2}],
        [{"document": "x"}],
        [{"version": "0198c1de-0000-7000-8000-000000000000", "start": 0}],
        [{"document": "0198c1de-0000-7000-8000-000000000000", "grade": 0}],
    ],
    ids=str,
)
def test_a_question_that_says_half_is_refused(client: Client, made: EvaluationSet, relevant: list[Any]) -> None:
    response = post(client, f"{SETS}{made.pk}/questions/", text="When?", relevant=relevant)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")
    assert made.questions.count() == 3


def test_what_is_wrong_stands_apart_from_what_is_relevant_and_can_be_judged_anew(
    client: Client, made: EvaluationSet
) -> None:
    relevant, wrong = ({"document": str(document(made.knowledge_base, name).pk)} for name in ("tides", "berths"))
    url = f"{SETS}{made.pk}/questions/"
    question = post(client, url, text="When?", relevant=[relevant], wrong=[wrong]).json()
    assert [(one["document"], one["grade"]) for one in question["wrong"]] == [(wrong["document"], 0)]
    judge = f"/api/v1/evaluation-questions/{question['id']}/judge/"
    for grade, found in ((2, (2, 0)), (0, (1, 1))):
        told = post(client, judge, **wrong, grade=grade).json()
        assert (len(told["relevant"]), len(told["wrong"])) == found
    assert post(client, judge, **wrong, grade=-1).status_code == 422
    assert post(client, judge, **wrong).status_code == 422


def beir() -> dict[str, Any]:
    corpus = json.dumps({"_id": "buoy", "title": "Buoys", "text": "The buoy is red."})
    return {
        "queries": make.file(json.dumps({"_id": "q1", "text": "Red?"}) + "\n", "queries.jsonl"),
        "qrels": make.file("query-id\tcorpus-id\tscore\nq1\tbuoy\t1\n", "qrels.tsv"),
        "corpus": make.file(gzip.compress(corpus.encode()), "corpus.jsonl.gz"),
    }


def test_beir_s_files_are_imported_with_or_without_their_corpus(client: Client, made: EvaluationSet) -> None:
    url = f"{SETS}{made.pk}/import/"
    without = {name: file for name, file in beir().items() if name != "corpus"}
    assert client.post(url, without).json() == {"questions": 0, "left_out": 1, "unknown_documents": 1}
    response = client.post(url, beir())
    assert (response.status_code, response.json()) == (200, {"questions": 1, "left_out": 0, "unknown_documents": 0})
    assert Document.objects.get(external_id="buoy").title == "Buoys"
    make.run_stages()
    assert done(made).metrics["queries"] == 4


def test_a_csv_is_imported(client: Client, made: EvaluationSet) -> None:
    file = make.file("question,document,passage\nWhen is high water?,tides,at noon\n", "set.csv")
    assert client.post(f"{SETS}{made.pk}/import/", {"csv": file}).json()["questions"] == 1


@pytest.mark.parametrize(
    ("kept", "code"), [(["queries"], "invalid_input"), ([], "invalid_input"), (["corpus"], "invalid_input")], ids=str
)
def test_files_that_do_not_belong_together_are_refused(
    client: Client, made: EvaluationSet, kept: list[str], code: str
) -> None:
    files = {name: file for name, file in beir().items() if name in kept}
    response = client.post(f"{SETS}{made.pk}/import/", files)
    assert (response.status_code, response.json()["code"]) == (422, code)


def test_a_file_that_cannot_be_read_is_named_with_its_line(client: Client, made: EvaluationSet) -> None:
    files = beir() | {"queries": make.file("{", "asked.jsonl")}
    response = client.post(f"{SETS}{made.pk}/import/", files)
    assert (response.status_code, response.json()["code"]) == (422, "unreadable_evaluation_set")
    assert "asked.jsonl, line 1" in response.json()["detail"]
    assert made.questions.count() == 3


def test_a_run_is_started_watched_and_read(client: Client, made: EvaluationSet) -> None:
    response = post(client, RUNS, evaluation_set=str(made.pk), k=5, depth=20)
    assert response.status_code == 202
    run = response.json()
    assert (run["state"], run["metrics"], run["asked_by"]) == ("waiting", {}, "key test, API")
    done(made)
    while make.work_once("evaluate"):
        pass
    watched = client.get(run["url"]).json()
    assert (watched["state"], watched["metrics"]["ndcg@5"], watched["metrics"]["recall@20"]) == ("done", 1, 1)
    results = client.get(f"{run['url']}results/").json()
    assert {one["text"] for one in results["results"]} == set(TEXTS.values())
    assert results["results"][0]["ranking"][0]["grade"] == 1
    assert client.get(RUNS, {"evaluation_set": str(made.pk)}).json()["count"] == 2


def test_two_runs_are_compared(client: Client, made: EvaluationSet) -> None:
    before, after = done(made), done(made)
    response = client.get(f"{RUNS}{after.pk}/compare/", {"against": str(before.pk)})
    assert response.status_code == 200
    compared = response.json()
    assert (compared["run"], compared["against"], compared["shared"]) == (str(after.pk), str(before.pk), 3)
    first = compared["figures"][0]
    assert first == {
        "name": "ndcg@10", "value": 1, "against": 1, "difference": 0, "p": 1, "better": 0, "worse": 0, "same": 3,
    }  # fmt: skip
    assert compared["questions"] == []


@pytest.mark.parametrize(("against", "status"), [("", 422), ("x", 422), ("0198c1de-0000-7000-8000-000000000000", 404)])
def test_a_comparison_with_nothing_is_refused(client: Client, made: EvaluationSet, against: str, status: int) -> None:
    assert client.get(f"{RUNS}{done(made).pk}/compare/", {"against": against}).status_code == status


@pytest.mark.parametrize("body", [{"rerank": True}, {"mode": "x"}, {"k": 0}, {"depth": 5}], ids=str)
def test_a_run_that_cannot_be_is_refused(client: Client, made: EvaluationSet, body: dict[str, Any]) -> None:
    response = post(client, RUNS, evaluation_set=str(made.pk), **body)
    assert response.status_code == 422
    assert not EvaluationRun.objects.exists()


def test_a_foreign_set_and_a_foreign_knowledge_base_do_not_exist(made: EvaluationSet) -> None:
    stranger = make.client(make.tenant())
    foreign = str(made.knowledge_base_id)
    assert post(stranger, SETS, knowledge_base=foreign, name="Mine").status_code == 404
    assert post(stranger, RUNS, evaluation_set=str(made.pk)).status_code == 404
    assert stranger.get(SETS).json()["count"] == stranger.get(RUNS).json()["count"] == 0


def test_a_key_that_only_reads_starts_and_makes_nothing(base: KnowledgeBase, made: EvaluationSet) -> None:
    reader = make.client(base.tenant, Permission.READ)
    assert post(reader, SETS, knowledge_base=str(base.pk), name="Mine").status_code == 403
    assert post(reader, RUNS, evaluation_set=str(made.pk)).status_code == 403
    assert reader.get(f"{SETS}{made.pk}/").status_code == 200


def test_a_run_that_is_asked_for_twice_under_one_key_is_one_run(client: Client, made: EvaluationSet) -> None:
    answers = [
        client.post(RUNS, {"evaluation_set": str(made.pk)}, "application/json", headers={"Idempotency-Key": "k1"})
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert EvaluationRun.objects.count() == 1
