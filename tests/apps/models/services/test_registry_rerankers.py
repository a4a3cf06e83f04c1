"""Rerankers in the registry: recognised by their architecture, with a default of their own."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from apps.models.errors import UnsafeWeightsError, UnsupportedModelError
from apps.models.installed_model import ModelKind
from apps.models.models import Model, ModelVersion
from apps.models.selectors import embedding_model_default, installed_model, model_version, reranker_default
from apps.models.services.registry import VersionChoices, model_make_default, model_register
from ragsite.core.errors import ConflictError, ModelNotFoundError
from ragsite.core.ids import new_id
from tests.acting import ACTOR
from tests.apps.models.making import cross_encoder_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "cross"
    folder.mkdir()
    return cross_encoder_make(folder)


def test_a_cross_encoder_is_registered_as_a_reranker_beside_the_embedding_models(
    folder: Path, make_checkpoint: Callable[..., Path]
) -> None:
    assert reranker_default() is None
    embedding = model_register(source=make_checkpoint(), actor=ACTOR)
    version = model_register(source=folder, actor=ACTOR)
    assert (version.model.kind, version.dimensions, version.max_tokens) == (ModelKind.RERANKING, None, 48)
    assert reranker_default() == model_version(version.pk, kind=ModelKind.RERANKING) == installed_model(version)
    assert embedding_model_default().version_id == embedding.pk


@pytest.mark.parametrize("choices", [VersionChoices(query_prompt="q: "), VersionChoices(dimensions=8)], ids=str)
def test_a_reranker_has_neither_prompts_nor_dimensions(folder: Path, choices: VersionChoices) -> None:
    with pytest.raises(UnsupportedModelError, match=r"reads no prompts|no dimensions"):
        model_register(source=folder, choices=choices, actor=ACTOR)

    assert not Model.objects.exists()


def test_the_default_of_one_kind_is_not_that_of_another(folder: Path, tmp_path: Path) -> None:
    first = model_register(source=folder, actor=ACTOR)
    (tmp_path / "other").mkdir()
    second = model_register(source=cross_encoder_make(tmp_path / "other", seed=1), actor=ACTOR)
    assert reranker_default() == installed_model(first)
    model_make_default(version_id=second.pk, actor=ACTOR)
    assert reranker_default() == installed_model(second)


def test_a_version_of_one_kind_is_not_found_as_another(folder: Path, make_checkpoint: Callable[..., Path]) -> None:
    version, embedding = (
        model_register(source=folder, actor=ACTOR),
        model_register(source=make_checkpoint(), actor=ACTOR),
    )
    for kind, pk in (
        (ModelKind.EMBEDDING, version.pk),
        (ModelKind.RERANKING, embedding.pk),
        (ModelKind.RERANKING, new_id()),
    ):
        with pytest.raises(ModelNotFoundError, match=f"No {kind} model version has the id {pk}"):
            model_version(pk, kind=kind)


def test_a_name_stands_for_one_kind_of_model(folder: Path, make_checkpoint: Callable[..., Path]) -> None:
    model_register(source=make_checkpoint(), name="mine", actor=ACTOR)
    with pytest.raises(ConflictError, match="'mine' is registered as embedding, and this is reranking"):
        model_register(source=folder, name="mine", actor=ACTOR)
    assert ModelVersion.objects.count() == Model.objects.count() == 1


def test_a_classifier_with_several_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="gives 3 scores for a pair"):
        model_register(source=cross_encoder_make(tmp_path, scores=3), actor=ACTOR)
    assert not Model.objects.exists()


def test_a_reranker_with_pickled_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UnsafeWeightsError, match="only pickled weights"):
        model_register(source=folder, actor=ACTOR)


def test_the_command_registers_and_lists_it(folder: Path) -> None:
    output = StringIO()
    call_command("models", "register", str(folder), "--name", "acme/cross", stdout=output)
    assert "acme/cross (default)  active  reranking  48 tokens" in output.getvalue()
