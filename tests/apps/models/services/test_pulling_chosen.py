"""Prompts and dimensions that are chosen for a download."""

from __future__ import annotations

import pytest

from apps.models.models import ModelStatus, ModelTask, ModelVersion, TaskState
from apps.models.services.choices import VersionChoices
from apps.models.services.removing import model_remove
from apps.models.services.store import Place
from apps.models.services.tasks import model_verify
from ragsite.core.errors import ConflictError
from tests.acting import ACTOR
from tests.apps.models.hub import Hub
from tests.apps.models.making import cross_encoder_make
from tests.apps.models.pulling import COMMIT, NAME, ask, nothing_is_left, version, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("source")]
CHOSEN = VersionChoices("question: ", "", 8)


def identity(made: ModelVersion) -> tuple[str, str, int | None]:
    return made.query_prompt, made.document_prompt, made.dimensions


def test_what_is_chosen_goes_before_what_the_family_was_trained_with() -> None:
    task = work(ask(name="acme/e5-small", choices=CHOSEN))

    assert task.error == ""
    assert identity(version()) == ("question: ", "", 8)


def test_the_same_files_with_other_prompts_are_another_version_and_stay_until_the_last_one_goes() -> None:
    first = work(ask()).version
    second = work(ask(choices=CHOSEN)).version
    assert first is not None
    assert second is not None
    assert (first.pk != second.pk, first.path) == (True, second.path)
    assert {identity(first), identity(second)} == {("", "", 32), ("question: ", "", 8)}

    removal = model_remove(version_id=second.pk, actor=ACTOR)
    assert removal is not None
    assert work(removal).state == TaskState.DONE
    assert work(model_verify(version_id=first.pk, actor=ACTOR)).state == TaskState.DONE
    removal = model_remove(version_id=first.pk, actor=ACTOR)
    assert removal is not None
    work(removal)
    assert nothing_is_left()


def test_the_same_choice_twice_is_one_version() -> None:
    work(ask(choices=CHOSEN))
    again = work(ask(choices=CHOSEN))

    assert (again.state, ModelVersion.objects.count()) == (TaskState.FAILED, 1)
    assert "with these prompts and dimensions is known" in again.error
    assert Place.of(NAME, COMMIT).whole.is_dir()


def test_a_download_under_way_is_not_quietly_taken_for_one_with_other_prompts() -> None:
    ask(choices=CHOSEN)
    with pytest.raises(ConflictError, match="under way with another query prompt"):
        ask()
    assert ModelTask.objects.count() == 1


def test_what_was_whole_before_is_downloaded_again_with_the_prompts_that_its_indexes_know() -> None:
    work(ask(choices=CHOSEN))
    made = version()
    (Place.of(NAME, COMMIT).whole / "tokenizer.json").write_text("{}")
    work(model_verify(version_id=made.pk, actor=ACTOR))
    assert version().status == ModelStatus.FAILED
    work(ask())
    assert not Place.of(NAME, COMMIT).whole.exists()

    assert work(ask()).state == TaskState.DONE

    assert (version().pk, identity(version())) == (made.pk, ("question: ", "", 8))


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (VersionChoices(dimensions=33), "of which 33 cannot be kept"),
        (VersionChoices(query_prompt="word " * 40), "takes about"),
    ],
)
def test_what_the_model_cannot_be_is_refused_and_leaves_nothing(choices: VersionChoices, words: str) -> None:
    task = work(ask(choices=choices))
    assert words in task.error
    assert (version().status, nothing_is_left()) == (ModelStatus.FAILED, True)


def test_a_reranker_with_prompts_is_refused_before_its_weights_are_downloaded(
    hub: Hub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hub.publish(NAME, cross_encoder_make(tmp_path_factory.mktemp("scorer")), commit=COMMIT)

    task = work(ask(choices=CHOSEN))

    assert "reads no prompts" in task.error
    assert "model.safetensors" not in hub.names_asked()
    assert (ModelVersion.objects.exists(), nothing_is_left()) == (False, True)
