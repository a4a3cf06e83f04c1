"""Search and answers over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.retrieval_settings import RetrievalSettings
from apps.documents.services.documents import document_delete
from apps.documents.services.knowledge_bases import knowledge_base_update
from apps.documents.services.purging import documents_purge
from apps.models.errors import DeadlineExceededError
from apps.retrieval.models import Answer, Citation, Query
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.transports import Failing, Garbage

pytestmark = pytest.mark.django_db

SEARCH, ASK, ANSWERS = "/api/v1/search", "/api/v1/ask", "/api/v1/answers/"
QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def base(version: DocumentVersion) -> KnowledgeBase:
    return version.document.knowledge_base


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


def post(client: Client, url: str, **body: Any) -> Any:
    return client.post(url, body, content_type="application/json")


def written() -> tuple[int, int, int, int]:
    processed = OutboxEvent.objects.filter(type="query.processed").count()
    return Query.objects.count(), Answer.objects.count(), Citation.objects.count(), processed


def test_an_answer_is_a_sentence_of_the_documents_with_the_span_it_stands_at(
    client: Client, version: DocumentVersion
) -> None:
    response = post(client, ASK, question=QUESTION)
    assert response.status_code == 200
    answer = response.json()
    assert (answer["question"], answer["found"], answer["generator"]) == (QUESTION, True, "extractive")
    assert answer["answer"].startswith(SENTENCE)
    for citation in answer["citations"]:
        assert version.parsed.text[citation["start"] : citation["end"]] == citation["quote"]
        assert citation["version"] == str(version.pk)
        assert citation["document"] == str(version.document_id)
    first = answer["citations"][0]
    assert (first["claim"], first["quote"], first["heading_path"]) == (0, SENTENCE, ["Harbour handbook", "Berths"])
    assert answer["milliseconds"].keys() == {
        "scope", "embed", "dense", "lexical", "fuse", "passages", "context", "generate", "cite",
    }  # fmt: skip


def test_an_answer_is_saved_published_and_the_same_later(client: Client, base: KnowledgeBase) -> None:
    answer = post(client, ASK, question=QUESTION, knowledge_bases=[str(base.pk)]).json()
    assert written() == (1, 1, len(answer["citations"]), 1)
    query = Query.objects.get()
    assert (query.question, query.asked_by, query.tenant) == (QUESTION, "key test, API", base.tenant)
    assert query.knowledge_base_ids == [str(base.pk)]
    event = OutboxEvent.objects.get(type="query.processed")
    assert (event.key, event.tenant_id) == (str(query.pk), base.tenant_id)
    assert (event.payload["found"], event.payload["citations"]) == (True, len(answer["citations"]))
    assert QUESTION not in str(event.payload), "what people ask stays here"
    later = client.get(f"{ANSWERS}{answer['id']}")
    assert later.status_code == 200
    assert later.json() == answer


@pytest.mark.parametrize("purged", [False, True])
def test_an_answer_goes_with_the_documents_it_quotes(client: Client, version: DocumentVersion, purged: bool) -> None:
    answer = post(client, ASK, question=QUESTION).json()
    document_delete(document=version.document, actor=ACTOR)
    if purged:
        assert not documents_purge(turns.long())
        assert not Citation.objects.exists()
    assert client.get(f"{ANSWERS}{answer['id']}").status_code == 404
    assert post(client, ASK, question=QUESTION).json()["found"] is False


def test_an_answer_is_for_the_key_that_asked(client: Client, base: KnowledgeBase) -> None:
    for question in (QUESTION, "Who composed the ninth symphony in Vienna?"):
        answer = post(client, ASK, question=question).json()
        assert client.get(f"{ANSWERS}{answer['id']}").json() == answer
        assert make.client(base.tenant).get(f"{ANSWERS}{answer['id']}").status_code == 404


def test_another_tenants_answer_does_not_exist(client: Client) -> None:
    answer = post(client, ASK, question=QUESTION).json()
    response = make.client(make.tenant()).get(f"{ANSWERS}{answer['id']}")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_not_found_is_an_answer_and_not_an_error(client: Client) -> None:
    response = post(client, ASK, question="Who composed the ninth symphony in Vienna?")
    assert response.status_code == 200
    answer = response.json()
    assert (answer["found"], answer["citations"]) == (False, [])
    assert answer["answer"] == "Not found in your documents."
    assert written() == (1, 1, 0, 1)


@pytest.mark.parametrize("named", [[], None], ids=["none named", "none there"])
def test_an_empty_scope_finds_nothing_and_needs_no_model(
    version: DocumentVersion, named: list[str] | None, use_transport: Callable[[Any], None]
) -> None:
    use_transport(Failing(AssertionError("a model was asked")))
    client = make.client(version.document.tenant if named == [] else make.tenant())
    assert post(client, SEARCH, query=QUESTION, knowledge_bases=named).json()["passages"] == []
    answer = post(client, ASK, question=QUESTION, knowledge_bases=named)
    assert (answer.status_code, answer.json()["found"]) == (200, False)


def test_a_search_gives_the_passages_best_first_with_their_spans(client: Client, version: DocumentVersion) -> None:
    passages = post(client, SEARCH, query=QUESTION).json()["passages"]
    assert SENTENCE in passages[0]["text"]
    scores = [passage["score"] for passage in passages]
    assert scores == sorted(scores, reverse=True)
    for passage in passages:
        assert version.parsed.text[passage["start"] : passage["end"]] == passage["text"]
    assert written() == (0, 0, 0, 0), "a search is not kept"


def test_passages_of_several_knowledge_bases_come_as_one_list(client: Client, base: KnowledgeBase) -> None:
    other = make.knowledge_base(of=base.tenant)
    make.ready_version(other, "Berths for guests: the harbour has many.", filename="a.txt")
    everywhere = post(client, SEARCH, query=QUESTION).json()["passages"]
    assert {passage["knowledge_base"] for passage in everywhere} == {str(base.pk), str(other.pk)}
    scores = [passage["score"] for passage in everywhere]
    assert scores == sorted(scores, reverse=True)
    only = post(client, SEARCH, query=QUESTION, knowledge_bases=[str(other.pk)]).json()["passages"]
    assert {passage["knowledge_base"] for passage in only} == {str(other.pk)}


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_each_mode_answers_with_the_scores_and_ranks_of_its_legs(client: Client, mode: str) -> None:
    found = post(client, SEARCH, query=QUESTION, mode=mode, top_k=2, explain=True).json()
    explanation = found["explanation"]
    assert explanation["mode"] == mode
    legs = ["dense", "lexical"] if mode == "hybrid" else [mode]
    assert [plan["leg"] for plan in explanation["plans"]] == legs
    assert explanation["candidates"]["passages"] == len(found["passages"]) <= 2
    assert {*legs, "embed", "fuse", "passages"} <= explanation["milliseconds"].keys()
    for place, passage in enumerate(found["passages"], start=1):
        scores = passage["scores"]
        if mode == "hybrid":
            assert (scores["fused"], scores["fused_rank"]) == (passage["score"], place)
            assert {scores["dense_rank"], scores["lexical_rank"]} != {None}
        else:
            assert (scores[mode], scores[f"{mode}_rank"]) == (passage["score"], place)
            assert scores["fused"] is None
    assert SENTENCE in found["passages"][0]["text"]


def test_the_plan_and_the_candidates_of_each_step_are_given_on_request(
    client: Client, base: KnowledgeBase, version: DocumentVersion
) -> None:
    assert post(client, SEARCH, query=QUESTION).json()["explanation"] is None
    generation = base.generations.get().pk
    told = post(client, SEARCH, query=QUESTION, explain=True).json()["explanation"]
    assert {name: told[name] for name in RetrievalSettings().to_dict()} == RetrievalSettings().to_dict()
    assert told["plans"] == [
        {"leg": "dense", "plan": "exact", "generations": [generation], "parts": []},
        {"leg": "lexical", "plan": "pruned", "generations": [generation], "parts": []},
    ]
    assert told["candidates"]["dense"] == told["candidates"]["fused"] == version.chunk_count


def test_a_knowledge_base_is_searched_as_it_is_set_unless_the_request_says_otherwise(
    client: Client, base: KnowledgeBase
) -> None:
    knowledge_base_update(
        knowledge_base=base, retrieval={"mode": "hybrid", "fusion": "rrf", "weight": 0.3}, actor=ACTOR
    )

    def told(**body: Any) -> tuple[str, str, float]:
        explanation = post(client, SEARCH, query=QUESTION, explain=True, **body).json()["explanation"]
        return explanation["mode"], explanation["fusion"], explanation["weight"]

    assert told() == ("hybrid", "rrf", 0.3)
    assert told(mode="dense", weight=0.9) == ("dense", "rrf", 0.9)
    assert told(fusion="convex") == ("hybrid", "convex", 0.3)
    other = make.knowledge_base(of=base.tenant)
    make.ready_version(other)
    assert told() == ("hybrid", "convex", RetrievalSettings().weight), "the two are not set alike"
    assert told(knowledge_bases=[str(base.pk)]) == ("hybrid", "rrf", 0.3)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"mode": "psychic"}, "mode"), ({"fusion": "cold"}, "fusion"), ({"weight": 1.1}, "weight"), ({"weight": "x"}, "weight"),
     ({"names": 2}, "names"), ({"same_page": -1}, "same_page"),
     ({"threshold": "high"}, "threshold")],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize(("url", "field"), [(SEARCH, "query"), (ASK, "question")])
def test_what_nothing_can_be_searched_by_is_refused_by_name(
    client: Client, url: str, field: str, wrong: dict[str, Any], named: str
) -> None:
    response = post(client, url, **{field: QUESTION}, **wrong)
    assert response.status_code == 422
    assert [named] == [error["field"].rpartition(".")[2] for error in response.json()["errors"]]


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_passages_below_the_threshold_are_left_out(client: Client, mode: str) -> None:
    passages = post(client, SEARCH, query=QUESTION, mode=mode).json()["passages"]
    least = passages[0]["score"]
    kept = post(client, SEARCH, query=QUESTION, mode=mode, threshold=least).json()["passages"]
    assert kept == [passage for passage in passages if passage["score"] >= least]
    assert post(client, SEARCH, query=QUESTION, mode=mode, threshold=1000).json()["passages"] == []


@pytest.mark.parametrize(("top_k", "status"), [(0, 422), (-1, 422), (101, 422), (1.5, 422), (1, 200), (100, 200)])
@pytest.mark.parametrize(("url", "field"), [(SEARCH, "query"), (ASK, "question")])
def test_top_k_has_bounds(client: Client, url: str, field: str, top_k: float, status: int) -> None:
    assert post(client, url, **{field: QUESTION}, top_k=top_k).status_code == status


def test_no_more_than_top_k_passages_are_given(client: Client, base: KnowledgeBase) -> None:
    make.ready_version(base, "Guests find berths in the harbour.", filename="a.txt")
    assert len(post(client, SEARCH, query=QUESTION, top_k=1).json()["passages"]) == 1
    assert len(post(client, SEARCH, query=QUESTION, top_k=100).json()["passages"]) > 1


@pytest.mark.parametrize(
    ("transport", "status", "code", "retry_after"),
    [
        (Failing(ModelUnavailableError("No worker.", code="circuit_open", retry_after=7.2)), 503, "circuit_open", "7"),
        (Failing(ModelUnavailableError("No worker.", retry_after=0.1)), 503, "model_unavailable", "1"),
        (Failing(ModelUnavailableError("No worker.", status=504, code="deadline_exceeded")), 504, "deadline_exceeded", None),
        (Failing(DeadlineExceededError("Too late.")), 504, "deadline_exceeded", None),
        (Garbage(), 503, "invalid_embedding", None),
    ],
    ids=["breaker open", "no worker", "no worker in time", "too late", "no numbers"],
)  # fmt: skip
@pytest.mark.parametrize(("url", "field"), [(SEARCH, "query"), (ASK, "question")])
def test_by_meaning_alone_a_model_that_does_not_answer_is_a_problem_that_says_when_to_come_back(
    client: Client, use_transport: Callable[[Any], None], url: str, field: str,
    transport: Any, status: int, code: str, retry_after: str | None,
) -> None:  # fmt: skip
    use_transport(transport)
    response = post(client, url, **{field: QUESTION}, mode="dense")
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert (response.json()["code"], response.get("Retry-After")) == (code, retry_after)
    assert written() == (0, 0, 0, 0)


@pytest.mark.parametrize("mode", [None, "hybrid"])
def test_a_search_without_a_model_goes_by_words_and_says_so(
    client: Client, use_transport: Callable[[Any], None], mode: str | None
) -> None:
    use_transport(Failing(ModelUnavailableError("No worker.", code="circuit_open")))
    response = post(client, SEARCH, query=QUESTION, mode=mode, explain=True)
    assert response.status_code == 200
    found = response.json()
    (degraded,) = found["degraded"]
    assert (degraded["step"], degraded["code"]) == ("embed", "circuit_open")
    assert "only its words were searched for. No worker." in degraded["detail"]
    assert SENTENCE in found["passages"][0]["text"]
    assert found["explanation"]["mode"] == "lexical"
    assert {passage["scores"]["dense"] for passage in found["passages"]} == {None}


def test_a_search_by_words_needs_no_model(client: Client, use_transport: Callable[[Any], None]) -> None:
    use_transport(Failing(AssertionError("a model was asked")))
    found = post(client, SEARCH, query=QUESTION, mode="lexical").json()
    assert found["degraded"] == []
    assert SENTENCE in found["passages"][0]["text"]


def test_an_answer_found_by_words_alone_is_an_answer(client: Client) -> None:
    answer = post(client, ASK, question=QUESTION, mode="lexical").json()
    assert answer["answer"].startswith(SENTENCE)


def test_by_meaning_alone_a_deadline_that_has_passed_is_504(client: Client, settings: Any) -> None:
    settings.RAGSITE_SEARCH_SECONDS = 0
    response = post(client, ASK, question=QUESTION, mode="dense")
    assert (response.status_code, response.json()["code"]) == (504, "deadline_exceeded")
    assert written() == (0, 0, 0, 0)


def test_a_question_is_kept_as_it_was_asked_less_the_space_around_it(client: Client) -> None:
    asked = "  Where do guests — «Gäste» 🐋 — moor?\n"
    assert post(client, ASK, question=asked).json()["question"] == asked.strip()


def test_what_was_left_out_of_an_answer_is_told_only_as_long_as_all_that_it_was_made_from_may_be_read(
    client: Client, base: KnowledgeBase
) -> None:
    other = make.ready_version(base, "Berths for guests are painted blue.", filename="other.txt")
    asked = post(client, ASK, question=QUESTION).json()
    assert str(other.pk) in {one["version"] for one in asked["passages"]} - {
        one["version"] for one in asked["citations"]
    }
    answer = Answer.objects.get(pk=asked["id"])
    left_out = {"text": "The berths are blue.", "verdict": "unsupported", "confidence": 1.0, "shown": False}
    Answer.objects.filter(pk=answer.pk).update(statements=[*answer.statements, left_out])

    def told() -> list[str]:
        return [one["text"] for one in client.get(f"/api/v1/answers/{answer.pk}").json()["sentences"]]

    assert told()[-1] == "The berths are blue."
    Document.objects.filter(pk=other.document_id).update(restricted=True)
    assert told() == [one["text"] for one in answer.statements]


def test_passages_citations_and_sources_say_what_their_document_is_called_beside_its_title() -> None:
    base = make.ready_version(filename="HARBOUR_RULES_2022.md").document.knowledge_base
    client = make.client(base.tenant)
    answer = post(client, ASK, question=QUESTION).json()
    found = post(client, SEARCH, query=QUESTION).json()["passages"] + answer["passages"] + answer["citations"]
    assert {(one["title"], one["name"]) for one in found} == {("HARBOUR_RULES_2022.md", "Harbour Rules 2022")}


def test_a_passage_of_a_file_whose_name_says_nothing_is_called_by_the_title_that_the_file_tells() -> None:
    base = make.ready_version(filename="0001.md").document.knowledge_base
    (passage, *_) = post(make.client(base.tenant), SEARCH, query=QUESTION).json()["passages"]
    assert (passage["title"], passage["name"]) == ("0001.md", "Harbour handbook")
