from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from apps.models.models import Model, ModelTask, ModelVersion, TaskState
from apps.models.services.registry import model_activate, model_register
from apps.models.services.removing import model_remove
from apps.models.services.store import Place
from ragsite.core.errors import ConflictError, ModelNotFoundError
from ragsite.core.ids import new_id
from ragsite.core.models import OutboxEvent
from tests import factories
from tests.acting import ACTOR
from tests.apps.models.pulling import COMMIT, NAME, ask, version, work

MakeCheckpoint = Callable[..., Path]
pytestmark = pytest.mark.django_db


def test_what_was_downloaded_is_removed_with_its_version_and_can_be_pulled_again(source: Path) -> None:
    work(ask())

    task = model_remove(version_id=version().pk, actor=ACTOR)

    assert not Model.objects.exists()
    assert OutboxEvent.objects.filter(type="model.removed").count() == 1
    assert task is not None
    assert work(task).state == TaskState.DONE
    assert not Place.of(NAME, COMMIT).whole.parent.exists()
    assert work(ask()).state == TaskState.DONE


def test_a_folder_that_somebody_registered_stays(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    made = model_register(source=path, actor=ACTOR)

    assert model_remove(version_id=made.pk, actor=ACTOR) is None

    assert (path / "model.safetensors").is_file()
    assert not ModelVersion.objects.exists()


def test_a_version_that_an_index_needs_stays_and_the_index_is_named() -> None:
    base = factories.ready_version().document.knowledge_base
    made = base.generations.get().model_version

    with pytest.raises(ConflictError, match=rf"generation {base.generations.get().pk} \(live\)"):
        model_remove(version_id=made.pk, actor=ACTOR)

    assert ModelVersion.objects.filter(pk=made.pk).exists()
    assert not OutboxEvent.objects.filter(type="model.removed").exists()


def test_the_version_in_use_goes_only_after_another_took_its_place(make_checkpoint: MakeCheckpoint) -> None:
    old = model_register(source=make_checkpoint("old"), name="tiny", actor=ACTOR)
    new = model_register(source=make_checkpoint("new", seed=1), name="tiny", actor=ACTOR)
    with pytest.raises(ConflictError, match="in use"):
        model_remove(version_id=old.pk, actor=ACTOR)

    model_activate(version_id=new.pk, actor=ACTOR)
    model_remove(version_id=old.pk, actor=ACTOR)

    assert ModelVersion.objects.get().pk == new.pk


def test_a_version_with_work_under_way_and_one_that_is_not_there_are_refused(make_checkpoint: MakeCheckpoint) -> None:
    made = model_register(source=make_checkpoint(), actor=ACTOR)
    ModelTask.objects.create(kind="verify", version=made, name="tiny", source="tiny", revision=made.revision)
    with pytest.raises(ConflictError, match="has not ended"):
        model_remove(version_id=made.pk, actor=ACTOR)
    with pytest.raises(ModelNotFoundError):
        model_remove(version_id=new_id(), actor=ACTOR)
