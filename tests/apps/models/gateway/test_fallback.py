from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, fallback
from apps.models.gateway.fallback import ask_or_smaller
from apps.models.installed_model import InstalledModel, ModelKind
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError
from ragsite.core.ids import new_id

SMALL = InstalledModel(new_id(), "small", Path("/small"), "0" * 64, 64, ModelKind.RERANKING)
MIDDLE = replace(SMALL, version_id=new_id(), name="middle", fallback=SMALL.version_id)
LARGE = replace(SMALL, version_id=new_id(), name="large", fallback=MIDDLE.version_id)
AWAY = ModelUnavailableError("Away.")


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    models = {model.version_id: model for model in (SMALL, MIDDLE)}

    def version(pk: UUID, *, kind: ModelKind) -> InstalledModel:
        if pk not in models:
            raise ModelNotFoundError("Gone.")
        return models[pk]

    monkeypatch.setattr(fallback, "model_version", version)
    monkeypatch.setattr(fallback, "connection_release", lambda: None)


class Models:
    """Answer by their names, except those that do not; remember what time each was given."""

    def __init__(self, *silent: InstalledModel) -> None:
        self.silent = {model.version_id for model in silent}
        self.given: dict[str, float] = {}

    def __call__(self, model: InstalledModel, deadline: Deadline) -> str:
        self.given[model.name] = deadline.remaining()
        if model.version_id in self.silent:
            raise AWAY
        return model.name


def test_the_model_that_is_meant_answers_and_nobody_else_is_asked() -> None:
    models = Models()
    found = ask_or_smaller(models, model=LARGE, deadline=Deadline.after(10))
    assert (found.answer, found.error, list(models.given)) == ("large", None, ["large"])


@pytest.mark.parametrize(("silent", "name"), [([LARGE], "middle"), ([LARGE, MIDDLE], "small")])
def test_the_first_smaller_one_that_answers_does_and_the_reason_is_given(
    silent: list[InstalledModel], name: str
) -> None:
    found = ask_or_smaller(Models(*silent), model=LARGE, deadline=Deadline.after(10))
    assert (found.answer, found.model.name, found.error) == (name, name, AWAY)


def test_a_model_with_another_behind_it_leaves_it_time_and_the_last_one_has_all() -> None:
    models = Models(LARGE, MIDDLE)
    ask_or_smaller(models, model=LARGE, deadline=Deadline.after(100))
    assert 55 < models.given["large"] < 61
    assert models.given["small"] > 99


def test_where_none_answers_the_error_is_that_of_the_model_that_was_meant() -> None:
    with pytest.raises(ModelUnavailableError) as refused:
        ask_or_smaller(Models(LARGE, MIDDLE, SMALL), model=LARGE, deadline=Deadline.after(10))
    assert refused.value is AWAY
    gone = replace(LARGE, fallback=new_id())
    with pytest.raises(ModelUnavailableError):
        ask_or_smaller(Models(LARGE), model=gone, deadline=Deadline.after(10))


def test_without_time_nobody_else_is_asked() -> None:
    asked: list[str] = []

    def late(model: InstalledModel, deadline: Deadline) -> str:
        asked.append(model.name)
        raise DeadlineExceededError("Late.")

    with pytest.raises(DeadlineExceededError):
        ask_or_smaller(late, model=LARGE, deadline=Deadline.after(0))
    assert asked == ["large"]
