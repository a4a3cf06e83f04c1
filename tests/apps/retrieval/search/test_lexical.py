from __future__ import annotations

import inspect
import random

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.documents.lifecycle.versions import document_rollback
from apps.documents.models import Chunk, Document, KnowledgeBase
from apps.documents.rights.access import AccessScope
from apps.documents.services.documents import document_delete, document_update
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.index.lexical.merges import lexical_repair
from apps.retrieval.index.lexical.writing import lexical_build
from apps.retrieval.models import LexicalSegment
from apps.retrieval.search import lexical
from apps.retrieval.search.filters import Condition, scope_condition
from apps.retrieval.search.lexical import LexicalPlan, LexicalResult, lexical_search
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.texts import bm25_by_hand, document, found_chunks, index_of, version

pytestmark = pytest.mark.django_db

WORDS = [
    "harbour",
    "berth",
    "crane",
    "tide",
    "pilot",
    "rope",
    "anchor",
    "buoy",
    "lock",
    "quay",
    "XR-2041",
    "42",
    "mole",
    "ferry",
]
BERTHS = "The harbour has 42 berths for guests."


def search(base: KnowledgeBase, text: str, *conditions: Condition, limit: int = 10) -> LexicalResult:
    condition = scope_condition(make.scope(base))
    for further in conditions:
        condition &= further
    scope, generation = make.scope(base), generation_ensure(base)
    return lexical_search(condition, scope=scope, generations=[generation], text=text, limit=limit)


def found(base: KnowledgeBase, text: str, *conditions: Condition) -> list[str]:
    """The texts of the chunks that are found, best first."""
    ids = [hit.chunk_id for hit in search(base, text, *conditions).hits]
    texts = dict(Chunk.objects.filter(pk__in=ids).values_list("pk", "text"))
    return [texts[pk] for pk in ids]


def indexed(base: KnowledgeBase, *documents: list[str]) -> list[Document]:
    made = [document(base, chunks) for chunks in documents]
    lexical_build(index_of(base))
    return made


def assert_exact(base: KnowledgeBase, question: str) -> None:
    expected = bm25_by_hand(found_chunks(base), question)
    hits = search(base, question, limit=1000).hits
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected])
    assert {hit.chunk_id: pytest.approx(hit.score) for hit in hits} == dict(expected)


def test_no_search_goes_without_a_condition() -> None:
    condition = inspect.signature(lexical_search).parameters["condition"]
    assert condition.default is inspect.Parameter.empty


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "update", "delete", "rename", "roll back", "repair", "build"]),
        st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9), min_size=1, max_size=3),
        st.integers(0, 99),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, question=st.lists(st.sampled_from(WORDS), min_size=1, max_size=5))
def test_scores_are_those_of_brute_force_whatever_came_and_went(
    steps: list[tuple[str, list[list[str]], int]], question: list[str]
) -> None:
    base = make.knowledge_base()
    documents: list[Document] = []
    for what, chunks, number in steps:
        one = documents[number % len(documents)] if documents else None
        texts = [" ".join(words) for words in chunks]
        if what == "add":
            documents.append(document(base, texts))
        elif what == "repair":
            lexical_repair(turns.long())
        elif what == "build":
            lexical_build(index_of(base))
        elif one is not None:
            change(what, one, texts)
    lexical_repair(turns.long())
    assert_exact(base, " ".join(question))
    assert sum(LexicalSegment.objects.filter(knowledge_base_id=base.pk).values_list("chunk_count", flat=True)) == len(
        found_chunks(base)
    )


def change(what: str, one: Document, texts: list[str]) -> None:
    one.refresh_from_db()
    if what == "update":
        version(one, texts)
    elif what == "delete":
        document_delete(document=one, actor=ACTOR)
    elif what == "roll back" and one.deleted_at is None:
        document_rollback(document=one, version=one.versions.order_by("number")[0], actor=ACTOR)
    elif one.deleted_at is None:
        document_update(document=one, title=f"Renamed {texts[0]}"[:300], actor=ACTOR)


def test_the_order_is_that_of_brute_force_on_a_larger_index() -> None:
    random.seed(3)
    base = make.knowledge_base()
    texts = [" ".join(random.choices(WORDS, weights=range(1, 15), k=random.randint(3, 40))) for _ in range(900)]
    indexed(base, *[texts[start : start + 30] for start in range(0, 900, 30)])
    for question in ("harbour berth", "XR-2041", "ferry mole 42 anchor", "rope rope tide"):
        expected = bm25_by_hand(found_chunks(base), question)[:10]
        hits = search(base, question).hits
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected])


def test_the_best_candidates_are_enough_where_nothing_is_filtered() -> None:
    base = make.knowledge_base()
    indexed(base, [f"harbour {'tide ' * number}" for number in range(300)])
    result = search(base, "harbour")
    assert (len(result.hits), result.plan) == (10, LexicalPlan.PRUNED)


@pytest.mark.parametrize(
    ("second", "selective"),
    [(5_000, 10_000), (50, 100), (50, 3)],
    ids=["in the second window", "of those that meet the condition", "of all candidates"],
)
def test_a_filter_that_few_chunks_meet_starves_no_result(
    monkeypatch: pytest.MonkeyPatch, second: int, selective: int
) -> None:
    monkeypatch.setattr(lexical, "SECOND", second)
    monkeypatch.setattr(lexical, "SELECTIVE", selective)
    base = make.knowledge_base()
    documents = indexed(base, ["harbour " * 5] * 400, [f"harbour and {n} {'besides ' * n}" for n in range(4)])
    only = Condition("d.id = %(only)s", {"only": documents[1].pk})
    result = search(base, "harbour", only)
    assert result.plan is LexicalPlan.FULL
    own = Chunk.objects.filter(version__document=documents[1]).order_by("pk").values_list("pk", flat=True)
    assert [hit.chunk_id for hit in result.hits] == list(own)
    scores = dict(bm25_by_hand(found_chunks(base), "harbour"))
    assert [hit.score for hit in result.hits] == pytest.approx([scores[hit.chunk_id] for hit in result.hits])


def test_a_conditions_parameters_may_have_any_name() -> None:
    base = make.knowledge_base()
    indexed(base, [BERTHS])
    names = ("limit", "chunk_ids", "key", "knowledge_base", "terms", "known", "most")
    for name in names:
        assert found(base, "berths", Condition(f"c.text = %({name})s", {name: BERTHS})) == [BERTHS]


def test_equal_scores_are_in_the_order_of_ids_and_none_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lexical, "FIRST", 3)
    monkeypatch.setattr(lexical, "FOR_EACH", 0)
    base = make.knowledge_base()
    indexed(base, ["harbour"] * 20, ["harbour tide"] * 20)
    ids = [hit.chunk_id for hit in search(base, "harbour", limit=40).hits]
    assert ids == sorted(Chunk.objects.values_list("pk", flat=True))


def test_another_tenants_chunk_is_never_returned_not_even_from_its_own_index() -> None:
    mine, theirs = make.knowledge_base(), make.knowledge_base()
    indexed(mine, [BERTHS]), indexed(theirs, [BERTHS])
    assert {hit.chunk_id for hit in search(mine, "berths").hits} == set(
        Chunk.objects.filter(version__document__knowledge_base=mine).values_list("pk", flat=True)
    )
    forged = [
        make.scope(mine),
        AccessScope(tenant_id=mine.tenant_id, knowledge_base_ids=frozenset({theirs.pk})),
        AccessScope(tenant_id=theirs.tenant_id, knowledge_base_ids=frozenset({mine.pk})),
        AccessScope(tenant_id=theirs.tenant_id, knowledge_base_ids=frozenset()),
    ]
    for scope in forged:
        index = {"generations": [generation_ensure(theirs)], "text": "berths", "limit": 10}
        assert lexical_search(scope_condition(scope), scope=scope, **index).hits == ()


def test_another_knowledge_base_does_not_weigh_on_the_scores() -> None:
    mine, theirs = make.knowledge_base(), make.knowledge_base()
    indexed(mine, [BERTHS, "Life jackets must be worn."])
    before = search(mine, "berths").hits
    indexed(theirs, [BERTHS] * 50)
    assert search(mine, "berths").hits == before


def test_only_the_current_version_is_found_from_its_activation_on() -> None:
    base = make.knowledge_base()
    make.ready_version(base, "The gate opens at seven.", filename="a.txt", external_id="gate")
    make.upload(base, "The gate opens at nine.", filename="a.txt", external_id="gate")
    make.run_stages(["parse", "chunk", "embed"])
    assert found(base, "gate") == ["The gate opens at seven."]
    make.run_stages(["activate"])
    assert found(base, "gate") == ["The gate opens at nine."]
    assert found(base, "seven") == []


@pytest.mark.parametrize("how", ["document", "knowledge base"])
def test_what_was_deleted_is_not_found_from_that_moment_on(how: str) -> None:
    base = make.knowledge_base()
    (one,) = indexed(base, [BERTHS])
    assert found(base, "berths") == [BERTHS]
    if how == "document":
        document_delete(document=one, actor=ACTOR)
    else:
        knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert found(base, "berths") == []


def test_a_document_is_found_by_its_title_and_after_a_repair_by_its_new_one() -> None:
    base = make.knowledge_base()
    (one,) = indexed(base, [BERTHS])
    document_update(document=one, title="Mooring", actor=ACTOR)
    lexical_repair(turns.long())
    assert found(base, "mooring") == [BERTHS]
    assert found(base, "note") == []


@pytest.mark.parametrize("text", ["", "the of", "\u4e2d", "nowhere", "\x00", "' OR 1=1 --", "{}", "%(limit)s"])
def test_a_question_that_nothing_answers_finds_nothing(text: str) -> None:
    base = make.knowledge_base()
    assert search(base, text).hits == ()
    indexed(base, [BERTHS])
    assert search(base, text).hits == ()


def test_a_very_long_question_asks_for_its_first_terms() -> None:
    base = make.knowledge_base()
    indexed(base, [BERTHS, "w5 w300"])
    assert found(base, " ".join(f"w{n}" for n in range(100_000))) == ["w5 w300"]
    assert found(base, " ".join(f"w{n}" for n in range(6, 10_000))) == []


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("港口有四十二个泊位。", "泊位"),
        ("東京都の天気は晴れです。", "天気"),
        ("ท่าเรือมีที่จอดเรือ", "ท่าเรือ"),
        ("Die Häfen haben zweiundvierzig Liegeplätze, und sie sind nicht teuer.", "Hafen Liegeplatz"),
        ("Корабли стояли в портах.", "порт"),
        ("Order no. XR-2041/b was shipped.", "xr2041b"),
    ],
)
def test_other_languages_and_codes_are_found_in_one_knowledge_base(text: str, question: str) -> None:
    base = make.knowledge_base()
    indexed(base, [text], *[[BERTHS]] * 20)
    assert found(base, question)[:1] == [text]


def test_the_postings_are_read_by_their_index() -> None:
    base = make.knowledge_base()
    indexed(base, [f"harbour w{number}" for number in range(2000)])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SELECT pg_stat_get_xact_numscans('retrieval_lexicalposting_pkey'::regclass)")
        (before,) = cursor.fetchone()
        search(base, "w17 w18")
        cursor.execute("SELECT pg_stat_get_xact_numscans('retrieval_lexicalposting_pkey'::regclass)")
        assert cursor.fetchone()[0] > before
