from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.models import selectors
from apps.models.checkpoint import checkpoint_read, weights_sha256
from apps.models.errors import UnsafeWeightsError, UnsupportedModelError
from apps.models.installed_model import EmbeddingModel, ModelKind
from apps.models.models import Model, ModelStatus, ModelVersion
from apps.models.prompts import Prompts
from apps.models.selectors import embedding_model_default, embedding_model_version
from apps.models.services.choices import VersionChoices
from apps.models.services.registry import (
    BUNDLED_NAME,
    bundled_model_path,
    model_activate,
    model_make_default,
    model_register,
)
from ragsite.core.errors import ConflictError, ModelNotFoundError
from ragsite.core.ids import new_id
from tests.acting import ACTOR

MakeCheckpoint = Callable[..., Path]
pytestmark = pytest.mark.django_db


def test_the_first_model_is_active_and_the_default(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint(dimensions=48)

    version = model_register(source=path, actor=ACTOR)

    assert embedding_model_default() == EmbeddingModel(
        version_id=version.pk,
        name="tiny",
        path=path,
        sha256=weights_sha256(checkpoint_read(path).weights),
        dimensions=48,
        max_tokens=24,
    )


def test_registering_the_same_weights_again_changes_nothing(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()

    first, again = model_register(source=path, actor=ACTOR), model_register(source=str(path), actor=ACTOR)

    assert first.pk == again.pk
    assert ModelVersion.objects.count() == Model.objects.count() == 1


def stating(path: Path, **prompts: str) -> Path:
    """The checkpoint, whose files now name prompts."""
    (path / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}), encoding="utf-8")
    return path


def test_a_version_has_the_prompts_its_files_name_or_its_family_was_trained_with(
    make_checkpoint: MakeCheckpoint,
) -> None:
    stated = stating(make_checkpoint("e5-small"), query="q: ")
    by_name = make_checkpoint("other", seed=1)

    assert _prompts(model_register(source=stated, actor=ACTOR)) == Prompts("q: ", "")
    version = model_register(source=by_name, name="intfloat/e5-base-v2", actor=ACTOR)
    assert _prompts(version) == Prompts("query: ", "passage: ")
    assert embedding_model_version(version.pk).prompts == Prompts("query: ", "passage: ")


def test_prompts_that_are_chosen_go_before_those_of_the_files_each_for_itself(make_checkpoint: MakeCheckpoint) -> None:
    path = stating(make_checkpoint(), query="q: ", document="d: ")

    version = model_register(source=path, choices=VersionChoices(query_prompt=""), actor=ACTOR)

    assert _prompts(version) == Prompts("", "d: ")


def test_other_prompts_are_another_version_and_the_first_one_keeps_its_own(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    first = model_register(source=path, choices=VersionChoices("q: ", "d: "), actor=ACTOR)

    other = model_register(source=path, choices=VersionChoices("question: ", "d: "), actor=ACTOR)
    again = model_register(source=path, choices=VersionChoices("q: ", "d: "), actor=ACTOR)

    assert again.pk == first.pk != other.pk
    assert (first.revision, other.status) == (other.revision, ModelStatus.READY)
    assert embedding_model_version(first.pk).prompts == Prompts("q: ", "d: ")
    with pytest.raises(IntegrityError, match="model_version_unique_revision"), transaction.atomic():
        ModelVersion.objects.filter(pk=other.pk).update(query_prompt="q: ")


@pytest.mark.parametrize("prompt", ["rent " * 300, "the tenant pays the rent on the first day of each month: "])
def test_a_prompt_that_leaves_no_room_for_a_text_is_refused(make_checkpoint: MakeCheckpoint, prompt: str) -> None:
    with pytest.raises(UnsupportedModelError, match=prompt[:20]):
        model_register(source=make_checkpoint(), choices=VersionChoices(document_prompt=prompt), actor=ACTOR)

    assert not Model.objects.exists()


@pytest.mark.parametrize(("model_type", "registered"), [("bert", 0), ("new", 0), ("nomic_bert", 1)])
def test_a_checkpoint_that_names_code_of_its_own_is_refused_unless_transformers_has_it(
    make_checkpoint: MakeCheckpoint, model_type: str, registered: int
) -> None:
    path = make_checkpoint()
    config = json.loads((path / "config.json").read_text())
    changed = {"model_type": model_type, "auto_map": {"AutoModel": "acme/code--modeling.AcmeModel"}}
    (path / "config.json").write_text(json.dumps(config | changed), encoding="utf-8")

    with nullcontext() if registered else pytest.raises(UnsupportedModelError, match=r"acme/code--modeling\.AcmeModel"):
        model_register(source=path, actor=ACTOR)

    assert Model.objects.count() == registered


def test_a_version_may_keep_the_first_numbers_of_its_vectors(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    whole = model_register(source=path, actor=ACTOR)

    cut = model_register(source=path, choices=VersionChoices(dimensions=8), actor=ACTOR)

    assert (whole.dimensions, cut.dimensions) == (32, 8)
    assert cut.pk != whole.pk
    assert model_register(source=path, choices=VersionChoices(dimensions=8), actor=ACTOR).pk == cut.pk
    assert embedding_model_version(cut.pk).dimensions == 8


@pytest.mark.parametrize("dimensions", [0, -1, 33])
def test_more_numbers_than_there_are_cannot_be_kept(make_checkpoint: MakeCheckpoint, dimensions: int) -> None:
    with pytest.raises(UnsupportedModelError, match=f"32 dimensions, of which {dimensions}"):
        model_register(source=make_checkpoint(), choices=VersionChoices(dimensions=dimensions), actor=ACTOR)

    assert not Model.objects.exists()


def _prompts(version: ModelVersion) -> Prompts:
    return Prompts(version.query_prompt, version.document_prompt)


def test_weights_that_moved_are_found_at_their_new_place(make_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    path = make_checkpoint()
    first = model_register(source=path, actor=ACTOR)
    moved = tmp_path / "elsewhere"
    shutil.move(path, moved)

    again = model_register(source=moved, name="tiny", actor=ACTOR)

    assert again.pk == first.pk
    assert embedding_model_version(first.pk).path == moved


def test_a_version_is_asked_for_once_in_a_while_and_then_again(
    make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = model_register(source=make_checkpoint(), actor=ACTOR)
    known = embedding_model_version(version.pk)
    ModelVersion.objects.filter(pk=version.pk).update(path="/elsewhere")
    with CaptureQueriesContext(connection) as queries:
        assert embedding_model_version(version.pk) == known
    assert len(queries) == 0
    monkeypatch.setattr(selectors, "REMEMBERED_SECONDS", 0.0)
    assert embedding_model_version(version.pk).path == Path("/elsewhere")


def test_new_weights_are_a_new_version_that_waits_to_be_activated(make_checkpoint: MakeCheckpoint) -> None:
    old = model_register(source=make_checkpoint("old"), name="tiny", actor=ACTOR)
    new = model_register(source=make_checkpoint("new", seed=1), name="tiny", actor=ACTOR)
    assert (new.status, embedding_model_default().version_id) == (ModelStatus.READY, old.pk)

    model_activate(version_id=new.pk, actor=ACTOR)

    old.refresh_from_db()
    assert old.status == ModelStatus.RETIRED
    assert embedding_model_default().version_id == new.pk
    assert embedding_model_version(old.pk).version_id == old.pk


def test_a_retired_version_can_be_brought_back(make_checkpoint: MakeCheckpoint) -> None:
    old = model_register(source=make_checkpoint("old"), name="tiny", actor=ACTOR)
    new = model_register(source=make_checkpoint("new", seed=1), name="tiny", actor=ACTOR)
    model_activate(version_id=new.pk, actor=ACTOR)

    model_activate(version_id=old.pk, actor=ACTOR)
    model_activate(version_id=old.pk, actor=ACTOR)

    assert embedding_model_default().version_id == old.pk


def test_a_second_model_leaves_the_default_until_it_is_made_it(make_checkpoint: MakeCheckpoint) -> None:
    first = model_register(source=make_checkpoint("first"), actor=ACTOR)
    second = model_register(source=make_checkpoint("second", seed=1), actor=ACTOR)
    assert embedding_model_default().version_id == first.pk

    model_make_default(version_id=second.pk, actor=ACTOR)

    assert embedding_model_default().version_id == second.pk
    assert Model.objects.filter(is_default=True).count() == 1


def test_a_revision_stands_for_one_set_of_weights(make_checkpoint: MakeCheckpoint) -> None:
    model_register(source=make_checkpoint("old"), name="tiny", revision="1.0", actor=ACTOR)

    with pytest.raises(ConflictError) as refused:
        model_register(source=make_checkpoint("new", seed=1), name="tiny", revision="1.0", actor=ACTOR)

    assert refused.value.error_code == "model_changed"
    assert ModelVersion.objects.count() == 1


def test_pickled_weights_are_refused_and_nothing_is_written(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()
    torch.save({}, path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()

    with pytest.raises(UnsafeWeightsError):
        model_register(source=path, actor=ACTOR)

    assert not Model.objects.exists()


def test_a_name_of_another_kind_of_model_is_refused(make_checkpoint: MakeCheckpoint) -> None:
    Model.objects.create(name="tiny", kind=ModelKind.RERANKING)

    with pytest.raises(ConflictError, match="registered as reranking"):
        model_register(source=make_checkpoint(), name="tiny", actor=ACTOR)

    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("source", ["no/such/folder/anywhere", "nonsense", "someone/something"])
def test_a_source_that_is_not_here_is_quoted_and_the_way_to_download_one_named(source: str) -> None:
    with pytest.raises(ModelNotFoundError, match=source) as refused:
        model_register(source=source, actor=ACTOR)

    assert "models pull" in refused.value.sentence
    assert not Model.objects.exists()


def test_without_a_model_the_selectors_say_how_to_register_one() -> None:
    with pytest.raises(ModelNotFoundError) as refused:
        embedding_model_default()
    assert "manage.py models register" in refused.value.sentence

    with pytest.raises(ModelNotFoundError, match="has the id"):
        embedding_model_version(new_id())
    with pytest.raises(ModelNotFoundError, match="has the id"):
        model_activate(version_id=new_id(), actor=ACTOR)


def test_the_database_holds_one_active_version_a_model_and_one_default_a_kind(make_checkpoint: MakeCheckpoint) -> None:
    version = model_register(source=make_checkpoint(), actor=ACTOR)

    with pytest.raises(IntegrityError, match="model_version_one_active"), transaction.atomic():
        ModelVersion.objects.create(
            model=version.model,
            kind=ModelKind.EMBEDDING,
            revision="2",
            sha256="0" * 64,
            dimensions=8,
            max_tokens=8,
            status=ModelStatus.ACTIVE,
        )
    with pytest.raises(IntegrityError, match="model_one_default_a_kind"), transaction.atomic():
        Model.objects.create(name="other", kind=ModelKind.EMBEDDING, is_default=True)


@pytest.mark.parametrize(
    ("kind", "dimensions", "constraint"),
    [
        (ModelKind.EMBEDDING, None, "model_version_dimensions_by_kind"),
        (ModelKind.EMBEDDING, 0, "model_version_dimensions_by_kind"),
        (ModelKind.RERANKING, 1, "model_version_dimensions_by_kind"),
        (ModelKind.RERANKING, None, "model_version_kind_of_model"),
    ],
)
def test_the_database_holds_dimensions_by_the_models_kind(
    make_checkpoint: MakeCheckpoint, kind: ModelKind, dimensions: int | None, constraint: str
) -> None:
    version = model_register(source=make_checkpoint(), actor=ACTOR)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        ModelVersion.objects.create(
            model=version.model, kind=kind, revision="2", sha256="0" * 64, dimensions=dimensions, max_tokens=8,
            status=ModelStatus.READY,
        )  # fmt: skip


def test_the_weights_that_come_with_the_installation_have_their_own_name() -> None:
    path = bundled_model_path()
    if path is None:
        pytest.skip("the package with the weights is not installed")

    version = model_register(source=path, actor=ACTOR)

    assert version.model.name == BUNDLED_NAME
    assert (version.dimensions, version.max_tokens) == (384, 256)
    assert version.sha256 == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.mark.django_db(transaction=True)
def test_processes_that_register_the_same_model_at_once_make_one_version(make_checkpoint: MakeCheckpoint) -> None:
    path = make_checkpoint()

    def register(_: int) -> object:
        try:
            return model_register(source=path, actor=ACTOR).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        ids = set(threads.map(register, range(6)))

    assert len(ids) == 1
    assert embedding_model_default().version_id in ids
