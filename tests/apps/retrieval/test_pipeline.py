"""The read path as a whole: modes, several knowledge bases, models, statements."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.documents.models import Document, KnowledgeBase
from apps.documents.retrieval_settings import Fusion, Mode
from apps.documents.rights.access import reading_as
from apps.documents.services.documents import document_delete
from apps.models.models import ModelStatus, ModelVersion
from apps.retrieval import pipeline
from apps.retrieval.models import IndexGeneration
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.dense import generations_in_scope
from apps.retrieval.search.filters import scope_condition
from apps.retrieval.search.fusion import RankedChunk, Scores
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.refining import passages_load
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.retrieval import Retrieval
from tests import factories as make
from tests.acting import ACTOR

pytestmark = pytest.mark.django_db

TEXTS = [
    "The harbour has 42 berths for guests.",
    "A berth costs 31 euros a night.",
    "Life jackets must be worn on the pier.",
    "The lock opens twice a day at high tide.",
    "The harbour master keeps the harbour log.",
    "Order the part XR-2041 for the crane.",
]
QUESTION = "How many berths has the harbour?"


def filled(base: KnowledgeBase, texts: list[str]) -> None:
    for text in texts:
        make.ready_version(base, text, filename="note.txt", title="Note")


def asked(request: SearchRequest, *bases: KnowledgeBase) -> Retrieval:
    return retrieve(request, scope=make.scope(*bases), deadline=make.soon())


def another_version(of: ModelVersion) -> ModelVersion:
    """A further version of the model, of the same files."""
    values = {
        field.name: getattr(of, field.name) for field in of._meta.fields if field.name not in ("id", "created_at")
    }
    return ModelVersion.objects.create(**values | {"revision": "another", "status": ModelStatus.RETIRED})


def told(passages: tuple[Passage, ...]) -> list[tuple[Any, ...]]:
    """What a passage says and why it stands where it stands, without its ids."""
    return [(one.text, pytest.approx(one.score), comparable(one.scores)) for one in passages]


def comparable(scores: Scores) -> tuple[Any, ...]:
    rounded = [None if one is None else pytest.approx(one) for one in (scores.dense, scores.lexical, scores.fused)]
    return (*rounded, scores.dense_rank, scores.lexical_rank, scores.fused_rank)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("fusion", Fusion)
def test_several_knowledge_bases_are_searched_as_if_they_were_one(mode: Mode, fusion: Fusion) -> None:
    tenant = make.tenant()
    whole, first, second = (make.knowledge_base(of=tenant) for _ in range(3))
    filled(whole, TEXTS)
    filled(first, TEXTS[:2])
    filled(second, TEXTS[2:])
    request = SearchRequest(QUESTION, mode=mode, fusion=fusion)
    together, apart = asked(request, whole).passages, asked(request, first, second).passages
    assert told(together) == told(apart)
    assert {passage.knowledge_base_id for passage in apart} == {first.pk, second.pk}
    assert len(apart) >= 3


def test_a_hybrid_search_gives_each_leg_a_score_for_what_the_other_found() -> None:
    base = make.knowledge_base()
    filled(base, TEXTS)
    with patch.object(SearchRequest, "depth", 2):
        found = asked(SearchRequest(QUESTION, top_k=10), base)
    assert found.candidates["dense"] == found.candidates["lexical"] == 2
    everything = {passage.chunk_id: passage for passage in asked(SearchRequest(QUESTION), base).passages}
    assert all(passage.scores.dense is not None for passage in found.passages)
    for passage in found.passages:
        whole = everything[passage.chunk_id].scores
        assert passage.scores.dense == pytest.approx(whole.dense)
        assert passage.scores.lexical == (None if whole.lexical is None else pytest.approx(whole.lexical))


def test_a_part_number_is_found_by_words_and_missed_by_no_mode_that_has_them() -> None:
    base = make.knowledge_base()
    filled(base, TEXTS)
    for mode in (Mode.LEXICAL, Mode.HYBRID):
        first = asked(SearchRequest("XR-2041", mode=mode), base).passages[0]
        assert (first.text, first.scores.lexical_rank) == (TEXTS[5], 1)


@pytest.mark.parametrize(("mode", "most"), [(Mode.DENSE, 8), (Mode.LEXICAL, 8), (Mode.HYBRID, 10)])
def test_a_search_takes_few_statements_however_many_knowledge_bases_there_are(mode: Mode, most: int) -> None:
    tenant = make.tenant()
    bases = [make.knowledge_base(of=tenant) for _ in range(4)]
    for base in bases:
        filled(base, TEXTS[:3])
    counts = []
    for searched in (bases[:1], bases):
        with CaptureQueriesContext(connection) as queries:
            assert asked(SearchRequest(QUESTION, mode=mode), *searched).passages
        counts.append(len(queries))
    assert counts[0] == counts[1] <= most


def test_a_block_of_reading_within_one_of_the_same_scope_costs_nothing() -> None:
    scope, other = make.scope(make.knowledge_base()), make.scope(make.knowledge_base())
    with reading_as(scope), CaptureQueriesContext(connection) as queries:
        with reading_as(scope):
            pass
        assert len(queries) == 0
        with reading_as(other), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('ragsite.tenant')")
            assert cursor.fetchone() == (str(other.tenant_id),)
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('ragsite.tenant')")
            assert cursor.fetchone() == (str(scope.tenant_id),)


def test_passages_come_in_the_order_that_was_found_and_none_that_may_no_longer_be_seen() -> None:
    base = make.knowledge_base()
    filled(base, TEXTS[:3])
    scope = make.scope(base)
    found = asked(SearchRequest(QUESTION), base).passages
    backwards = [RankedChunk(one.chunk_id, one.score, one.scores) for one in reversed(found)]
    assert passages_load(backwards, scope_condition(scope), scope=scope) == tuple(reversed(found))
    document_delete(document=Document.objects.get(pk=found[0].document_id), actor=ACTOR)
    assert passages_load(backwards, scope_condition(scope), scope=scope) == tuple(reversed(found[1:]))
    assert passages_load([], scope_condition(scope), scope=scope) == ()


def test_what_is_deleted_while_a_search_runs_is_not_shown() -> None:
    base = make.knowledge_base()
    filled(base, TEXTS[:3])
    rank = pipeline.rank

    def deleted_meanwhile(*legs: Any, **settings: Any) -> tuple[RankedChunk, ...]:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            cursor.execute("UPDATE documents_document SET deleted_at = now()")
            cursor.execute("SET LOCAL ROLE ragsite_reader")
        return rank(*legs, **settings)

    with patch.object(pipeline, "rank", deleted_meanwhile):
        assert asked(SearchRequest(QUESTION), base).passages == ()


def test_models_that_differ_are_each_asked_with_their_own_vector() -> None:
    tenant = make.tenant()
    bases = [make.knowledge_base(of=tenant) for _ in range(2)]
    for base in bases:
        filled(base, TEXTS[:2])
    first, second = generations_in_scope(make.scope(*bases))
    IndexGeneration.objects.filter(pk=second.pk).update(model_version=another_version(first.model_version))
    found = asked(SearchRequest(QUESTION, mode=Mode.DENSE), *bases)
    assert {plan.generations for plan in found.plans} == {(first.pk,), (second.pk,)}
    assert len(found.questions) == 2
    assert [passage.score for passage in found.passages][:2] == [1, 1], "the best of each model is as good"
