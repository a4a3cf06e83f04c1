"""A smaller model's index beside the live one: how it comes, is kept up to date, and goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.models import selectors
from apps.models.installed_model import EmbeddingModel
from apps.models.models import ModelVersion
from apps.models.services.fallbacks import model_fall_back
from apps.models.services.removing import model_remove
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import GenerationState, IndexGeneration
from apps.retrieval.reindexing.dropping import generation_drop, generations_discard
from apps.retrieval.reindexing.services import reindex_rollback
from apps.retrieval.reindexing.standby import standbys_follow
from ragsite.core.errors import ConflictError, ModelUnavailableError
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import document
from tests.apps.retrieval.reindexing.rebuilding import assert_whole, started, worked
from tests.apps.retrieval.test_degrading import Failing

pytestmark = pytest.mark.django_db
UseTransport = Callable[[Any], None]


@pytest.fixture
def standby(base: KnowledgeBase, smaller: EmbeddingModel) -> IndexGeneration:
    """The smaller model's index, whole, of a knowledge base whose model falls back to it."""
    fall_back(base, smaller)
    assert not standbys_follow(turns.long())
    return IndexGeneration.objects.get(state=GenerationState.STANDBY)


def fall_back(base: KnowledgeBase, smaller: EmbeddingModel | None) -> None:
    live = generation_ensure(base)
    model_fall_back(version_id=live.model_version_id, to=smaller and smaller.version_id, actor=ACTOR)


def state_of(generation: IndexGeneration) -> str:
    return str(IndexGeneration.objects.values_list("state", flat=True).get(pk=generation.pk))


def test_a_model_that_names_a_smaller_one_gets_its_index_beside_each_live_one(
    base: KnowledgeBase, smaller: EmbeddingModel, standby: IndexGeneration
) -> None:
    live = generation_ensure(base)
    assert (standby.model_version_id, standby.chunking_key) == (smaller.version_id, live.chunking_key)
    assert (live.pk != standby.pk, live.state) == (True, GenerationState.LIVE)
    assert_whole(standby)
    with pytest.raises(ConflictError, match="answers where the live one's model does not"):
        generation_drop(standby, actor=ACTOR)
    with pytest.raises(ConflictError, match=f"generation {standby.pk}"):
        model_remove(version_id=smaller.version_id, actor=ACTOR)


def test_a_large_one_gets_its_index_before_it_answers(
    base: KnowledgeBase, smaller: EmbeddingModel, settings: Any
) -> None:
    settings.RAGSITE_HNSW_MIN_ROWS = 2
    fall_back(base, smaller)
    standbys_follow(turns.long())
    assert IndexGeneration.objects.get(state=GenerationState.STANDBY).has_hnsw


def test_it_gets_what_is_added_and_one_that_is_behind_at_the_end_of_a_turn_answers_nothing(
    base: KnowledgeBase, standby: IndexGeneration
) -> None:
    make.ready_version(base, "The crane lifts boats of up to ten tons.", filename="crane.txt")

    assert standbys_follow(turns.short(1))
    assert state_of(standby) == GenerationState.FILLING

    assert not standbys_follow(turns.long())
    assert state_of(standby) == GenerationState.STANDBY
    assert_whole(standby)


def test_a_document_that_is_deleted_while_it_is_filled_is_no_error(
    base: KnowledgeBase, standby: IndexGeneration
) -> None:
    document_delete(document=document(base, "tides"), actor=ACTOR)
    assert not standbys_follow(turns.long())
    assert_whole(standby)


def test_one_that_nobody_wants_any_more_answers_no_more_and_then_goes(
    base: KnowledgeBase, standby: IndexGeneration
) -> None:
    fall_back(base, None)
    standbys_follow(turns.long())
    assert state_of(standby) == GenerationState.FILLING
    standbys_follow(turns.long())
    assert state_of(standby) == GenerationState.DROPPED
    generations_discard(turns.long())
    assert list(IndexGeneration.objects.values_list("state", flat=True)) == [GenerationState.LIVE]


def test_the_index_that_was_kept_for_a_roll_back_is_used_and_can_still_be_gone_back_to(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    small = generation_ensure(base)
    worked(started(base, model=smaller))
    large = generation_ensure(base)
    model_fall_back(version_id=large.model_version_id, to=small.model_version_id, actor=ACTOR)
    assert not standbys_follow(turns.long())
    assert state_of(small) == GenerationState.STANDBY

    fall_back(base, None)
    standbys_follow(turns.long())
    standbys_follow(turns.long())
    assert state_of(small) == GenerationState.RETIRED
    model_fall_back(version_id=large.model_version_id, to=small.model_version_id, actor=ACTOR)
    standbys_follow(turns.long())
    assert reindex_rollback(base, actor=ACTOR).state == "switched"
    assert (state_of(small), state_of(large)) == (GenerationState.LIVE, GenerationState.RETIRED)


def test_a_model_that_would_not_read_the_chunks_to_their_end_gets_none(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    ModelVersion.objects.filter(pk=smaller.version_id).update(max_tokens=8)
    selectors._remembered.clear()
    fall_back(base, smaller)
    assert not standbys_follow(turns.long())
    assert IndexGeneration.objects.count() == 1


def test_while_the_smaller_model_is_away_its_index_answers_nothing_and_catches_up_later(
    base: KnowledgeBase, smaller: EmbeddingModel, standby: IndexGeneration, use_transport: UseTransport
) -> None:
    make.ready_version(base, "The crane lifts boats of up to ten tons.", filename="crane.txt")
    use_transport(Failing(ModelUnavailableError("No worker."), smaller.name))
    standbys_follow(turns.long())
    assert state_of(standby) == GenerationState.FILLING

    use_transport(Failing(ModelUnavailableError("No worker."), "nobody"))
    standbys_follow(turns.long())
    assert state_of(standby) == GenerationState.STANDBY
    assert_whole(standby)


def test_the_index_of_a_smaller_model_whose_files_were_damaged_stays_for_when_they_are_back(
    base: KnowledgeBase, smaller: EmbeddingModel, standby: IndexGeneration
) -> None:
    ModelVersion.objects.filter(pk=smaller.version_id).update(status="failed", error="Its weights have changed.")
    for _ in range(3):
        standbys_follow(turns.long())
    assert IndexGeneration.objects.filter(pk=standby.pk, state__in=["filling", "standby"]).exists()
    assert_whole(standby)


def test_a_re_index_with_the_smaller_model_is_not_done_twice(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    reindex = started(base, model=smaller)
    fall_back(base, smaller)
    standbys_follow(turns.long())
    assert not IndexGeneration.objects.filter(state__in=["filling", "standby"]).exists()
    worked(reindex)
    assert generation_ensure(base).model_version_id == smaller.version_id
    standbys_follow(turns.long())
    assert not IndexGeneration.objects.filter(state__in=["filling", "standby"]).exists()


def test_with_another_chunking_of_the_live_one_it_is_made_again(base: KnowledgeBase, standby: IndexGeneration) -> None:
    chunking = replace(ChunkingSettings.from_dict(standby.chunking), size=16, overlap=0)
    assert worked(started(base, chunking=chunking)).state == "switched"
    for _ in range(3):
        standbys_follow(turns.long())
    fresh = IndexGeneration.objects.get(state=GenerationState.STANDBY)
    assert (fresh.pk != standby.pk, fresh.chunking_key) == (True, chunking.key)
    assert_whole(fresh)
