from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.models.management.commands import models as models_command
from apps.models.models import ModelOrder, ModelTask, ModelVersion
from apps.models.selectors import embedding_model_default
from apps.models.services.registry import model_register
from apps.models.services.store import Place
from ragsite.core.presence import presence_tell
from tests.acting import ACTOR
from tests.apps.models.hub import Fault, Hub
from tests.apps.models.making import cross_encoder_make
from tests.apps.models.pulling import COMMIT, NAME
from tests.model_server import KEY, MODEL, ModelServer, refuses

MakeCheckpoint = Callable[..., Path]
pytestmark = pytest.mark.django_db


def run(*words: str) -> str:
    output = StringIO()
    call_command("models", *words, stdout=output)
    return output.getvalue()


def test_a_registered_model_is_listed_with_what_matters(make_checkpoint: MakeCheckpoint) -> None:
    run("register", str(make_checkpoint()), "--name", "acme/tiny")

    listed = run("list")

    assert "acme/tiny (default)  active  32 dimensions  24 tokens" in listed
    assert str(ModelVersion.objects.get().pk) in listed


def test_prompts_are_shown_and_can_be_chosen(make_checkpoint: MakeCheckpoint) -> None:
    path = str(make_checkpoint())

    assert "prompts: query 'query: ', document 'passage: '" in run("register", path, "--name", "intfloat/e5-small-v2")
    assert "prompts: document 'text: '" in run(
        "register", path, "--name", "intfloat/e5-small-v2", "--query-prompt", "", "--document-prompt", "text: "
    )
    assert ModelVersion.objects.count() == 2
    assert run("list").count("prompts: ") == 2


def test_vectors_can_be_cut(make_checkpoint: MakeCheckpoint) -> None:
    assert "  8 dimensions  " in run("register", str(make_checkpoint()), "--dimensions", "8")


def test_another_model_can_be_made_the_default(make_checkpoint: MakeCheckpoint) -> None:
    run("register", str(make_checkpoint("one")))
    run("register", str(make_checkpoint("two", seed=1)))
    two = ModelVersion.objects.get(model__name="two")

    assert "two (default)" in run("default", str(two.pk))

    assert embedding_model_default().version_id == two.pk


def test_a_new_version_can_be_activated(make_checkpoint: MakeCheckpoint) -> None:
    run("register", str(make_checkpoint("one")), "--name", "tiny")
    run("register", str(make_checkpoint("two", seed=1)), "--name", "tiny", "--revision", "2")
    two = ModelVersion.objects.get(revision="2")

    assert "active" in run("activate", str(two.pk))

    assert embedding_model_default().version_id == two.pk


def test_a_refusal_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"nowhere.*Give the path"):
        run("register", str(tmp_path / "nowhere"))

    assert not ModelVersion.objects.exists()


def test_a_model_is_pulled_checked_and_removed_with_no_worker_running(source: Path) -> None:
    assert f"{NAME} (default)  active" in run("pull", NAME, "--revision", COMMIT)
    made = str(ModelVersion.objects.get().pk)
    assert "active" in run("verify", made)
    assert "0.1 MB" in run("list")

    assert "removed" in run("remove", made)

    assert not ModelVersion.objects.exists()
    assert not Place.of(NAME, COMMIT).whole.exists()


@pytest.mark.parametrize("word", ["add", "register"])
def test_folders_are_registered_and_hub_ids_downloaded_by_a_checked_pull(source: Path, word: str) -> None:
    assert "tiny (default)  active" in run(word, str(source))
    waiting = run(word, NAME, "--revision", COMMIT, "--no-wait")
    assert "Waiting." in waiting
    assert waiting in run("list")
    assert "Being cancelled" in run("cancel", waiting.split()[0])


@pytest.mark.parametrize("revision", [[], ["--revision", "main"], ["--revision", COMMIT[:12]]])
def test_a_hub_id_without_a_full_commit_is_refused(hub: Hub, revision: list[str]) -> None:
    with pytest.raises(CommandError, match="Give the full 40-digit commit hash"):
        run("register", NAME, *revision)
    assert not ModelTask.objects.exists()


def test_prompts_and_dimensions_are_chosen_for_a_download(source: Path) -> None:
    chosen = run("pull", NAME, "--revision", COMMIT, "--query-prompt", "question: ", "--dimensions", "8")
    assert "  8 dimensions  " in chosen
    assert "prompts: query 'question: '" in chosen


def test_a_download_that_fails_says_why(hub: Hub, source: Path) -> None:
    hub.faults = [Fault("corrupt")]
    with pytest.raises(CommandError, match="was damaged on the way"):
        run("pull", NAME, "--revision", COMMIT)
    assert "failed" in run("list")


@pytest.mark.parametrize("kind", ["load", "unload", "warm"])
def test_workers_are_told_to_load_and_unload_and_their_answers_are_shown(
    make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made = str(model_register(source=make_checkpoint(), actor=ACTOR).pk)
    assert "No model worker is running." in run(kind, made)
    presence_tell(worker="models@here", jobs=["embed"])
    monkeypatch.setattr(models_command, "ANSWER_SECONDS", 0.0)

    assert "models@here: no answer yet." in run(kind, made)

    assert [(order.kind, order.worker) for order in ModelOrder.objects.all()] == [(kind, ""), (kind, "")]
    assert "not there: no answer yet." in run(kind, made, "--worker", "not there")


def test_a_version_names_another_that_answers_in_its_place(tmp_path: Path) -> None:
    large, small = (
        str(model_register(source=cross_encoder_make(tmp_path / name, seed=seed), actor=ACTOR).pk)
        for seed, name in enumerate(["large", "small"])
    )
    assert f"falls back to {small}" in run("fallback", large, small)
    assert "falls back" not in run("fallback", large)


def test_a_model_at_a_server_is_connected_tested_listed_and_removed(engine: ModelServer) -> None:
    connected = run("connect", "assistant", "--url", engine.url, "--model", MODEL, "--default")
    assert f"{engine.url}  answered 'The harbour has berths.'" in connected
    version = ModelVersion.objects.get()
    assert f"assistant (default)  active  generation  4096 tokens  {MODEL}  at {engine.url}" in run("list")
    assert "answered" in run("test", str(version.pk))
    engine.then(refuses(500, "boom"))
    with pytest.raises(CommandError, match="boom"):
        run("test", str(version.pk))
    with pytest.raises(CommandError, match="no files to check"):
        run("verify", str(version.pk))
    run("remove", str(version.pk))
    assert not ModelVersion.objects.exists()


def test_a_key_is_read_from_the_input_or_named_by_its_variable(
    engine: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(f"{KEY}\n"))
    said = run("connect", "assistant", "--url", engine.url, "--model", MODEL, "--key-stdin")
    assert engine.seen[-1].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in said + run("list")
    monkeypatch.setenv("HARBOUR_API_KEY", "another")
    run("connect", "assistant", "--url", engine.url, "--model", MODEL, "--key-env", "HARBOUR_API_KEY")
    assert engine.seen[-1].headers["authorization"] == "Bearer another"


def test_what_cannot_be_connected_is_refused_in_words(engine: ModelServer) -> None:
    with pytest.raises(CommandError, match=f"it offers {MODEL}"):
        run("connect", "assistant", "--url", engine.url, "--model", "unknown")
    with pytest.raises(CommandError, match="no http or https address"):
        run("connect", "assistant", "--url", "ftp://gpu/v1", "--model", MODEL)
    assert not ModelVersion.objects.exists()
