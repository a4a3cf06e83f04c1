from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModel

from apps.models.installed_model import ModelKind
from apps.models.models import (
    MODEL_TRANSITIONS,
    ModelStatus,
    ModelTask,
    TaskState,
)
from apps.models.selectors import embedding_model_default, model_named, model_version
from apps.models.services import downloading
from apps.models.services.registry import model_activate, model_register
from apps.models.services.store import Place, in_store
from apps.models.services.tasks import MODEL_TASK, model_pull, model_task_cancel, model_verify
from apps.models.services.versions import version_move
from ragsite.core.errors import ConflictError, ModelNotFoundError
from ragsite.core.models import OutboxEvent
from tests.acting import ACTOR, user
from tests.apps.models.hub import Fault, Hub
from tests.apps.models.pulling import COMMIT, NAME, ask, nothing_is_left, told, until_weights_come, version, work
from tests.apps.models.writers import gguf_make
from workers.jobs import job_named
from workers.running import job_run

MakeCheckpoint = Callable[..., Path]
pytestmark = pytest.mark.django_db


def test_a_pulled_model_is_whole_and_in_use_and_nothing_else_of_the_repository_was_taken(
    hub: Hub, source: Path
) -> None:
    task = work(ask())

    assert task.error == ""
    made = version()
    weights = (source / "model.safetensors").read_bytes()
    assert (task.state, made.status) == (TaskState.DONE, ModelStatus.ACTIVE)
    assert (made.revision, made.licence, made.sha256) == (COMMIT, "apache-2.0", hashlib.sha256(weights).hexdigest())
    assert made.bytes == sum(one["bytes"] for one in made.files) == task.bytes_done == task.bytes_total
    assert embedding_model_default().path == Path(made.path) == Place.of(NAME, COMMIT).whole
    assert (Path(made.path) / "model.safetensors").read_bytes() == weights
    assert not {"modeling_tiny.py", "pytorch_model.bin"} & hub.names_asked()
    assert {str(file.relative_to(made.path)) for file in Path(made.path).rglob("*") if file.is_file()} == {
        one["name"] for one in made.files
    }
    assert told() == [
        ("model.registered", "registered"), ("model.updated", "downloading"), ("model.updated", "ready"),
        ("model.updated", "active"), ("model.updated", "active"),
    ]  # fmt: skip
    row = OutboxEvent.objects.filter(type="model.registered").get()
    assert (row.tenant_id, row.key, row.actor["name"]) == (None, str(made.model_id), "ada")


def test_a_pulled_model_reads_the_prompts_of_its_family(hub: Hub, source: Path) -> None:
    assert work(ask(name="acme/e5-small")).error == ""
    assert (version().query_prompt, version().document_prompt) == ("query: ", "passage: ")


@pytest.mark.parametrize("beside", [{}, {"config__json": b"{}", "README__md": b"# Tiny"}])
def test_a_gguf_file_is_pulled_whatever_lies_beside_it(hub: Hub, tmp_path: Path, beside: dict[str, bytes]) -> None:
    gguf_make(tmp_path / "tiny.Q4_1.gguf")
    hub.publish(NAME, tmp_path, commit=COMMIT, **beside)
    assert work(ask()).error == ""
    assert (version().kind, version().status, version().max_tokens) == ("generation", "active", 128)
    model_verify(version_id=version().pk, actor=ACTOR)
    assert job_run(job_named(MODEL_TASK))
    assert version().status == "active"


def test_what_was_registered_from_a_folder_while_its_download_was_open_is_not_made_twice(
    hub: Hub, source: Path
) -> None:
    task = work(ask(), turn=until_weights_come(), claims=1)
    model_register(source=source, name=NAME, revision=COMMIT, actor=ACTOR)
    assert version().status == ModelStatus.ACTIVE
    assert work(task).state == TaskState.FAILED
    assert (version().status, version().path) == (ModelStatus.ACTIVE, str(source))


def test_a_dropped_connection_is_taken_up_where_it_broke(hub: Hub, source: Path) -> None:
    size = (source / "model.safetensors").stat().st_size
    hub.faults = [Fault("drop", after=size // 3, times=4)]

    assert work(ask(), claims=16).state == TaskState.DONE

    assert len(set(hub.ranges("model.safetensors"))) == 3, "the last of it came from where the second drop was"
    assert hub.sent < 2 * size


def test_an_answer_that_ends_early_without_saying_so_is_continued(hub: Hub, source: Path) -> None:
    hub.faults = [Fault("truncate", after=5000, times=1)]

    assert work(ask()).state == TaskState.DONE

    assert "bytes=5000-" in hub.ranges("model.safetensors")


def test_a_server_that_ignores_ranges_is_read_from_the_beginning(hub: Hub, source: Path) -> None:
    hub.faults = [Fault("drop", after=5000, times=1), Fault("no-ranges")]

    assert work(ask()).state == TaskState.DONE
    assert version().status == ModelStatus.ACTIVE


def test_a_turn_that_ends_leaves_a_download_that_nobody_can_use_and_the_next_goes_on(
    hub: Hub, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    task = work(ask(), turn=until_weights_come(), claims=1)

    begun = version()
    weights = (source / "model.safetensors").stat().st_size
    assert (task.state, begun.status, begun.path, task.attempts) == (TaskState.OPEN, ModelStatus.DOWNLOADING, "", 0)
    assert 0 < sum(file.stat().st_size for file in Place.of(NAME, COMMIT).partial.rglob("*.part")) < weights
    with pytest.raises(ModelNotFoundError, match="downloading"):
        model_version(begun.pk, kind=ModelKind.EMBEDDING)
    with pytest.raises(ModelNotFoundError):
        model_named(str(begun.pk), kind=ModelKind.EMBEDDING)
    with pytest.raises(ConflictError, match="downloading"):
        model_activate(version_id=begun.pk, actor=ACTOR)

    assert work(task).state == TaskState.DONE
    assert hub.ranges("model.safetensors")[-1].startswith("bytes="), "it was not read from the beginning"


def test_a_cancelled_download_leaves_nothing(hub: Hub, source: Path) -> None:
    task = work(ask(), turn=until_weights_come(), claims=1)
    assert task.state == TaskState.OPEN

    model_task_cancel(task_id=task.pk, actor=user("bob"))
    task = work(task)

    assert (task.state, nothing_is_left()) == (TaskState.CANCELLED, True)
    assert (version().status, version().error) == (ModelStatus.FAILED, "The download was cancelled.")
    with pytest.raises(ConflictError, match="cancelled"):
        model_task_cancel(task_id=task.pk, actor=ACTOR)


def test_a_download_under_way_notices_that_it_was_cancelled(
    hub: Hub, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(downloading, "TELL_SECONDS", 0.0)
    task, receive = ask(), downloading._write

    def cancel_then_write(*given: Any) -> None:
        if ModelTask.objects.filter(pk=task.pk, state=TaskState.OPEN, bytes_done__gt=20_000).exists():
            model_task_cancel(task_id=task.pk, actor=ACTOR)
        receive(*given)

    monkeypatch.setattr(downloading, "_write", cancel_then_write)
    work(task, claims=1)
    assert not (Place.of(NAME, COMMIT).partial / "model.safetensors").exists()

    assert work(task).state == TaskState.CANCELLED
    assert nothing_is_left()


def test_files_that_another_process_is_at_are_waited_for_without_counting_an_attempt(hub: Hub, source: Path) -> None:
    task = ask()

    with Place.of(NAME, COMMIT).held():
        for _ in range(5):
            work(task, claims=1)
        assert (task.state, task.attempts) == (TaskState.OPEN, 0)
        assert "Another process" in task.error

    assert work(task).state == TaskState.DONE


def test_a_folder_that_an_earlier_download_left_is_taken_if_it_is_whole_and_removed_if_not(
    hub: Hub, source: Path
) -> None:
    place = Place.of(NAME, COMMIT)
    shutil.copytree(source, place.whole)
    assert work(ask()).state == TaskState.DONE
    assert hub.names_asked() == set()

    weights = place.whole / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    task = work(model_pull(source=NAME, revision=COMMIT, name="again", actor=ACTOR))
    assert (task.state, place.whole.exists()) == (TaskState.FAILED, False)


def test_weights_in_several_files_have_one_digest(hub: Hub, source: Path) -> None:
    AutoModel.from_pretrained(source).save_pretrained(source, max_shard_size="20KB")
    (source / "model.safetensors").unlink()
    hub.publish(NAME, source, commit=COMMIT)

    assert work(ask()).state == TaskState.DONE

    assert len([one for one in version().files if one["name"].startswith("model-0")]) > 1
    assert work(model_verify(version_id=version().pk, actor=ACTOR)).state == TaskState.DONE


def test_what_is_asked_for_or_installed_is_not_downloaded_again(hub: Hub, source: Path) -> None:
    task = ask()
    assert ask().pk == task.pk
    work(task)
    with pytest.raises(ConflictError, match="is installed"):
        ask()
    assert ModelTask.objects.count() == 1


def test_a_check_finds_a_changed_file_which_is_not_used_until_it_is_back(hub: Hub, source: Path) -> None:
    work(ask())
    made = version()
    assert work(model_verify(version_id=made.pk, actor=ACTOR)).state == TaskState.DONE

    tokenizer = Path(made.path) / "tokenizer.json"
    before = tokenizer.read_bytes()
    tokenizer.write_bytes(before + b" ")
    task = work(model_verify(version_id=made.pk, actor=ACTOR))
    assert (task.state, version().status) == (TaskState.FAILED, ModelStatus.FAILED)
    assert "tokenizer.json has changed" in task.error
    with pytest.raises(ModelNotFoundError):
        embedding_model_default()

    tokenizer.write_bytes(before)
    assert work(model_verify(version_id=made.pk, actor=ACTOR)).state == TaskState.DONE
    assert version().status == ModelStatus.READY


def test_a_status_follows_another_as_the_table_says(hub: Hub, source: Path) -> None:
    work(ask())
    for before in ModelStatus:
        for after in ModelStatus:
            row = version()
            row.status = before
            if after in MODEL_TRANSITIONS[before]:
                version_move(row, after, actor=ACTOR, error="why")
            else:
                with pytest.raises(ConflictError, match=f"is {before} and cannot become {after}"):
                    version_move(row, after, actor=ACTOR)


def test_only_what_lies_in_the_store_is_ours_to_remove(hub: Hub, tmp_path: Path) -> None:
    assert in_store(str(Place.of(NAME, COMMIT).whole))
    assert not any(map(in_store, ["", str(tmp_path), str(tmp_path / "store"), "/"]))
