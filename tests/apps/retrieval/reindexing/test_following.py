"""Indexes follow another version of their model."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.documents.models import KnowledgeBase
from apps.models.models import ModelStatus, ModelVersion
from apps.models.services.registry import model_activate, model_register
from apps.retrieval.index.generations import generation_live
from apps.retrieval.models import Reindex, ReindexState
from apps.retrieval.reindexing.following import models_follow
from apps.retrieval.reindexing.services import reindex_cancel
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.apps.models.conftest import checkpoint_make
from tests.apps.retrieval.reindexing.rebuilding import worked

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    """With a document, indexed by the model that comes with the installation."""
    return make.ready_version().document.knowledge_base


@pytest.fixture
def other(base: KnowledgeBase, tmp_path: Path) -> ModelVersion:
    """Another version of the same model."""
    (tmp_path / "other").mkdir()
    folder = checkpoint_make(tmp_path / "other", dimensions=24, tokens=256)
    live = generation_live(base)
    assert live is not None
    return model_register(source=folder, name=live.model_version.model.name, actor=ACTOR)


def model_of(base: KnowledgeBase) -> object:
    live = generation_live(base)
    assert live is not None
    return live.model_version_id


def test_an_index_follows_once_another_version_is_activated_and_is_searched_by_the_old_one_until_then(
    base: KnowledgeBase, other: ModelVersion
) -> None:
    before = model_of(base)
    models_follow(turns.long())
    assert not Reindex.objects.exists()

    model_activate(version_id=other.pk, actor=ACTOR)
    for _ in range(2):
        models_follow(turns.long())

    reindex = Reindex.objects.get()
    assert (reindex.state, reindex.asked_by, model_of(base)) == (ReindexState.BUILDING, "job models-follow", before)
    assert worked(reindex).state == ReindexState.SWITCHED
    assert model_of(base) == other.pk
    models_follow(turns.long())
    assert Reindex.objects.count() == 1


def test_one_that_was_cancelled_is_not_started_again_by_itself(base: KnowledgeBase, other: ModelVersion) -> None:
    model_activate(version_id=other.pk, actor=ACTOR)
    models_follow(turns.long())
    reindex_cancel(base, actor=ACTOR)

    models_follow(turns.long())

    assert Reindex.objects.get().state == ReindexState.CANCELLED


def test_an_index_of_a_model_without_an_active_version_stays(base: KnowledgeBase, other: ModelVersion) -> None:
    ModelVersion.objects.filter(pk=model_of(base)).update(status=ModelStatus.RETIRED)
    models_follow(turns.long())
    assert not Reindex.objects.exists()


def test_going_back_to_the_version_before_is_followed_too(base: KnowledgeBase, other: ModelVersion) -> None:
    before = model_of(base)
    model_activate(version_id=other.pk, actor=ACTOR)
    models_follow(turns.long())
    worked(Reindex.objects.get())
    model_activate(version_id=ModelVersion.objects.get(pk=before).pk, actor=ACTOR)

    models_follow(turns.long())

    again = Reindex.objects.order_by("-id")[0]
    assert again.generation is not None
    assert again.generation.model_version_id == before
