"""Language models in the registry: folders and GGUF files, recognised by what they say of themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from apps.models.errors import UnsafeWeightsError, UnsupportedModelError
from apps.models.installed_model import ModelKind
from apps.models.models import Model
from apps.models.selectors import embedding_model_default, installed_model, model_default
from apps.models.services.registry import bundled_writer_path, model_register
from ragsite.core.errors import ModelNotFoundError
from tests.acting import ACTOR
from tests.apps.models.writers import writer_make

pytestmark = pytest.mark.django_db


def test_a_language_model_is_registered_beside_the_embedding_models(
    tmp_path: Path, make_checkpoint: Callable[..., Path]
) -> None:
    embedding = model_register(source=make_checkpoint(), actor=ACTOR)
    (tmp_path / "writer").mkdir()
    version = model_register(source=writer_make(tmp_path / "writer", positions=96), actor=ACTOR)
    assert (version.kind, version.dimensions, version.max_tokens) == (ModelKind.GENERATION, None, 96)
    assert model_default(ModelKind.GENERATION) == installed_model(version)
    assert embedding_model_default().version_id == embedding.pk


def test_a_gguf_file_is_registered_by_its_path_its_folder_or_as_the_one_that_comes_as_a_package(tmp_path: Path) -> None:
    file = bundled_writer_path()
    assert file is not None
    output = StringIO()
    call_command("models", "register", "smollm2", stdout=output)
    assert "SmolLM2-135M-Instruct.Q4_1 (default)  active  generation  8192 tokens" in output.getvalue()

    assert installed_model(model_register(source=file, actor=ACTOR)).path == file.resolve()

    (tmp_path / file.name).symlink_to(file)
    again = model_register(source=tmp_path, name="SmolLM2-135M-Instruct.Q4_1", actor=ACTOR)
    assert installed_model(again).path == tmp_path
    assert Model.objects.get().versions.count() == 1


def test_one_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="has no chat template"):
        model_register(source=writer_make(tmp_path, template=None), actor=ACTOR)
    assert not Model.objects.exists()


def test_a_template_may_be_a_file_of_its_own_or_in_the_tokenizer_s_settings(tmp_path: Path) -> None:
    folder = writer_make(tmp_path)
    template = folder / "chat_template.jinja"
    assert template.is_file()
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"chat_template": template.read_text()}))
    template.unlink()
    assert model_register(source=folder, actor=ACTOR).kind == ModelKind.GENERATION


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = writer_make(tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UnsafeWeightsError, match="only pickled weights"):
        model_register(source=folder, actor=ACTOR)


def test_a_file_of_another_format_is_no_model(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"GGUF")
    with pytest.raises(ModelNotFoundError, match="nor a GGUF file"):
        model_register(source=file, actor=ACTOR)
