"""Names and pages in a search over real rows: what is preferred, for whom, and what of it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase
from apps.documents.retrieval_settings import Fusion, Mode
from apps.documents.services.knowledge_bases import knowledge_base_update
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.filters import SearchFilters
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.request import SearchRequest
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db

QUESTION = "What was the net revenue of Nike in 2022?"
SENTENCE = "The net revenue of the year rose by four per cent to a new high."
REPORTS = ("ADOBE_2021_10K.pdf", "ADOBE_2022_10K.pdf", "NIKE_2021_10K.pdf", "NIKE_2022_10K.pdf")


def report(base: KnowledgeBase, title: str, *pages: str) -> DocumentVersion:
    """A document of that name whose chunks, one for each page, say this, from page 1 on."""
    version = make.ready_version(base, "\n\n".join(pages or (SENTENCE,)), filename=f"{title}.txt", title=title)
    for number, chunk in enumerate(Chunk.objects.filter(version=version).order_by("ordinal"), 1):
        Chunk.objects.filter(pk=chunk.pk).update(place={"kind": "page", "number": number, "label": ""})
    return version


def reports(base: KnowledgeBase, titles: Sequence[str] = REPORTS) -> None:
    """Documents that say the same but for a word, which no two of them share."""
    for number, title in enumerate(titles):
        report(base, title, f"{SENTENCE} Note {number}.")


def searched(base: KnowledgeBase, question: str = QUESTION, **how: Any) -> tuple[Passage, ...]:
    return retrieve(SearchRequest(question, **how), scope=make.scope(base), deadline=make.soon()).passages


def titles(passages: Sequence[Passage]) -> list[str]:
    return [one.document_title for one in passages]


def told(passages: Sequence[Passage]) -> list[tuple[Any, ...]]:
    return [
        (one.document_title, pytest.approx(one.score), one.scores.named, one.scores.name_words, one.scores.page_rank)
        for one in passages
    ]


@pytest.fixture
def base() -> KnowledgeBase:
    return make.knowledge_base()


def test_of_reports_that_say_the_same_the_one_that_the_question_names_comes_first(base: KnowledgeBase) -> None:
    reports(base)
    for title in REPORTS:
        company, year, _ = title.split("_")
        found = searched(base, f"What was the net revenue of {company.title()} in FY{year[2:]}?")
        assert found[0].document_title == title
        assert (found[0].scores.named, found[0].scores.name_words) == (1.0, (company.lower(), year))
        assert found[0].score == pytest.approx(0.9 * (found[0].scores.fused or 0) + 0.1)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_names_count_as_much_as_the_knowledge_base_or_the_request_says(base: KnowledgeBase) -> None:
    reports(base)
    assert {one.scores.named for one in searched(base, names=0)} == {None}
    strongest = searched(base, names=1)
    assert [one.score for one in strongest] == [pytest.approx(one.scores.named) for one in strongest]
    knowledge_base_update(knowledge_base=base, retrieval={"names": 0, "same_page": 1}, actor=ACTOR)
    assert {(one.scores.named, one.scores.page_rank) for one in searched(base)} == {(None, None)}
    assert searched(base, names=0.1)[0].document_title == "NIKE_2022_10K.pdf"


def test_a_question_that_names_nothing_finds_the_fused_order_as_it_is(base: KnowledgeBase) -> None:
    reports(base)
    found = searched(base, "How did profits develop?")
    assert found == searched(base, "How did profits develop?", names=0)
    assert [one.score for one in found] == [one.scores.fused for one in found]


@pytest.mark.parametrize("how", [{"mode": Mode.DENSE}, {"mode": Mode.LEXICAL}, {"fusion": Fusion.RRF}], ids=str)
def test_other_orders_weigh_neither_and_read_nothing_for_it(base: KnowledgeBase, how: dict[str, Any]) -> None:
    reports(base)
    with CaptureQueriesContext(connection) as queries:
        found = searched(base, **how)
    assert {(one.scores.named, one.scores.page_rank) for one in found} == {(None, None)}
    assert not any("candidate" in query["sql"] or "place->>'kind'" in query["sql"] for query in queries)


def test_what_may_not_be_seen_changes_nothing_by_its_name(base: KnowledgeBase) -> None:
    reports(base, REPORTS[:3])
    alone = told(searched(base))
    assert alone[0][0] == "NIKE_2021_10K.pdf"
    hidden = report(base, "Net revenue of Nike in 2022.pdf", f"{SENTENCE} Note 9.").document
    assert told(searched(base)) != alone, "while it can be seen it has the most of the question"
    Document.objects.filter(pk=hidden.pk).update(restricted=True)
    assert told(searched(base)) == alone


def test_names_count_among_what_a_filter_leaves(base: KnowledgeBase) -> None:
    reports(base)
    left = [Document.objects.get(title=title).pk for title in REPORTS[:3]]
    found = searched(base, filters=SearchFilters(document_ids=frozenset(left)))
    assert set(titles(found)) == set(REPORTS[:3])
    assert found[0].scores.named == 1.0


def test_pages_come_before_further_passages_of_one_page(base: KnowledgeBase) -> None:
    version = report(
        base, "Guide", *(f"{SENTENCE} Berth {number} costs {number} euros." * 12 for number in range(1, 7))
    )
    chunks = list(Chunk.objects.filter(version=version).order_by("ordinal"))
    assert len(chunks) >= 4
    first_page = {chunk.pk for chunk in chunks[: len(chunks) // 2]}
    Chunk.objects.filter(pk__in=first_page).update(place={"kind": "page", "number": 1, "label": ""})
    question, everything = "What was the net revenue?", {"top_k": 50}
    before = {one.chunk_id: one for one in searched(base, question, same_page=1, **everything)}
    found = searched(base, question, **everything)
    of_page = [one for one in found if one.chunk_id in first_page]
    assert [one.scores.page_rank for one in of_page] == list(range(1, len(of_page) + 1))
    for one in of_page:
        assert one.score == pytest.approx(before[one.chunk_id].score * 0.8 ** ((one.scores.page_rank or 0) - 1))
    assert {one.scores.page_rank for one in found if one.chunk_id not in first_page} == {1}
    strict = searched(base, question, same_page=0, **everything)
    pages = [(one.place or {})["number"] for one in strict]
    others = len(set(pages))
    assert len(set(pages[:others])) == others, "each page once before any comes again"


def test_a_threshold_applies_to_the_score_that_is_told(base: KnowledgeBase) -> None:
    reports(base)
    everything = searched(base)
    least = everything[1].score
    assert told(searched(base, threshold=least)) == told([one for one in everything if one.score >= least])


def test_diversity_chooses_among_what_was_preferred(base: KnowledgeBase) -> None:
    reports(base)
    found = searched(base, top_k=2, diversity=0.3)
    assert len(found) == 2
    assert found[0].document_title == "NIKE_2022_10K.pdf"


def test_the_api_says_what_was_preferred_and_why(base: KnowledgeBase) -> None:
    reports(base)
    client: Client = make.client(base.tenant)
    body = {"query": QUESTION, "explain": True, "names": 0.2}
    found = client.post("/api/v1/search", body, content_type="application/json").json()
    first, *others = found["passages"]
    assert (first["title"], first["scores"]["named"]) == ("NIKE_2022_10K.pdf", 1.0)
    assert (first["scores"]["name_words"], first["scores"]["page_rank"]) == (["nike", "2022"], 1)
    assert all(0 <= one["scores"]["named"] < 1 for one in others)
    assert (found["explanation"]["names"], found["explanation"]["same_page"]) == (0.2, 0.8)
