from __future__ import annotations

import pytest

from apps.documents.models import KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.index.lexical import merges, reanalysing, writing
from apps.retrieval.index.lexical.analysis import ANALYSIS, terms_of_question
from apps.retrieval.index.lexical.merges import lexical_merge, lexical_repair
from apps.retrieval.index.lexical.reanalysing import lexical_reanalyse
from apps.retrieval.index.lexical.writing import lexical_build
from apps.retrieval.models import LexicalSegment
from apps.retrieval.search.filters import scope_condition
from apps.retrieval.search.lexical import lexical_search
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.texts import document, index_of


def hits(base: KnowledgeBase, text: str) -> int:
    scope, generation = make.scope(base), generation_ensure(base)
    result = lexical_search(scope_condition(scope), scope=scope, generations=[generation], text=text, limit=1000)
    ids = [hit.chunk_id for hit in result.hits]
    assert len(ids) == len(set(ids)), "nothing is found twice"
    return len(ids)


def held() -> list[int]:
    return sorted(LexicalSegment.objects.filter(analysis=ANALYSIS).values_list("chunk_count", flat=True))


@pytest.mark.django_db
def test_what_an_earlier_analysis_wrote_is_found_at_any_moment_while_it_is_written_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reanalysing, "CHUNKS", 2)
    base = make.knowledge_base()
    with monkeypatch.context() as earlier:
        # As the first analysis wrote it.
        earlier.setattr(writing, "terms_of_text", lambda text, language: terms_of_question(text, analyses=[1]))
        earlier.setattr(writing.segment_write, "__kwdefaults__", {"analysis": 1})
        written = [document(base, [f"søknad {number} nord", "side"]) for number in range(3)]
        lexical_build(index_of(base))
    document(base, ["søknad ny"])
    lexical_build(index_of(base))
    moments = [(hits(base, "søknad"), hits(base, "soknad"))]
    while lexical_reanalyse():
        moments.append((hits(base, "søknad"), hits(base, "soknad")))
    assert moments == [(4, 1), (4, 2), (4, 3), (4, 4)]
    assert set(LexicalSegment.objects.values_list("analysis", flat=True)) == {ANALYSIS}
    assert held() == [1, 2, 2, 2]
    assert not lexical_repair(turns.long())
    assert held() == [1, 2, 2, 2]
    document_delete(document=written[0], actor=ACTOR)
    assert hits(base, "soknad") == 3


@pytest.mark.django_db
def test_segments_of_different_analyses_are_not_merged() -> None:
    base = make.knowledge_base()
    for number in range(merges.FAN):
        document(base, [f"Berth {number}"])
        lexical_build(index_of(base))
    LexicalSegment.objects.filter(pk=LexicalSegment.objects.order_by("pk")[0].pk).update(analysis=1)
    assert not lexical_merge(turns.long())
    assert LexicalSegment.objects.count() == merges.FAN
    assert not lexical_repair(turns.long())
    assert not lexical_merge(turns.long())
    assert LexicalSegment.objects.values_list("analysis", "chunk_count").get() == (ANALYSIS, merges.FAN)
