from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.resources import ModelResourceManager
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.models import ModelCache, ModelOrder, ModelTask, ModelVersion, OrderKind
from apps.models.selectors import installed_model
from apps.models.services.holding import (
    cache_expire,
    cache_tell,
    model_order,
    models_held,
    order_answers,
    workers_with_models,
)
from apps.models.services.registry import model_register
from ragsite.core.errors import ConflictError
from ragsite.core.models import OutboxEvent
from tests import turns
from tests.acting import ACTOR
from tests.apps.models.conftest import make_checkpoint  # noqa: F401 - a fixture
from workers.model_holding import ModelHolding

MakeCheckpoint = Callable[..., Path]
pytestmark = pytest.mark.django_db
SETTINGS = EngineSettings(precision=Precision.FLOAT32, threads=1)
WORKER = "models@here"


@pytest.fixture
def versions(make_checkpoint: MakeCheckpoint) -> list[ModelVersion]:  # noqa: F811 - the fixture
    return [model_register(source=make_checkpoint(name, seed=seed), actor=ACTOR) for seed, name in enumerate("abc")]


@pytest.fixture
def manager(versions: list[ModelVersion]) -> Iterator[ModelResourceManager]:
    """Room for two of the models."""
    engine = EmbeddingEngine(installed_model(versions[0]), SETTINGS)
    budget = 2 * (engine.weights_bytes() + engine.working_bytes())
    made = ModelResourceManager(budget_bytes=budget, build=lambda model: EmbeddingEngine(model, SETTINGS))
    yield made
    made.close()


@pytest.fixture
def holding(manager: ModelResourceManager) -> ModelHolding:
    return ModelHolding(WORKER, engines=manager)


def say(holding: ModelHolding) -> None:
    """What a worker says in one beat, which is its last one."""
    leaving = threading.Event()
    told = holding.engines.held
    holding._engines = _Leaving(holding.engines, told, leaving)
    holding.tell(leaving)


class _Leaving:
    """Engines whose worker is asked to leave as soon as they were looked at once."""

    def __init__(self, engines: Any, told: Any, leaving: threading.Event) -> None:
        self._told, self._leaving = told, leaving
        self.loaded, self.unload, self.pin, self.get = engines.loaded, engines.unload, engines.pin, engines.get

    def held(self) -> Any:
        self._leaving.set()
        return self._told()


def beat(holding: ModelHolding) -> None:
    holding.take()
    while not holding._orders.empty():
        order = holding._orders.get()
        assert order is not None
        holding.follow(order)
    cache_tell(WORKER, holding.engines.held(), actor=ACTOR)


def answer(version: ModelVersion, kind: OrderKind, holding: ModelHolding) -> str:
    order = model_order(version_id=version.pk, kind=kind, actor=ACTOR)
    beat(holding)
    return order_answers(order, workers=[WORKER], seconds=5)[WORKER]


def told(kind: str) -> list[str]:
    return [row.payload["model"] for row in OutboxEvent.objects.filter(type=kind).order_by("id")]


def test_a_worker_says_what_it_holds_and_events_tell_of_each_change(
    versions: list[ModelVersion], holding: ModelHolding, manager: ModelResourceManager
) -> None:
    a, b, c = versions
    for version in (a, b):
        manager.get(installed_model(version))
    beat(holding)
    beat(holding)
    assert (told("model.loaded"), told("model.unloaded")) == (["a", "b"], [])

    manager.get(installed_model(c))
    beat(holding)

    assert (told("model.loaded"), told("model.unloaded")) == (["a", "b", "c"], ["a"])
    rows = {row.version.model.name: row for row in models_held()}
    assert rows.keys() == {"b", "c"}
    assert (rows["c"].worker, rows["c"].device, rows["c"].uses) == (WORKER, "cpu", 1)
    assert sum(row.bytes for row in rows.values()) == manager.used_bytes()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_leaves_or_falls_silent_holds_nothing(
    versions: list[ModelVersion], holding: ModelHolding, manager: ModelResourceManager
) -> None:
    manager.get(installed_model(versions[0]))
    beat(holding)
    assert workers_with_models() == [WORKER]
    ModelCache.objects.update(told_at=Now() - timedelta(minutes=1))
    assert not models_held().exists()
    assert workers_with_models() == []
    cache_expire(turns.long())
    assert told("model.unloaded") == ["a"]

    say(holding)
    assert (told("model.loaded"), told("model.unloaded")) == (["a", "a"], ["a", "a"])


def test_workers_load_keep_and_unload_what_they_are_told_and_answer_in_words(
    versions: list[ModelVersion], holding: ModelHolding, manager: ModelResourceManager
) -> None:
    a, b, c = versions
    assert answer(a, OrderKind.LOAD, holding) == "Loaded, and stays loaded."
    assert answer(b, OrderKind.LOAD, holding) == "Loaded, and stays loaded."
    assert "no room" in answer(c, OrderKind.WARM, holding)
    refused = answer(c, OrderKind.LOAD, holding)
    assert f"budget of {manager.budget_bytes}" in refused
    assert "pinned" in refused
    assert answer(a, OrderKind.UNLOAD, holding) == "Unloaded."
    assert "not loaded" in answer(a, OrderKind.UNLOAD, holding)
    assert answer(c, OrderKind.WARM, holding) == "Loaded."
    assert {row.version.model.name: row.pinned for row in models_held()} == {"b": True, "c": False}


@pytest.mark.django_db(transaction=True)
def test_a_defect_in_an_order_or_in_what_is_loaded_first_is_told_and_the_next_one_followed(
    versions: list[ModelVersion], holding: ModelHolding, manager: ModelResourceManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, c = versions
    for version in (a, b):
        ModelCache.objects.create(
            worker=WORKER, version=version, device="cpu", bytes=1, uses=2 if version is a else 1, loaded_at=Now(),
            last_used_at=Now(), is_held=False,
        )  # fmt: skip
    build = manager._build

    def broken(model: Any) -> Any:
        if model.version_id == a.pk:
            raise RuntimeError("no such layer")
        return build(model)

    monkeypatch.setattr(manager, "_build", broken)
    first, second = (model_order(version_id=one.pk, kind=OrderKind.LOAD, actor=ACTOR) for one in (a, c))
    holding.take()
    holding._orders.put(None)

    holding.obey()

    assert {model.name for model in manager.loaded()} == {"b", "c"}
    assert "RuntimeError: no such layer" in order_answers(first, workers=[WORKER], seconds=0)[WORKER]
    assert order_answers(second, workers=[WORKER], seconds=0) == {WORKER: "Loaded, and stays loaded."}


def test_tasks_that_ended_long_ago_are_forgotten(versions: list[ModelVersion]) -> None:
    for ended, state in [(31, "failed"), (29, "done"), (None, "open")]:
        ModelTask.objects.create(
            kind="verify", state=state, version=versions[0], name=str(ended), error="Why.",
            ended_at=ended and Now() - timedelta(days=ended), created_at=Now() - timedelta(days=99),
        )  # fmt: skip
    cache_expire(turns.long())
    assert set(ModelTask.objects.values_list("name", flat=True)) == {"29", "None"}


def test_an_order_is_followed_once_and_only_by_who_is_meant_and_was_there(
    versions: list[ModelVersion], holding: ModelHolding, manager: ModelResourceManager
) -> None:
    elsewhere = model_order(version_id=versions[0].pk, kind=OrderKind.LOAD, worker="models@there", actor=ACTOR)
    old = model_order(version_id=versions[1].pk, kind=OrderKind.LOAD, actor=ACTOR)
    ModelOrder.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(minutes=10))
    beat(holding)
    assert manager.loaded() == []
    assert order_answers(elsewhere, workers=[WORKER], seconds=0) == {}

    answer(versions[2], OrderKind.LOAD, holding)
    manager.unload(versions[2].pk)
    beat(holding)
    assert manager.loaded() == []


def test_a_version_that_is_not_whole_is_not_ordered(versions: list[ModelVersion]) -> None:
    ModelVersion.objects.filter(pk=versions[0].pk).update(status="failed", error="Damaged.")
    with pytest.raises(ConflictError, match="failed and cannot be loaded"):
        model_order(version_id=versions[0].pk, kind=OrderKind.LOAD, actor=ACTOR)
    assert not ModelOrder.objects.exists()


def test_a_worker_starts_with_what_it_kept_and_then_with_what_was_used_most_as_far_as_it_fits(
    versions: list[ModelVersion], holding: ModelHolding, manager: ModelResourceManager
) -> None:
    names = {version.model.name: version for version in versions}
    for worker, name, uses, pinned in [
        ("other", "a", 50, False), ("other", "b", 100, False), (WORKER, "c", 1, True), (WORKER, "a", 10, False),
    ]:  # fmt: skip
        ModelCache.objects.create(
            worker=worker, version=names[name], device="cpu", bytes=1, uses=uses, pinned=pinned, is_held=False,
            loaded_at=Now(), last_used_at=Now(),
        )  # fmt: skip

    holding.warm_up()

    assert {model.name for model in manager.loaded()} == {"b", "c"}
    assert {one.version_id: one.pinned for one in manager.held()} == {names["b"].pk: False, names["c"].pk: True}


@pytest.mark.django_db(transaction=True)
def test_the_thread_that_follows_orders_begins_with_what_was_used_and_ends_with_its_worker(
    versions: list[ModelVersion], holding: ModelHolding, manager: ModelResourceManager
) -> None:
    a, b, _ = versions
    ModelCache.objects.create(
        worker=WORKER, version=a, device="cpu", bytes=1, uses=1, loaded_at=Now(), last_used_at=Now(), is_held=False
    )  # fmt: skip
    order = model_order(version_id=b.pk, kind=OrderKind.LOAD, actor=ACTOR)
    holding.take()
    holding._orders.put(None)

    holding.obey()

    assert {model.name for model in manager.loaded()} == {"a", "b"}
    assert order_answers(order, workers=[WORKER], seconds=0) == {WORKER: "Loaded, and stays loaded."}
