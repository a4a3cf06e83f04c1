from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.documents.chunking.settings import ChunkContext, ChunkingSettings, InvalidChunkingError
from apps.documents.lifecycle.versions import document_rollback
from apps.documents.models import Chunk, DocumentVersion, KnowledgeBase
from apps.documents.services.documents import document_delete, document_update
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.models.installed_model import EmbeddingModel
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import (
    Embedding,
    GenerationState,
    IndexGeneration,
    LexicalVersion,
    Reindex,
    ReindexState,
    SwitchMode,
)
from apps.retrieval.reindexing.asking import reindex_request
from apps.retrieval.reindexing.services import (
    reindex_open,
    reindex_resume,
    reindex_rollback,
    reindex_start,
    reindex_switch,
)
from apps.retrieval.reindexing.waiting import REINDEXES
from ragsite.core.errors import ConflictError, PermanentError
from ragsite.core.leases import lease_claim
from ragsite.core.models import OutboxEvent
from tests import acting
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, document
from tests.apps.retrieval.index.test_indexing import Watched
from tests.apps.retrieval.reindexing.rebuilding import SMALLER, assert_whole, started, worked

pytestmark = pytest.mark.django_db
SMALL = ChunkingSettings(size=16, overlap=0)
LONG = "\n\n".join(f"Berth {number} costs {number} euros for a night." for number in range(10))
UseTransport = Callable[[Any], None]


def found(base: KnowledgeBase, name: str) -> str:
    base.refresh_from_db()
    return make.found(make.scope(base), TEXTS[name])[0]


def test_a_model_of_another_width_shares_the_chunks_and_comes_to_answer(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    before, chunks = generation_ensure(base), set(Chunk.objects.values_list("pk", flat=True))
    reindex = worked(started(base, model=smaller))
    assert (reindex.state, reindex.error) == (ReindexState.SWITCHED, "")
    live = generation_ensure(base)
    assert (live.pk, live.dimensions) == (reindex.generation_id, SMALLER)
    before.refresh_from_db()
    assert (before.state, before.retired_at is not None) == (GenerationState.RETIRED, True)
    assert set(Chunk.objects.values_list("pk", flat=True)) == chunks
    assert_whole(live)
    assert found(base, "tides") == TEXTS["tides"]
    assert (reindex.chunk_done, reindex.embedded, reindex.reused) == (3, 3, 0)
    event = OutboxEvent.objects.get(type="vector.updated")
    told = {name: event.payload[name] for name in ("generation_id", "previous_generation_id", "is_rollback")}
    assert told == {
        "generation_id": live.pk, "previous_generation_id": before.pk, "is_rollback": False,
    }  # fmt: skip
    assert (event.key, event.actor) == (str(base.pk), ACTOR.as_dict())


def test_other_chunking_rechunks_every_ready_version_and_the_old_chunks_stay_for_a_roll_back() -> None:
    base = make.knowledge_base()
    version = make.ready_version(base, LONG, filename="a.txt")
    own = make.upload(base, LONG + " End.", filename="b.txt", chunking={"size": 32, "overlap": 0}).version
    make.run_stages()
    old = generation_ensure(base)
    reindex = worked(started(base, chunking=SMALL))
    assert reindex.state == ReindexState.SWITCHED, reindex.error
    live = generation_ensure(base)
    assert_whole(live)
    base.refresh_from_db()
    version.refresh_from_db()
    assert base.chunking == SMALL.to_stored()
    kept, new = (Chunk.objects.filter(version=version, chunking_key=g.chunking_key) for g in (old, live))
    assert (kept.count(), new.count(), version.chunk_count) == (1, 10, 10)
    assert max(Chunk.objects.filter(version=own, chunking_key=live.chunking_key).values_list("token_count"))[0] > 16
    assert set(LexicalVersion.objects.filter(chunking_key=live.chunking_key).values_list("version_id", flat=True)) == {
        version.pk, own.pk,
    }  # fmt: skip
    client = make.client(base.tenant)
    listed = client.get(f"/api/v1/versions/{version.pk}/chunks/").json()
    assert listed["count"] == 10, "the chunks are those that answer"
    (event,) = OutboxEvent.objects.filter(type="knowledge_base.updated")
    assert event.payload["changed"] == ["chunking"]


def test_an_index_of_an_earlier_edition_keeps_its_chunks_until_it_is_re_indexed_as_it_is() -> None:
    base = make.knowledge_base()
    KnowledgeBase.objects.update(chunking={})
    base.refresh_from_db()
    earlier = ChunkingSettings(edition=1, context=ChunkContext.NONE)
    version = make.ready_version(base, LONG, filename="a.txt")
    assert set(Chunk.objects.values_list("chunking_key", flat=True)) == {earlier.key}
    reindex = worked(reindex_start(base, reindex_request(base), actor=ACTOR))
    assert (reindex.state, reindex.error) == (ReindexState.SWITCHED, "")
    base.refresh_from_db()
    today = earlier.renewed()
    assert base.chunking == today.to_stored()
    assert generation_ensure(base).chunking_key == today.key
    client = make.client(base.tenant)
    assert client.get(f"/api/v1/knowledge-bases/{base.pk}/").json()["chunking"] == today.to_dict()
    assert client.get(f"/api/v1/versions/{version.pk}/chunks/").json()["count"] == version.chunk_count
    with pytest.raises(ConflictError, match="with this chunking already"):
        reindex_start(base, reindex_request(base), actor=ACTOR)


def test_vectors_of_the_same_text_and_model_are_copied(use_transport: UseTransport) -> None:
    base = make.knowledge_base()
    make.ready_version(base, "A short note about the tides.", filename="short.txt")
    make.ready_version(base, LONG, filename="long.txt")
    watched = Watched()
    use_transport(watched)
    reindex = worked(started(base, chunking=SMALL))
    assert (reindex.reused, reindex.embedded, len(watched.texts)) == (1, 10, 10)
    assert "A short note about the tides." not in watched.texts


@pytest.mark.parametrize("chunking", [SMALL, ChunkingSettings()], ids=["other chunking", "the same chunking"])
def test_a_killed_worker_costs_a_portion_and_nothing_is_embedded_twice(
    chunking: ChunkingSettings, smaller: EmbeddingModel, use_transport: UseTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make.knowledge_base()
    for number in range(4):
        make.ready_version(base, f"{LONG} {number}.", filename=f"{number}.txt", external_id=f"doc {number}")
    monkeypatch.setattr("apps.retrieval.index.embeddings.BATCH", 1)
    reindex = started(base, model=smaller, chunking=chunking)
    use_transport(first := Watched(fails_at=3, error=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        worked(reindex)
    assert Embedding.objects.filter(part_id=reindex.generation_id).count() == 2
    use_transport(second := Watched())
    Reindex.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert worked(reindex).state == ReindexState.SWITCHED
    assert not set(first.texts[:2]) & set(second.texts)
    assert_whole(generation_ensure(base))


def test_a_worker_that_lost_its_lease_writes_nothing(
    base: KnowledgeBase, smaller: EmbeddingModel, use_transport: UseTransport
) -> None:
    class TakenOver(Watched):
        def embed(self, *args: Any, **rest: Any) -> Any:
            Reindex.objects.update(lease_owner="another")
            return super().embed(*args, **rest)

    reindex = started(base, model=smaller)
    use_transport(TakenOver())
    worked(reindex)
    assert (reindex.state, reindex.lease_owner) == (ReindexState.BUILDING, "another")
    assert not Embedding.objects.filter(part_id=reindex.generation_id).exists()


def test_documents_that_come_change_and_go_meanwhile_are_taken_in(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    reindex = worked(started(base, model=smaller, switch=SwitchMode.MANUAL))
    assert reindex.state == ReindexState.READY
    make.ready_version(base, "The ferry leaves at eight.", filename="ferry.txt")
    make.ready_version(base, "High water is at midnight.", filename="tides.txt", external_id="tides")
    document_delete(document=document(base, "harbour"), actor=ACTOR)
    reindex_switch(base, actor=acting.user("anna"))
    reindex.refresh_from_db()
    assert reindex.state == ReindexState.SWITCHING, "two versions are still to be embedded"
    assert worked(reindex).state == ReindexState.SWITCHED
    assert_whole(generation_ensure(base))
    texts = make.found(make.scope(base), "When is it?")
    assert sorted(texts) == [TEXTS["berths"], "High water is at midnight.", "The ferry leaves at eight."]
    assert OutboxEvent.objects.get(type="vector.updated").actor == acting.user("anna").as_dict()


def test_a_version_that_was_embedded_for_the_generation_before_is_embedded_again_before_it_answers(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    version = make.upload(base, "High water is at midnight.", filename="tides.txt", external_id="tides").version
    make.run_stages(["parse", "chunk", "embed"])
    worked(started(base, model=smaller, chunking=SMALL))
    assert found(base, "tides") in TEXTS["tides"], "the present version keeps answering"
    make.run_stages(["activate"])
    version.refresh_from_db()
    assert (version.status, version.attempts) == ("parsed", 0)
    assert "came to answer meanwhile" in version.stages.get(stage="activate").error
    make.run_stages()
    assert found(base, "tides") == "High water is at midnight."
    assert_whole(generation_ensure(base))


def test_an_earlier_version_can_be_rolled_back_to_after_the_switch(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    tides = document(base, "tides")
    earlier = tides.current_version
    make.ready_version(base, "High water is at midnight.", filename="tides.txt", external_id="tides")
    worked(started(base, model=smaller, chunking=SMALL))
    assert earlier is not None
    document_rollback(document=tides, version=earlier, actor=ACTOR)
    assert found(base, "tides") in TEXTS["tides"]


def test_without_an_evaluation_set_the_switch_says_that_nothing_was_compared(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    reindex = worked(started(base, model=smaller))
    assert "no evaluation set" in reindex.note


def test_quality_is_compared_on_each_evaluation_set(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    made = asked(base)
    reindex = worked(started(base, model=smaller))
    (one,) = reindex.comparison
    assert (one["set"], one["before"], one["after"], one["questions"]) == ("Set", 1, 1, 3)
    runs = made.runs.order_by("id")
    assert [run.generation_id for run in runs] == [reindex.previous_id, reindex.generation_id]
    assert {run.asked_by for run in runs} == {"job reindex"}
    assert (reindex.state, reindex.note) == (ReindexState.SWITCHED, "")


class Worse(Watched):
    """A model of which the narrower one tells nothing apart."""

    def embed(self, texts: Any, *, model: EmbeddingModel, **rest: Any) -> Any:
        said = ["the same"] * len(texts) if model.dimensions == SMALLER else texts
        return super().embed(said, model=model, **rest)


def test_a_switch_is_refused_when_quality_falls_by_more_than_the_margin_and_a_person_may_still_switch(
    base: KnowledgeBase, smaller: EmbeddingModel, use_transport: UseTransport
) -> None:
    # By words too, the questions would be answered although the model tells nothing apart.
    KnowledgeBase.objects.filter(pk=base.pk).update(retrieval={"mode": "dense"})
    asked(base, "harbour", "tides", "berths")
    use_transport(Worse())
    before = generation_ensure(base)
    reindex = worked(started(base, model=smaller))
    assert reindex.state == ReindexState.REFUSED
    assert "nDCG@10 fell by more than 0.02 (Set: 1.000 before" in reindex.note
    assert generation_ensure(base) == before
    assert reindex_switch(base, actor=ACTOR).state == ReindexState.SWITCHED
    assert generation_ensure(base).pk == reindex.generation_id


def test_a_fall_within_the_margin_is_no_reason_to_refuse(
    base: KnowledgeBase, smaller: EmbeddingModel, use_transport: UseTransport
) -> None:
    asked(base)
    use_transport(Worse())
    assert worked(started(base, model=smaller, margin=0.9)).state == ReindexState.SWITCHED


def test_a_roll_back_brings_the_earlier_generation_up_to_date_and_lets_it_answer(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    first = generation_ensure(base)
    worked(started(base, model=smaller, chunking=SMALL))
    make.ready_version(base, "The ferry leaves at eight.", filename="ferry.txt")
    reindex = reindex_rollback(base, actor=ACTOR)
    assert reindex.state == ReindexState.SWITCHING
    assert worked(reindex).state == ReindexState.SWITCHED
    assert generation_ensure(base) == first
    assert_whole(first)
    base.refresh_from_db()
    assert base.chunking == first.chunking
    assert make.found(make.scope(base), "The ferry leaves at eight.")[0] == "The ferry leaves at eight."
    again = reindex_rollback(base, actor=ACTOR)
    assert again.state == ReindexState.SWITCHED, "nothing is missing, so it answers at once"
    assert generation_ensure(base).dimensions == SMALLER


def test_a_roll_back_needs_a_generation_that_is_kept(base: KnowledgeBase) -> None:
    with pytest.raises(ConflictError, match="No earlier generation is kept"):
        reindex_rollback(base, actor=ACTOR)
    assert not Reindex.objects.exists()


def test_what_changes_nothing_is_refused(base: KnowledgeBase) -> None:
    with pytest.raises(ConflictError, match="with this chunking already"):
        started(base)
    assert (Reindex.objects.count(), IndexGeneration.objects.count()) == (0, 1)


def test_a_second_re_index_is_refused_until_the_first_has_ended(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    first = started(base, model=smaller)
    with pytest.raises(ConflictError, match="has not ended"):
        started(base, chunking=SMALL)
    with pytest.raises(ConflictError, match="has not ended"):
        worked(started(base, model=smaller, chunking=SMALL))
    assert (reindex_open(base), IndexGeneration.objects.count()) == (first, 2)


def test_a_model_that_would_not_read_chunks_to_their_end_needs_other_chunking(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    make.ready_version(base, LONG, filename="long.txt")
    with pytest.raises(PermanentError, match="reads 17 tokens, and the longest passage has") as error:
        started(base, model=replace(smaller, max_tokens=24))
    assert error.value.error_code == "chunks_too_long"
    assert started(base, model=replace(smaller, max_tokens=24), chunking=SMALL).state == ReindexState.BUILDING


def test_a_documents_own_chunking_must_go_with_the_new_one(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    document_update(document=document(base, "tides"), chunking={"overlap": 100}, actor=ACTOR)
    with pytest.raises(InvalidChunkingError, match="'Tides' has chunking of its own"):
        started(base, chunking=SMALL)
    assert not Reindex.objects.exists()


def test_a_document_that_cannot_be_cut_fails_the_re_index_in_words_and_it_is_resumed_once_that_is_fixed(
    base: KnowledgeBase,
) -> None:
    reindex = started(base, chunking=SMALL)
    document_update(document=document(base, "tides"), chunking={"overlap": 100}, actor=ACTOR)
    worked(reindex)
    assert reindex.state == ReindexState.FAILED
    assert "Version 1 of 'Tides' cannot be chunked like this: The overlap 100" in reindex.error
    document_update(document=document(base, "tides"), chunking={}, actor=ACTOR)
    resumed = reindex_resume(base, actor=ACTOR)
    assert worked(resumed).state == ReindexState.SWITCHED
    make.run_stages()
    assert_whole(generation_ensure(base))
    assert DocumentVersion.objects.filter(status="failed").count() == 0


def test_a_re_index_that_kills_its_workers_is_given_up_in_words(
    base: KnowledgeBase, smaller: EmbeddingModel, settings: Any
) -> None:
    reindex, live = started(base, model=smaller), generation_ensure(base)
    for _ in range(settings.RAGSITE_MAX_ATTEMPTS):
        assert REINDEXES.give_up() == 0
        lease_claim(Reindex.objects.filter(pk=reindex.pk), limit=1)
        Reindex.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert not REINDEXES.waiting().exists()
    assert REINDEXES.give_up() == 1
    reindex.refresh_from_db()
    assert reindex.state == ReindexState.FAILED
    assert "died or gave up 3 times without progress" in reindex.error
    assert generation_ensure(base) == live
    assert worked(reindex_resume(base, actor=ACTOR)).state == ReindexState.SWITCHED


def test_a_model_that_is_away_lets_the_re_index_wait_with_its_reason(
    base: KnowledgeBase, smaller: EmbeddingModel, use_transport: UseTransport
) -> None:
    use_transport(Watched(fails_at=1))
    reindex = worked(started(base, model=smaller))
    assert (reindex.state, reindex.attempts, reindex.lease_owner) == (ReindexState.BUILDING, 1, "")
    assert reindex.error.startswith("The model worker went away.")
    assert worked(reindex).state == ReindexState.SWITCHED


def test_a_large_generation_has_its_hnsw_index_before_it_answers(
    base: KnowledgeBase, smaller: EmbeddingModel, settings: Any
) -> None:
    settings.RAGSITE_HNSW_MIN_ROWS = 3
    reindex = worked(started(base, model=smaller, switch=SwitchMode.MANUAL))
    assert IndexGeneration.objects.get(pk=reindex.generation_id).has_hnsw
    reindex_switch(base, actor=ACTOR)
    assert found(base, "tides") == TEXTS["tides"]


def test_a_deleted_knowledge_bases_re_index_is_worked_on_no_more(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    reindex = started(base, model=smaller)
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert worked(reindex).state == ReindexState.BUILDING
    assert not Embedding.objects.filter(part_id=reindex.generation_id).exists()
    make.run_deletions()
    assert not IndexGeneration.objects.exists()
