from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from django.db.models.functions import Now

from apps.models.models import (
    Model,
    ModelStatus,
    ModelTask,
    ModelVersion,
    TaskState,
)
from apps.models.services import store
from apps.models.services.registry import model_activate
from apps.models.services.store import Place
from apps.models.services.tasks import MODEL_TASK, model_pull
from ragsite.core.errors import ConflictError, ModelNotFoundError, PermanentError
from tests.acting import ACTOR
from tests.apps.models.hub import Fault, Hub
from tests.apps.models.pulling import COMMIT, NAME, ask, nothing_is_left, version, work
from workers.jobs import job_named

MakeCheckpoint = Callable[..., Path]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_damaged_file_is_refused_and_a_second_pull_makes_it_good(hub: Hub, source: Path, name: str) -> None:
    hub.faults = [Fault("corrupt", on=name)]

    task = work(ask())

    assert (task.state, nothing_is_left()) == (TaskState.FAILED, True)
    assert name in task.error
    assert "Pull it again" in task.error
    if begun := ModelVersion.objects.first():
        assert (begun.status, begun.error) == (ModelStatus.FAILED, task.error)
        with pytest.raises(ConflictError, match="failed"):
            model_activate(version_id=begun.pk, actor=ACTOR)

    hub.faults = []
    assert work(ask()).state == TaskState.DONE
    assert (version().status, version().error) == (ModelStatus.ACTIVE, "")


def test_a_repository_with_pickled_weights_alone_is_refused_before_anything_is_read(
    hub: Hub, make_checkpoint: MakeCheckpoint
) -> None:  # fmt: skip
    folder = make_checkpoint()
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    hub.publish(NAME, folder, commit=COMMIT)

    task = work(ask())

    assert (task.state, hub.names_asked(), nothing_is_left()) == (TaskState.FAILED, set(), True)
    assert "only pickled weights (pytorch_model.bin)" in task.error
    assert not Model.objects.exists()


@pytest.mark.parametrize("family", ["tinyml", "bert"])
def test_a_model_that_asks_for_code_of_its_repository_is_refused_before_its_weights_are_read(
    hub: Hub, source: Path, family: str
) -> None:
    config = json.loads((source / "config.json").read_text())
    asking = config | {"model_type": family, "auto_map": {"AutoModel": "modeling_tiny.TinyModel"}}
    (source / "config.json").write_text(json.dumps(asking))
    hub.publish(NAME, source, commit=COMMIT)

    task = work(ask())

    assert (task.state, nothing_is_left()) == (TaskState.FAILED, True)
    assert ("'tinyml'" if family == "tinyml" else "modeling_tiny.TinyModel") in task.error
    assert "model.safetensors" not in hub.names_asked()
    assert not ModelVersion.objects.exists()


def test_a_model_beyond_the_quota_is_refused_with_the_numbers(hub: Hub, source: Path, settings: Any) -> None:
    settings.RAGSITE_MODELS_QUOTA_BYTES = 10_000

    task = work(ask())

    assert (task.state, hub.names_asked(), nothing_is_left()) == (TaskState.FAILED, set(), True)
    assert "(10,000 bytes)" in task.error
    assert "RAGSITE_MODELS_QUOTA_GB" in task.error


def test_what_is_there_and_what_is_promised_to_others_counts_for_the_quota(
    hub: Hub, source: Path, settings: Any
) -> None:
    size = sum(file.stat().st_size for file in source.rglob("*") if file.is_file())
    settings.RAGSITE_MODELS_QUOTA_BYTES = size * 2
    ModelTask.objects.create(
        kind="pull", name="other", source="acme/other", revision="1", bytes_total=size * 2, bytes_done=size // 2,
        lease_until=Now() + timedelta(minutes=5),
    )  # fmt: skip

    assert "RAGSITE_MODELS_QUOTA_GB" in work(ask(), claims=1).error


def test_a_disk_with_too_little_room_is_told_of_before(hub: Hub, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 5000))

    task = work(ask())

    assert (task.state, hub.names_asked(), nothing_is_left()) == (TaskState.FAILED, set(), True)
    assert "(5,000 bytes) left" in task.error


def test_a_disk_that_becomes_full_meanwhile_ends_the_download_and_leaves_nothing(hub: Hub, source: Path) -> None:
    place = Place.of(NAME, COMMIT)
    place.partial.mkdir(parents=True)
    (place.partial / "model.safetensors.part").symlink_to("/dev/full")

    task = work(ask())

    assert (task.state, version().status, nothing_is_left()) == (TaskState.FAILED, ModelStatus.FAILED, True)
    assert "disk became full" in task.error
    assert "Make room" in task.error


def test_other_weights_than_were_asked_for_are_refused_before_they_are_read(hub: Hub, source: Path) -> None:
    task = work(ask(sha256="0" * 64))

    assert (task.state, hub.names_asked(), nothing_is_left()) == (TaskState.FAILED, set(), True)
    assert "0" * 64 in task.error
    right = hashlib.sha256((source / "model.safetensors").read_bytes()).hexdigest()
    assert work(ask(sha256=right.upper())).state == TaskState.DONE


@pytest.mark.parametrize(
    ("status", "words", "state"),
    [
        (401, "refuses 'acme/tiny'", TaskState.FAILED),
        (403, "refuses 'acme/tiny'", TaskState.FAILED),
        (429, "status 429", TaskState.OPEN),
        (503, "status 503", TaskState.OPEN),
    ],
)
def test_what_a_hub_refuses_is_said_in_words_and_what_it_cannot_do_now_is_tried_again(
    hub: Hub, source: Path, status: int, words: str, state: TaskState
) -> None:  # fmt: skip
    hub.faults = [Fault("status", on="/api/", status=status, headers={"Retry-After": "40"})]

    task = work(ask(), claims=1)

    assert (task.state, words in task.error) == (state, True), task.error
    if state == TaskState.OPEN:
        waits = timedelta(seconds=39)
        assert ModelTask.objects.filter(pk=task.pk, not_before__gt=Now() + waits).exists()
        hub.faults = []
        assert work(task).state == TaskState.DONE


def test_a_commit_or_repository_that_is_not_there_is_quoted(hub: Hub, source: Path) -> None:
    other = "f" * 40
    task = work(model_pull(source=NAME, revision=other, actor=ACTOR))
    assert task.state == TaskState.FAILED
    assert other in task.error
    assert "Check the commit" in task.error

    task = work(model_pull(source="acme/none", revision=other, actor=ACTOR))
    assert task.state == TaskState.FAILED
    assert "acme/none" in task.error
    assert "HF_TOKEN" in task.error


@pytest.mark.parametrize(
    ("given", "words"), [({"revision": "main"}, "'main'"), ({"revision": COMMIT, "sha256": "abc"}, "'abc'")]
)
def test_what_pins_nothing_is_refused_at_once(given: dict[str, str], words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        model_pull(source=NAME, actor=ACTOR, **given)
    assert not ModelTask.objects.exists()


def test_a_hub_that_stays_away_ends_it_after_some_attempts_and_what_came_is_kept(hub: Hub, source: Path) -> None:
    hub.faults = [Fault("drop", after=5000, times=1)]
    task = work(ask(), claims=1)
    hub.faults = [Fault("status", status=503)]

    work(task)
    ModelTask.objects.update(not_before=Now())
    job_named(MODEL_TASK).rows.give_up()

    task.refresh_from_db()
    assert (task.state, version().status) == (TaskState.FAILED, ModelStatus.FAILED)
    assert "status 503" in version().error
    hub.faults = []
    assert work(ask()).state == TaskState.DONE
    assert hub.ranges("model.safetensors")[-1] == "bytes=5000-"


@pytest.mark.parametrize("source", ["..", "tiny", "acme/tiny/more", "acme tiny/x", "https://example.org/acme/tiny"])
def test_what_is_no_hub_id_is_refused_when_it_is_asked_for(source: str) -> None:
    with pytest.raises(ModelNotFoundError, match="no hub id"):
        model_pull(source=source, revision=COMMIT, actor=ACTOR)
    assert not ModelTask.objects.exists()
