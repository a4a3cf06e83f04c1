"""Models that lie in the folder of models are added from the admin, and nothing outside of it is."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from apps.models.installed_model import ModelKind
from apps.models.models import ModelStatus, ModelTask, ModelVersion
from apps.models.services import folder_work
from apps.models.services.folders import FoundFolder, folders_found, model_add_folder
from apps.models.services.removing import model_remove
from apps.models.services.tasks import model_task_cancel
from ragsite.core.errors import ConflictError, RagError
from ragsite.core.work import Turn
from tests.acting import ACTOR
from tests.apps.models.pulling import work

pytestmark = pytest.mark.django_db
MakeCheckpoint = Callable[..., Path]
PAGE = "/admin/model_registry/model/folder"


@pytest.fixture
def root(tmp_path: Path, settings: Any) -> Path:
    settings.RAGSITE_MODELS_DIR = tmp_path / "models"
    settings.RAGSITE_MODELS_DIR.mkdir()
    return tmp_path / "models"


@pytest.fixture
def folder(root: Path, make_checkpoint: MakeCheckpoint) -> Path:
    """A model at `acme/tiny` in the folder of models."""
    (root / "acme").mkdir()
    return shutil.move(make_checkpoint(), root / "acme" / "tiny")


def test_what_is_installed_hidden_or_a_link_is_not_offered(folder: Path, root: Path) -> None:
    for place in ("models--acme--small/snapshots/0123", ".partial/acme", "here"):
        shutil.copytree(folder, root / place)
    (root / "writer.gguf").write_bytes(b"GGUF")
    (root / "link").symlink_to(folder)
    work(model_add_folder(place="here", actor=ACTOR))
    assert folders_found() == [
        FoundFolder("acme/tiny", "acme/tiny"),
        FoundFolder("models--acme--small/snapshots/0123", "acme/small"),
        FoundFolder("writer.gguf", "writer"),
    ]


def test_nothing_outside_of_the_folder_of_models_is_taken(
    folder: Path, root: Path, make_checkpoint: MakeCheckpoint, admin_client: Client
) -> None:
    outside = make_checkpoint("outside")
    (root / "link").symlink_to(outside)
    (root / ".hidden").mkdir()
    shutil.copytree(folder, root / "leads-out")
    (root / "leads-out" / "vocab.txt").symlink_to(outside / "config.json")
    for place in (
        "",
        ".",
        "..",
        "../outside",
        str(outside),
        "acme/../../outside",
        "link",
        ".hidden",
        "no\0ne",
        "leads-out",
    ):
        with pytest.raises(RagError, match="folder of models"):
            model_add_folder(place=place, actor=ACTOR)
        told = admin_client.post(f"{PAGE}/", {"place": place}, follow=True).content.decode()
        assert any(one in told for one in ("is required", "not among the models", "leads out", "Null characters"))
    assert not ModelTask.objects.exists()


def test_a_link_that_is_put_there_after_it_was_asked_for_is_not_followed(
    folder: Path, make_checkpoint: MakeCheckpoint
) -> None:
    task = model_add_folder(place="acme/tiny", actor=ACTOR)
    shutil.rmtree(folder)
    folder.symlink_to(make_checkpoint("outside"))
    assert work(task).state == "failed"
    assert not ModelVersion.objects.exists()


def test_a_model_is_chosen_in_the_admin_and_added_by_a_worker_and_its_files_stay_when_it_is_removed(
    admin_client: Client, folder: Path
) -> None:
    assert '<option value="acme/tiny">' in admin_client.get(PAGE, follow=True).content.decode()
    wrong = admin_client.post(f"{PAGE}/", {"place": "acme/tiny", "kind": "reranking"}, follow=True).content.decode()
    assert "is a model for embedding, and not for reranking." in wrong
    assert not ModelTask.objects.exists()
    told = admin_client.post(f"{PAGE}/", {"place": "acme/tiny", "kind": "", "name": ""}, follow=True).content.decode()
    assert "a model worker reads its files, and adds it." in told
    assert "Adding a model from a folder" in admin_client.get("/admin/jobs/").content.decode()

    task = work(ModelTask.objects.get())
    version = ModelVersion.objects.select_related("model").get()
    assert (task.state, task.version, task.bytes_done) == ("done", version, version.bytes)
    assert (version.model.name, version.kind, version.status) == ("acme/tiny", ModelKind.EMBEDDING, ModelStatus.ACTIVE)
    assert version.path == version.source == str(folder)
    assert model_remove(version_id=version.pk, actor=ACTOR) is None
    assert folder.is_dir()


def test_whoever_goes_on_reads_the_other_files_alone_and_a_changed_one_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    reads = folder_work.file_sha256
    monkeypatch.setattr(folder_work, "file_sha256", lambda file, **told: read.append(file) or reads(file, **told))
    task = model_add_folder(place="acme/tiny", actor=ACTOR)
    work(task, turn=Turn(math.inf, lambda: len(read) == 2), claims=1)
    assert (task.state, len(task.plan or {}), len(read)) == ("open", 2, 2)
    assert task.bytes_total is not None
    assert 0 < task.bytes_done < task.bytes_total

    changed = read[0]
    changed.touch()
    work(task)
    assert task.state == "done"
    assert read.count(changed) == 2
    assert len(read) == len(ModelVersion.objects.get().files) + 1


def test_one_name_is_added_from_one_folder_at_a_time_and_a_cancelled_one_is_not_added(folder: Path, root: Path) -> None:
    shutil.copytree(folder, root / "copy")
    task = model_add_folder(place="acme/tiny", actor=ACTOR)
    assert model_add_folder(place="acme/tiny", actor=ACTOR) == task
    with pytest.raises(ConflictError, match="is being added"):
        model_add_folder(place="copy", name="acme/tiny", actor=ACTOR)
    model_task_cancel(task_id=task.pk, actor=ACTOR)
    assert work(task).state == "cancelled"
    assert not ModelVersion.objects.exists()


def test_only_superusers_may_and_an_empty_folder_says_what_to_do(root: Path, admin_client: Client) -> None:
    assert "No model was found" in admin_client.get(PAGE, follow=True).content.decode()
    user = User.objects.create_user("adder", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="model_registry"))
    adder = Client()
    adder.force_login(user)
    assert adder.get(PAGE, follow=True).status_code == 403
    assert adder.post(f"{PAGE}/", {"place": "acme/tiny"}).status_code == 403
