from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import Chunk, KnowledgeBase
from apps.models.installed_model import EmbeddingModel
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import (
    Embedding,
    EvaluationRun,
    GenerationState,
    IndexGeneration,
    LexicalSegment,
    ReindexState,
    RunState,
    SwitchMode,
)
from apps.retrieval.reindexing import dropping
from apps.retrieval.reindexing.dropping import generation_drop, generations_discard
from apps.retrieval.reindexing.services import reindex_cancel, reindex_resume, reindex_rollback
from ragsite.core.errors import ConflictError, TransientError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import TEXTS, asked
from tests.apps.retrieval.evaluation.asking import started as evaluated
from tests.apps.retrieval.reindexing.rebuilding import assert_whole, started, worked
from tests.apps.retrieval.reindexing.test_reindexing import SMALL

pytestmark = pytest.mark.django_db


def long_ago(generation: IndexGeneration) -> IndexGeneration:
    IndexGeneration.objects.filter(pk=generation.pk).update(retired_at=Now() - timedelta(minutes=1))
    generation.refresh_from_db()
    return generation


def partition_of(generation: IndexGeneration) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [generation.partition])
        return bool(cursor.fetchone()[0])


def test_a_dropped_generation_takes_along_the_chunks_and_terms_that_nobody_else_uses(
    base: KnowledgeBase, smaller: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "VERSIONS", 1)
    old = generation_ensure(base)
    worked(started(base, model=smaller, chunking=SMALL))
    generation_drop(long_ago(old), actor=ACTOR)
    live = generation_ensure(base)
    assert list(IndexGeneration.objects.all()) == [live]
    assert not partition_of(old)
    assert set(Chunk.objects.values_list("chunking_key", flat=True)) == {live.chunking_key}
    assert set(LexicalSegment.objects.values_list("chunking_key", flat=True)) == {live.chunking_key}
    assert_whole(live)
    event = OutboxEvent.objects.get(type="vector.deleted")
    assert (event.payload["generation_id"], event.actor) == (old.pk, ACTOR.as_dict())
    assert make.found(make.scope(base), TEXTS["tides"])[0] in TEXTS["tides"]


def test_chunks_that_the_live_generation_shares_stay(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    old, chunks = generation_ensure(base), Chunk.objects.count()
    worked(started(base, model=smaller))
    generation_drop(long_ago(old), actor=ACTOR)
    assert (Chunk.objects.count(), Embedding.objects.count(), LexicalSegment.objects.count()) == (chunks, chunks, 1)


def test_the_live_generation_and_one_that_is_being_built_cannot_be_dropped(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    live, reindex = generation_ensure(base), started(base, model=smaller)
    assert reindex.generation is not None
    for generation, why in ((live, "answers searches"), (reindex.generation, "is being built")):
        with pytest.raises(ConflictError, match=why):
            generation_drop(generation, actor=ACTOR)
    assert partition_of(live)
    assert partition_of(reindex.generation)


def test_a_generation_that_answered_a_moment_ago_is_kept_for_the_searches_that_are_at_it(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    old = generation_ensure(base)
    worked(started(base, model=smaller))
    with pytest.raises(ConflictError, match="answered less than 20 s ago") as error:
        generation_drop(old, actor=ACTOR)
    assert error.value.retry_after == 20
    assert partition_of(old)


def test_a_generation_that_is_being_evaluated_cannot_be_dropped(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    old, made = generation_ensure(base), asked(base)
    worked(started(base, model=smaller))
    run = evaluated(made, generation=old)
    with pytest.raises(ConflictError, match="is being evaluated"):
        generation_drop(long_ago(old), actor=ACTOR)
    run.refresh_from_db()
    assert run.state == RunState.WAITING


def test_a_drop_whose_process_died_is_finished_by_the_sweep(
    base: KnowledgeBase, smaller: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = generation_ensure(base)
    worked(started(base, model=smaller, chunking=SMALL))

    def dies(generation: IndexGeneration) -> None:
        raise TransientError("The table of vectors is in use.")

    monkeypatch.setattr(dropping, "partition_drop", dies)
    with pytest.raises(TransientError):
        generation_drop(long_ago(old), actor=ACTOR)
    monkeypatch.undo()
    with pytest.raises(ConflictError, match="No earlier generation is kept"):
        reindex_rollback(base, actor=ACTOR)
    with pytest.raises(ConflictError, match="of the same chunking is being removed"):
        started(base, chunking=ChunkingSettings.from_dict(old.chunking))
    assert not generations_discard(turns.long())
    assert (IndexGeneration.objects.filter(pk=old.pk).exists(), partition_of(old)) == (False, False)


def test_a_cancelled_re_index_leaves_nothing_of_what_it_built(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    asked(base)
    live, chunks = generation_ensure(base), set(Chunk.objects.values_list("pk", flat=True))
    reindex = worked(started(base, model=smaller, chunking=SMALL, switch=SwitchMode.MANUAL))
    assert reindex.state == ReindexState.READY
    assert reindex_cancel(base, actor=ACTOR).state == ReindexState.CANCELLED
    assert list(IndexGeneration.objects.all()) == [live]
    assert set(Chunk.objects.values_list("pk", flat=True)) == chunks
    with pytest.raises(ConflictError, match="No re-index"):
        reindex_resume(base, actor=ACTOR)


def test_a_comparison_that_is_cancelled_fails_its_runs_in_words(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    asked(base)
    reindex = started(base, model=smaller)
    run = evaluated(base.evaluation_sets.get(), generation=reindex.generation)
    reindex_cancel(base, actor=ACTOR)
    run = EvaluationRun.objects.get(pk=run.pk)
    assert (run.state, run.error) == (RunState.FAILED, "The re-index was cancelled.")


def test_a_cancelled_roll_back_keeps_its_generation(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    old = generation_ensure(base)
    worked(started(base, model=smaller))
    make.ready_version(base, "The ferry leaves at eight.", filename="ferry.txt")
    assert reindex_rollback(base, actor=ACTOR).state == ReindexState.SWITCHING
    reindex_cancel(base, actor=ACTOR)
    old.refresh_from_db()
    assert (old.state, partition_of(old)) == (GenerationState.RETIRED, True)


def test_chunks_of_a_dropped_generation_go_some_versions_at_a_time_and_a_turn_leaves_the_rest(
    base: KnowledgeBase, smaller: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "CHUNKS", 1)
    old = generation_ensure(base)
    worked(started(base, model=smaller, chunking=SMALL))
    versions = Chunk.objects.filter(chunking_key=old.chunking_key).values("version").distinct()
    there = versions.count()
    IndexGeneration.objects.filter(pk=old.pk).update(state=GenerationState.DROPPED)
    assert generations_discard(turns.short(2))
    assert versions.count() == there - 1
    assert not generations_discard(turns.long())
    assert (versions.count(), IndexGeneration.objects.filter(pk=old.pk).exists()) == (0, False)
