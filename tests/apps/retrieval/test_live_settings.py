"""Settings that change while the system runs, seen from those who go by them: in the one knowledge base, and not beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.documents.intake.fetching import document_upload_from_url, url_ingestion_check
from apps.documents.lifecycle import parsing
from apps.documents.models import DocumentVersion, KnowledgeBase
from apps.documents.parsing.registry import parser_for
from apps.monitoring.alerts.rules import RULES, rules_with
from apps.retrieval import pipeline
from apps.retrieval.answers.cache import store
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.reranking import RerankResult
from ragsite.core.configuration import SearchSettings
from ragsite.core.dynamic.places import INSTALLATION, Place
from ragsite.gateway.errors import PermissionDeniedError
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.doors.recalled import ask, is_hit
from tests.dynamic import holding


@pytest.fixture
def version(db: None) -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def base(version: DocumentVersion) -> KnowledgeBase:
    return version.document.knowledge_base


@pytest.fixture(autouse=True)
def _cache(settings: Any) -> Iterator[None]:
    settings.RAGSITE_ANSWER_CACHE_SECONDS = 600
    yield
    store.PROCESS.clear()


def test_answers_are_kept_where_that_is_set_and_not_where_it_is_0(base: KnowledgeBase) -> None:
    client = make.client(base.tenant)
    with holding({("answers.kept_seconds", Place.of_base(base)): 0}):
        ask(client)
        assert not is_hit(ask(client))
    ask(client)
    assert is_hit(ask(client))
    with holding({("answers.kept_seconds", Place(base.tenant_id)): 0}):
        assert not is_hit(ask(client))
    with holding({("answers.kept_seconds", Place(make.tenant().pk)): 0}):
        assert is_hit(ask(client))


def test_a_reranker_reads_as_many_passages_as_are_set_for_the_knowledge_base(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []

    def rerank(text: str, found: Any, *, most: int, **_: Any) -> RerankResult:
        read.append(most)
        return RerankResult(tuple(found))

    monkeypatch.setattr(pipeline, "rerank_passages", rerank)
    monkeypatch.setattr(pipeline, "reranker_required", lambda: None)
    one, both = make.scope(base), make.scope(base, make.knowledge_base(of=base.tenant))
    with holding({("search.reranked", INSTALLATION): 40, ("search.reranked", Place.of_base(base)): 7}):
        for scope in (one, both):
            retrieve(SearchRequest("berths", rerank=True), scope=scope, deadline=make.soon())
        assert SearchSettings.current(one.place).seconds == SearchSettings.current().seconds
    assert read == [7, 40]


def test_scans_are_read_in_the_knowledge_base_where_that_is_set(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def parser(kind: Any, *, recognises: bool) -> Any:
        asked.append(recognises)
        return parser_for(kind, recognises=False)

    monkeypatch.setattr(parsing, "parser_for", parser)
    other = make.knowledge_base(of=base.tenant)
    with holding({("documents.ocr", Place.of_base(base)): True}):
        for where in (base, other):
            make.upload(where, f"Words for {where.pk}")
            make.run_stages(["parse"])
    assert asked == [True, False]


def test_an_owner_switches_fetching_off_for_a_knowledge_base_alone(base: KnowledgeBase, settings: Any) -> None:
    settings.RAGSITE_URL_INGESTION = True
    with holding({("fetching.enabled", Place.of_base(base)): False}):
        url_ingestion_check()
        with pytest.raises(PermissionDeniedError, match="switched off here") as refused:
            document_upload_from_url("http://93.184.216.34/a.txt", knowledge_base=base, actor=ACTOR)
    assert refused.value.error_code == "url_ingestion_off"


def test_what_has_waited_for_as_long_as_is_set_is_an_alert() -> None:
    assert rules_with(queue_seconds=600) == RULES
    (rule,) = [one for one in rules_with(queue_seconds=60) if one.name == "queue-waits"]
    assert (rule.opens, rule.closes) == (60, 12)
