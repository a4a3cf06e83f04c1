"""Models that mark answers in the registry: recognised by their architecture and their head, with a default of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from apps.models.checkpoint import checkpoint_read
from apps.models.errors import UnsafeWeightsError, UnsupportedModelError
from apps.models.installed_model import ModelKind
from apps.models.models import Model
from apps.models.selectors import installed_model, model_behind, model_version, reader_default, reranker_default
from apps.models.services.fallbacks import model_fall_back
from apps.models.services.registry import VersionChoices, model_make_default, model_register
from tests.acting import ACTOR
from tests.apps.models.making import reader_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def make_reader(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "reader", **options: object) -> Path:
        (tmp_path / name).mkdir()
        return reader_make(tmp_path / name, **options)  # type: ignore[arg-type]

    return make


def config_change(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes), encoding="utf-8")


def test_it_is_registered_beside_the_others_with_a_default_of_its_own(make_reader: Callable[..., Path]) -> None:
    assert reader_default() is None
    first = model_register(source=make_reader(), actor=ACTOR)
    second = model_register(source=make_reader("other", seed=1), actor=ACTOR)

    assert (first.model.kind, first.dimensions, first.max_tokens) == (ModelKind.READING, None, 48)
    assert reader_default() == model_version(first.pk, kind=ModelKind.READING) == installed_model(first)
    assert reranker_default() is None
    model_make_default(version_id=second.pk, actor=ACTOR)
    assert reader_default() == installed_model(second)


def test_a_smaller_one_may_stand_behind_it(make_reader: Callable[..., Path]) -> None:
    large = model_register(source=make_reader(), actor=ACTOR)
    small = model_register(source=make_reader("small", seed=1), actor=ACTOR)
    assert model_behind(installed_model(large)) is None

    version = model_fall_back(version_id=large.pk, to=small.pk, actor=ACTOR)

    assert model_behind(installed_model(version)) == installed_model(small)


@pytest.mark.parametrize("choices", [VersionChoices(query_prompt="q: "), VersionChoices(dimensions=8)], ids=str)
def test_it_has_neither_prompts_nor_dimensions(make_reader: Callable[..., Path], choices: VersionChoices) -> None:
    with pytest.raises(UnsupportedModelError, match=r"reads no prompts|no dimensions"):
        model_register(source=make_reader(), choices=choices, actor=ACTOR)

    assert not Model.objects.exists()


def test_one_whose_head_marks_no_start_and_end_is_refused(make_reader: Callable[..., Path]) -> None:
    folder = make_reader(marks=3)

    with pytest.raises(UnsupportedModelError, match=r"'qa_outputs.weight', of 2 rows; it has one of shape \[3, 32\]"):
        model_register(source=folder, actor=ACTOR)
    assert not Model.objects.exists()


def test_one_without_such_a_head_is_refused(make_checkpoint: Callable[..., Path]) -> None:
    folder = make_checkpoint()
    config_change(folder, architectures=["ViltForQuestionAnswering"])
    (folder / "modules.json").unlink()

    with pytest.raises(UnsupportedModelError, match="it has none"):
        model_register(source=folder, actor=ACTOR)


def test_one_with_pickled_weights_is_refused(make_reader: Callable[..., Path]) -> None:
    folder = make_reader()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(UnsafeWeightsError, match="only pickled weights"):
        model_register(source=folder, actor=ACTOR)


def test_one_that_needs_code_of_its_own_is_refused(make_reader: Callable[..., Path]) -> None:
    folder = make_reader()
    config_change(folder, auto_map={"AutoModel": "modeling_own.Own"})

    with pytest.raises(UnsupportedModelError, match=r"needs the code modeling_own\.Own"):
        model_register(source=folder, actor=ACTOR)


def test_an_encoder_with_steps_above_it_stays_an_embedding_model(make_checkpoint: Callable[..., Path]) -> None:
    folder = make_checkpoint()
    config_change(folder, architectures=["BertForQuestionAnswering"])

    assert checkpoint_read(folder).kind is ModelKind.EMBEDDING


def test_the_command_registers_lists_and_uses_it(make_reader: Callable[..., Path]) -> None:
    output = StringIO()
    call_command("models", "register", str(make_reader()), "--name", "acme/reader", stdout=output)
    assert "acme/reader (default)  active  reading  48 tokens" in output.getvalue()
