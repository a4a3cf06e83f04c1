from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from apps.models.models import ModelStatus, ModelVersion
from apps.models.selectors import reranker_default
from apps.models.services.fallbacks import model_fall_back
from apps.models.services.registry import model_activate, model_register
from apps.models.services.removing import model_remove
from ragsite.core.errors import ConflictError
from ragsite.core.models import OutboxEvent
from tests.acting import ACTOR
from tests.apps.models.making import cross_encoder_make

MakeCheckpoint = Callable[..., Path]
pytestmark = pytest.mark.django_db


@pytest.fixture
def rerankers(tmp_path: Path) -> list[ModelVersion]:
    return [
        model_register(source=cross_encoder_make(tmp_path / name, seed=seed), actor=ACTOR)
        for seed, name in enumerate(["large", "small"])
    ]


def test_a_version_names_a_smaller_one_until_it_is_taken_back_or_removed(rerankers: list[ModelVersion]) -> None:
    large, small = rerankers
    model_fall_back(version_id=large.pk, to=small.pk, actor=ACTOR)

    found = reranker_default()
    assert found is not None
    assert found.fallback == small.pk
    assert OutboxEvent.objects.order_by("id").last().payload["changed"] == ["fallback"]
    model_fall_back(version_id=large.pk, to=None, actor=ACTOR)
    assert ModelVersion.objects.get(pk=large.pk).fallback is None
    model_fall_back(version_id=large.pk, to=small.pk, actor=ACTOR)
    model_remove(version_id=small.pk, actor=ACTOR)
    assert ModelVersion.objects.get(pk=large.pk).fallback is None


@pytest.mark.parametrize("circle", [False, True])
def test_a_version_that_takes_the_place_of_another_falls_back_to_what_that_did_unless_that_leads_back(
    rerankers: list[ModelVersion], tmp_path: Path, circle: bool
) -> None:
    large, small = rerankers
    model_fall_back(version_id=large.pk, to=small.pk, actor=ACTOR)
    (tmp_path / "next").mkdir()
    new = model_register(source=cross_encoder_make(tmp_path / "next", seed=2), name="large", actor=ACTOR)

    if circle:
        model_fall_back(version_id=small.pk, to=new.pk, actor=ACTOR)

    model_activate(version_id=new.pk, actor=ACTOR)

    assert ModelVersion.objects.get(pk=new.pk).fallback_id == (None if circle else small.pk)


def test_a_circle_another_kind_and_what_is_not_whole_are_refused(
    rerankers: list[ModelVersion], make_checkpoint: MakeCheckpoint
) -> None:
    large, small = rerankers
    embedding = model_register(source=make_checkpoint(), actor=ACTOR)
    model_fall_back(version_id=large.pk, to=small.pk, actor=ACTOR)
    for version, to, words in [
        (small, large, "itself"), (small, small, "itself"), (large, embedding, "is for embedding"),
        (embedding, embedding, "itself"),
    ]:  # fmt: skip
        with pytest.raises(ConflictError, match=words):
            model_fall_back(version_id=version.pk, to=to.pk, actor=ACTOR)
    ModelVersion.objects.filter(pk=large.pk).update(status=ModelStatus.FAILED, error="Damaged.")
    ModelVersion.objects.filter(pk=large.pk).update(fallback=None)
    with pytest.raises(ConflictError, match="failed"):
        model_fall_back(version_id=small.pk, to=large.pk, actor=ACTOR)
    assert ModelVersion.objects.get(pk=small.pk).fallback is None
