from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps.models.engine import resources
from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, Purpose, TextRole, embed, using_transport
from apps.models.installed_model import EmbeddingModel
from apps.models.prompts import NO_PROMPTS, Prompts
from ragsite.core.errors import ModelNotFoundError, TransientError
from ragsite.core.ids import new_id

MakeModel = Callable[..., EmbeddingModel]


@pytest.fixture(autouse=True)
def local() -> Iterator[None]:
    with using_transport("local"):
        yield


def test_a_model_is_loaded_on_first_use_and_stays(make_model: MakeModel) -> None:
    model = make_model(dimensions=48)

    vectors = embed(
        ["tenant", "rent"], role=TextRole.DOCUMENT, model=model, purpose=Purpose.INDEX, deadline=Deadline.after(30)
    )

    assert vectors.shape == (2, 48)
    assert model in resources.engines().loaded()


def test_a_query_and_a_document_of_the_same_words_are_different_inputs(make_model: MakeModel) -> None:
    model = replace(make_model(), prompts=Prompts("water boils at ", "the tenant pays "))

    def vector(text: str, role: TextRole) -> np.ndarray:
        return embed([text], role=role, model=model, purpose=Purpose.QUERY, deadline=Deadline.after(30))[0]

    assert vector("rent", TextRole.QUERY) @ vector("rent", TextRole.DOCUMENT) < 0.999
    bare = replace(model, version_id=new_id(), prompts=NO_PROMPTS)
    expected = embed(
        ["water boils at rent"], role=TextRole.QUERY, model=bare, purpose=Purpose.INDEX, deadline=Deadline.after(30)
    )
    assert vector("rent", TextRole.QUERY) == pytest.approx(expected[0], abs=0.01)


def test_a_missing_model_is_not_found(make_model: MakeModel, tmp_path: Path) -> None:
    model = replace(make_model(), path=tmp_path / "gone")

    with pytest.raises(ModelNotFoundError):
        embed(["tenant"], role=TextRole.QUERY, model=model, purpose=Purpose.QUERY, deadline=Deadline.after(30))


def test_a_caller_is_let_go_at_its_deadline(make_model: MakeModel) -> None:
    model = make_model()
    embed(["tenant"], role=TextRole.QUERY, model=model, purpose=Purpose.QUERY, deadline=Deadline.after(30))

    with pytest.raises(TransientError) as refused:
        embed(
            ["tenant rent month"] * 20_000,
            role=TextRole.QUERY,
            model=model,
            purpose=Purpose.QUERY,
            deadline=Deadline.after(0.05),
        )

    assert isinstance(refused.value, DeadlineExceededError)
