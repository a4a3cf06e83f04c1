from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.models.models import ModelVersion
from apps.models.selectors import embedding_model_default
from apps.models.services.store import Place
from tests.apps.models.hub import Fault, Hub
from tests.apps.models.pulling import COMMIT, NAME

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


def test_add_takes_folders_and_hub_ids(source: Path) -> None:
    assert "tiny (default)  active" in run("add", str(source))
    waiting = run("add", NAME, "--revision", COMMIT, "--no-wait")
    assert "Waiting." in waiting
    assert waiting in run("list")
    assert "Being cancelled" in run("cancel", waiting.split()[0])


def test_a_download_that_fails_says_why(hub: Hub, source: Path) -> None:
    hub.faults = [Fault("corrupt")]
    with pytest.raises(CommandError, match="was damaged on the way"):
        run("pull", NAME, "--revision", COMMIT)
    assert "failed" in run("list")
