from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from apps.documents.lifecycle.versions import document_rollback
from apps.documents.models import Chunk, DocumentVersion, KnowledgeBase, ParsedText
from apps.documents.services.documents import document_delete
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.retrieval.index import indexing
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.index.lexical import merges, returning
from apps.retrieval.index.lexical import writing as lexical
from apps.retrieval.index.lexical.merges import lexical_merge, lexical_repair
from apps.retrieval.index.lexical.writing import lexical_build, versions_terms, versions_write
from apps.retrieval.models import GenerationState, IndexGeneration, LexicalPosting, LexicalSegment, LexicalVersion
from apps.retrieval.search.filters import scope_condition
from apps.retrieval.search.lexical import lexical_search
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.texts import bm25_by_hand, document, found_chunks, index_of, version

BERTHS = "The harbour has 42 berths for guests."


def hits(base: KnowledgeBase, text: str, generation: IndexGeneration | None = None) -> list[tuple[int, float]]:
    scope, generation = make.scope(base), generation or generation_ensure(base)
    result = lexical_search(scope_condition(scope), scope=scope, generations=[generation], text=text, limit=1000)
    return [(hit.chunk_id, hit.score) for hit in result.hits]


def held_chunks() -> int:
    return LexicalSegment.objects.aggregate(held=Sum("chunk_count"))["held"] or 0


def segments() -> set[int]:
    return set(LexicalSegment.objects.values_list("pk", flat=True))


def repaired() -> None:
    assert not lexical_repair(turns.long()), "nothing was left to look at"


def repaired_nothing() -> bool:
    before = segments()
    repaired()
    return segments() == before


def assert_exact(base: KnowledgeBase, text: str) -> None:
    expected = bm25_by_hand(found_chunks(base), text)
    assert dict(hits(base, text)) == {chunk_id: pytest.approx(score) for chunk_id, score in expected}


@pytest.mark.django_db
def test_activation_writes_one_segment_with_the_versions_chunks() -> None:
    version = make.ready_version()
    segment = LexicalSegment.objects.get()
    assert segment.chunk_count == version.chunk_count
    assert LexicalVersion.objects.get().version_id == version.pk
    assert sum(segment.languages.values()) == version.chunk_count


@pytest.mark.django_db
def test_an_activation_that_is_killed_writes_nothing_and_the_next_one_writes_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = make.upload(make.knowledge_base()).version
    make.run_stages(["parse", "chunk", "embed"])

    def killed(*_: Any) -> None:
        assert LexicalSegment.objects.count() == 1, "it had been written"
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(indexing, "emit_each", killed)
        make.run_stages(["activate"])
    made.refresh_from_db()
    assert (made.status, LexicalSegment.objects.count(), LexicalPosting.objects.count()) == ("embedded", 0, 0)
    DocumentVersion.objects.update(not_before=Now(), lease_until=Now() - timedelta(seconds=1))
    make.run_stages(["activate"])
    assert held_chunks() == Chunk.objects.count()


@pytest.mark.django_db
def test_a_version_that_a_newer_one_overtook_is_not_indexed() -> None:
    base = make.knowledge_base()
    older = make.upload(base, "Opens at seven.", filename="a.txt", external_id="a").version
    make.run_stages(["parse", "chunk", "embed"])
    DocumentVersion.objects.filter(pk=older.pk).update(not_before=Now() + timedelta(hours=1))
    newer = make.ready_version(base, "Opens at nine.", filename="a.txt", external_id="a")
    DocumentVersion.objects.filter(pk=older.pk).update(not_before=Now())
    make.run_stages()
    assert [one.version_id for one in LexicalVersion.objects.all()] == [newer.pk]


@pytest.mark.django_db
def test_a_version_is_not_written_twice() -> None:
    base = make.knowledge_base()
    one = document(base, [BERTHS])
    lexical_build(index_of(base))
    terms = versions_terms([one.current_version_id], chunking_key=index_of(base).chunking_key)
    with pytest.raises(IntegrityError), transaction.atomic():
        versions_write(index_of(base), terms)
    assert held_chunks() == 1


@pytest.mark.django_db
def test_a_repair_indexes_what_is_older_than_the_index_batch_by_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "MISSING_CHUNKS", 5)
    base = make.knowledge_base()
    for number in range(7):
        document(base, [f"Berth {number} lies {where}" for where in ("north", "south")])
    document(base, ["Not current"], current=False)
    repaired()
    assert sorted(LexicalSegment.objects.values_list("chunk_count", flat=True)) == [2, 6, 6]
    assert repaired_nothing()
    assert_exact(base, "berth 3 north")


@pytest.mark.django_db
def test_a_repair_looks_at_a_page_at_a_time_and_goes_on_where_its_turn_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "PAGE_DOCUMENTS", 2)
    base, other = make.knowledge_base(), make.knowledge_base()
    for number in range(4):
        document(base, [f"Berth {number}"])
        document(other, [f"Pier {number}"])
    held = []
    while lexical_repair(turns.short(3)):
        held.append(held_chunks())
    assert held == [2, 6], "after a look at the segments one page of documents, then two"
    assert_exact(base, "berth 3")
    assert_exact(other, "pier 0")


@pytest.mark.django_db
def test_a_repair_asks_as_often_for_many_documents_as_for_few() -> None:
    base = make.knowledge_base()
    document(base, ["Berth"])
    repaired()
    with CaptureQueriesContext(connection) as few:
        repaired()
    for number in range(40):
        document(base, [f"Berth {number}"])
        document(make.knowledge_base(), [f"Pier {number}"])
    repaired()
    with CaptureQueriesContext(connection) as many:
        repaired()
    assert len(many) == len(few)


@pytest.mark.django_db
def test_a_merge_that_has_no_time_left_says_so_and_leaves_the_rest() -> None:
    bases = [make.knowledge_base(), make.knowledge_base()]
    for base in bases:
        for number in range(merges.FAN):
            document(base, [f"Berth {number}"])
            lexical_build(index_of(base))
    assert lexical_merge(turns.short(1))
    assert len(segments()) == merges.FAN + 1
    assert not lexical_merge(turns.short(1))
    assert len(segments()) == 2


@pytest.mark.django_db
def test_superseded_deleted_and_renamed_documents_stop_weighing_on_the_scores_at_the_next_repair() -> None:
    base = make.knowledge_base()
    documents = [document(base, [f"harbour {number}", "tide"]) for number in range(4)]
    lexical_build(index_of(base))
    version(documents[0], ["pilot"])
    document_delete(document=documents[1], actor=ACTOR)
    documents[2].title = "Renamed"
    documents[2].save()
    assert [pk for pk, _ in hits(base, "harbour")] == [
        Chunk.objects.get(version=documents[n].current_version, ordinal=0).pk for n in (2, 3)
    ]
    repaired()
    assert_exact(base, "harbour renamed pilot")
    assert held_chunks() == 5


@pytest.mark.django_db
def test_a_version_that_was_rolled_back_to_is_found_by_its_words_at_once() -> None:
    base = make.knowledge_base()
    one = document(base, ["Opens at seven."])
    lexical_build(index_of(base))
    first = one.current_version
    assert first is not None
    version(one, ["Opens at nine."])
    repaired()
    document_rollback(document=one, version=first, actor=ACTOR)
    assert len(hits(base, "nine seven")) == 1
    repaired()
    assert_exact(base, "nine seven")
    assert len(hits(base, "seven")) == 1


@pytest.mark.django_db
def test_going_back_and_forth_writes_no_words_twice() -> None:
    base = make.knowledge_base()
    one = document(base, ["Opens at seven."])
    lexical_build(index_of(base))
    first = one.current_version
    assert first is not None
    second = version(one, ["Opens at nine."])
    repaired()
    for chosen in (first, second, first):
        document_rollback(document=one, version=chosen, actor=ACTOR)
    assert held_chunks() == 2
    assert len(hits(base, "seven nine")) == 1


@pytest.mark.django_db
def test_the_words_of_a_long_version_that_is_gone_back_to_are_left_to_the_repair(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(returning, "AT_ONCE", 0)
    base = make.knowledge_base()
    one = document(base, ["Opens at seven."])
    lexical_build(index_of(base))
    first = one.current_version
    assert first is not None
    version(one, ["Opens at nine."])
    repaired()
    document_rollback(document=one, version=first, actor=ACTOR)
    assert hits(base, "seven") == []
    repaired()
    assert len(hits(base, "seven")) == 1


@pytest.mark.django_db
def test_merging_changes_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    base = make.knowledge_base()
    for number in range(20):
        document(base, [f"harbour {'tide ' * number}", f"Le port et la ville sont dans le nord {number}"])
        lexical_build(index_of(base))
    before = hits(base, "harbour tide 7 ports")
    assert LexicalSegment.objects.count() == 20
    assert not lexical_merge(turns.long())
    assert LexicalSegment.objects.count() == 1
    assert hits(base, "harbour tide 7 ports") == before
    left = segments()
    assert not lexical_merge(turns.long())
    assert segments() == left


@pytest.mark.django_db
def test_generations_that_differ_in_the_model_alone_share_the_index() -> None:
    base = make.knowledge_base()
    document(base, [BERTHS])
    lexical_build(index_of(base))
    live = generation_ensure(base)
    other = IndexGeneration.objects.get(pk=live.pk)
    other.pk, other.state = None, GenerationState.BUILDING
    other.save()
    assert hits(base, "berths", other) == hits(base, "berths", live) != []
    assert repaired_nothing()


@pytest.mark.django_db
def test_a_generation_of_another_chunking_gets_an_index_of_its_own() -> None:
    base = make.knowledge_base()
    one = document(base, [BERTHS])
    lexical_build(index_of(base))
    other = generation_ensure(base)
    other.pk, other.state, other.chunking_key = None, GenerationState.BUILDING, "other"
    other.save()
    chunk = Chunk.objects.get(version=one.current_version)
    chunk.pk, chunk.chunking_key, chunk.text = None, "other", "The harbour"
    chunk.save()
    assert hits(base, "harbour", other) == []
    repaired()
    assert [pk for pk, _ in hits(base, "harbour", other)] == [chunk.pk]
    assert chunk.pk not in dict(hits(base, "harbour"))
    other.delete()
    repaired()
    assert held_chunks() == 1


@pytest.mark.django_db
def test_nothing_is_left_of_a_knowledge_base_that_was_purged() -> None:
    base = make.knowledge_base()
    make.ready_version(base)
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    make.run_deletions()
    assert [model.objects.count() for model in (LexicalSegment, LexicalPosting, LexicalVersion)] == [0, 0, 0]


@pytest.mark.django_db(transaction=True)
def test_two_who_index_what_is_missing_index_it_once() -> None:
    base = make.knowledge_base()
    for number in range(30):
        document(base, [f"Berth {number}"])
    index = index_of(base)
    assert sum(make.in_parallel(2, lambda: lexical_build(index))) == 30
    assert held_chunks() == 30
    assert_exact(base, "berth 7")


@pytest.mark.django_db(transaction=True)
def test_a_merge_gives_way_to_a_worker_at_the_segments() -> None:
    base = make.knowledge_base()
    for number in range(merges.FAN):
        document(base, [f"Berth {number}"])
        lexical_build(index_of(base))
    first = LexicalSegment.objects.order_by("pk")[0].pk
    with transaction.atomic():
        LexicalSegment.objects.select_for_update().get(pk=first)
        before = segments()
        with make.in_background(lambda: lexical_merge(turns.long())):
            pass
        assert segments() == before, "it gave way"
    assert not lexical_merge(turns.long())
    assert (held_chunks(), len(segments())) == (merges.FAN, 1)


@pytest.mark.django_db(transaction=True)
def test_writers_merges_repairs_and_searches_at_the_same_time_lose_nothing_and_double_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merges, "FAN", 2)
    base = make.knowledge_base()
    document(base, ["harbour"])
    index = index_of(base)
    written, done = [0], threading.Event()
    lock = threading.Lock()

    def write() -> None:
        for number in range(15):
            made = document(base, [f"harbour {number}", f"tide {number}"], current=False)
            pending = made.versions.get()
            terms = versions_terms([pending.pk], chunking_key=index.chunking_key)
            with transaction.atomic():
                made.current_version = pending
                made.save(update_fields=["current_version"])
                versions_write(index, terms)
            with lock:
                written[0] += 1

    def until_done(what: Any) -> None:
        while not done.is_set():
            what()

    def merge() -> None:
        lexical_merge(turns.long())

    def look() -> None:
        with lock:
            expected = written[0]
        found = [pk for pk, _ in hits(base, "harbour")]
        assert len(found) == len(set(found))
        assert len(found) >= expected

    with ThreadPoolExecutor(6) as pool:
        beside = [
            pool.submit(make.closing(lambda what=what: until_done(what))) for what in (merge, merge, repaired, look)
        ]
        writers = [pool.submit(make.closing(write)) for _ in range(2)]
        try:
            for writer in writers:
                writer.result(120)
        finally:
            done.set()
        for one in beside:
            one.result(60)
    repaired()
    assert held_chunks() == Chunk.objects.count() == 61
    assert LexicalVersion.objects.count() == 31
    assert_exact(base, "harbour 7 tide")


@pytest.mark.django_db
def test_a_chunk_is_found_by_the_title_of_its_file_and_what_that_says_about_itself() -> None:
    base = make.knowledge_base()
    made = document(base, ["Up to five days may be kept.", "Until March."], title="page-4711.html")
    about = {"description": "Holidays", "keywords": "leave, absence", "lines": "seventeen"}
    ParsedText.objects.create(version=made.current_version, text="", title="Carry-over rules", metadata=about)
    lexical_build(index_of(base))
    found = {word: len(hits(base, word)) for word in ("carryover", "holidays", "absence", "4711", "seventeen")}
    assert found == {"carryover": 2, "holidays": 1, "absence": 1, "4711": 2, "seventeen": 0}
