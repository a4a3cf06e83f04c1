from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from apps.models.engine.batching import EngineRunner
from apps.models.engine.embedding import EmbeddingEngine
from apps.models.engine.resources import ModelResourceManager
from apps.models.engine.settings import EngineSettings, Precision
from apps.models.errors import ModelTooLargeError
from apps.models.installed_model import EmbeddingModel
from apps.models.priority import Priority
from apps.models.prompts import TextRole
from ragsite.core.errors import ModelNotFoundError, ModelUnavailableError
from tests.waiting import wait_for

MakeModel = Callable[..., EmbeddingModel]
PATIENCE = 20.0
SETTINGS = EngineSettings(precision=Precision.FLOAT32, threads=2)


def size(model: EmbeddingModel) -> int:
    engine = EmbeddingEngine(model, SETTINGS)
    return engine.weights_bytes() + engine.working_bytes()


def embedded(runner: EngineRunner) -> np.ndarray:
    deadline = time.monotonic() + PATIENCE
    return runner.submit([(TextRole.DOCUMENT, "tenant")], priority=Priority.INTERACTIVE, deadline=deadline).result(
        PATIENCE
    )


class Loads:
    """Builds real engines and remembers them; loading waits while `gate` is closed."""

    def __init__(self) -> None:
        self.engines: list[EmbeddingEngine] = []
        self.gate = threading.Event()
        self.gate.set()

    def build(self, model: EmbeddingModel) -> EmbeddingEngine:
        assert self.gate.wait(PATIENCE)
        self.engines.append(EmbeddingEngine(model, SETTINGS))
        return self.engines[-1]


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def manage(loads: Loads) -> Iterator[Callable[[int], ModelResourceManager]]:
    made: list[ModelResourceManager] = []

    def manage(budget: int) -> ModelResourceManager:
        made.append(ModelResourceManager(budget_bytes=budget, build=loads.build))
        return made[-1]

    yield manage
    loads.gate.set()
    for manager in made:
        manager.close()


Manage = Callable[[int], ModelResourceManager]


def test_a_model_is_loaded_once_though_eight_threads_ask_at_once(
    make_model: MakeModel, manage: Manage, loads: Loads
) -> None:
    model = make_model()
    manager = manage(size(model))
    loads.gate.clear()
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(manager.get, model) for _ in range(8)]
        loads.gate.set()
        runners = {id(future.result(PATIENCE)) for future in asked}

    assert len(runners) == len(loads.engines) == 1


def test_the_least_recently_used_model_makes_room(make_model: MakeModel, manage: Manage, loads: Loads) -> None:
    one, two, three = make_model("one"), make_model("two"), make_model("three")
    manager = manage(2 * size(one))
    first = manager.get(one)
    manager.get(two)
    manager.get(one)

    manager.get(three)

    assert manager.loaded() == [one, three]
    assert manager.used_bytes() == 2 * size(one)
    assert embedded(first).shape == (1, 32)
    with pytest.raises(ModelUnavailableError, match="not loaded"):
        loads.engines[1].embed(["tenant"])


def test_a_pinned_model_stays(make_model: MakeModel, manage: Manage) -> None:
    one, two, three = make_model("one"), make_model("two"), make_model("three")
    manager = manage(2 * size(one))
    manager.pin(one)
    manager.get(two)

    manager.get(three)

    assert manager.loaded() == [one, three]


def test_a_model_in_use_is_not_unloaded(make_model: MakeModel, manage: Manage) -> None:
    one, two = make_model("one"), make_model("two")
    manager = manage(size(one))
    with manager.lease(one) as runner:
        with pytest.raises(ModelUnavailableError) as refused:
            manager.get(two)
        assert embedded(runner).shape == (1, 32)
    assert refused.value.error_code == "model_memory_busy"

    assert embedded(manager.get(two)).shape == (1, 32)
    assert manager.loaded() == [two]


def test_a_model_larger_than_the_budget_is_refused_with_its_numbers(make_model: MakeModel, manage: Manage) -> None:
    model = make_model()
    manager = manage(size(model) - 1)

    with pytest.raises(ModelTooLargeError, match=f"{size(model)} bytes.*{size(model) - 1} bytes") as refused:
        manager.get(model)

    assert refused.value.error_code == "model_too_large"
    assert manager.loaded() == []


def test_a_model_that_could_not_be_loaded_is_tried_again(make_model: MakeModel, manage: Manage) -> None:
    model = make_model()
    weights = model.path / "model.safetensors"
    right = weights.read_bytes()
    manager = manage(2 * size(model))
    weights.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    with pytest.raises(ModelNotFoundError):
        manager.get(model)
    assert manager.used_bytes() == 0

    weights.write_bytes(right)

    assert embedded(manager.get(model)).shape == (1, 32)


def test_a_caller_does_not_wait_for_a_slow_load_beyond_its_time(
    make_model: MakeModel, manage: Manage, loads: Loads
) -> None:
    model = make_model()
    manager = manage(size(model))
    loads.gate.clear()

    with pytest.raises(ModelUnavailableError) as refused:
        manager.get(model, timeout=0.01)
    loads.gate.set()

    assert refused.value.error_code == "model_loading"
    assert embedded(manager.get(model, timeout=PATIENCE)).shape == (1, 32)
    assert len(loads.engines) == 1


def test_models_come_and_go_under_many_threads_without_a_failed_request(make_model: MakeModel, manage: Manage) -> None:
    models = [make_model(name) for name in ("one", "two", "three")]
    manager = manage(3 * size(models[0]) - 1)

    def work(turn: int) -> bool:
        while True:
            try:
                with manager.lease(models[turn % 3]) as runner:
                    return embedded(runner).shape == (1, 32)
            except ModelUnavailableError as error:
                if error.error_code != "model_memory_busy":
                    raise

    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(work, range(24)))
    assert manager.used_bytes() <= manager.budget_bytes


def test_a_model_in_use_is_waited_for_and_takes_no_new_callers_meanwhile(
    make_model: MakeModel, manage: Manage, loads: Loads
) -> None:
    one, two = make_model("one"), make_model("two")
    manager = manage(size(one))
    with ThreadPoolExecutor(2) as threads:
        with manager.lease(one) as runner:
            asked = threads.submit(manager.get, two, timeout=PATIENCE)
            wait_for(lambda: manager._slots[one.version_id].leaving, seconds=PATIENCE, what="one is to make room")
            late = threads.submit(manager.get, one, timeout=PATIENCE)
            assert embedded(runner).shape == (1, 32)
            assert not asked.done()
        assert asked.result(PATIENCE).engine is loads.engines[1]
        assert late.result(PATIENCE).engine is loads.engines[2], "who came later got it after it was loaded again"


def test_who_waits_in_vain_for_room_is_told_and_the_others_go_on(make_model: MakeModel, manage: Manage) -> None:
    one, two = make_model("one"), make_model("two")
    manager = manage(size(one))
    with manager.lease(one):
        with pytest.raises(ModelUnavailableError):
            manager.get(two, timeout=0.1)
        wait_for(lambda: two.version_id not in manager._slots, seconds=PATIENCE, what="nobody waits for it any more")
        assert embedded(manager.get(one, timeout=PATIENCE)).shape == (1, 32)


def test_a_model_is_unloaded_on_demand_even_a_pinned_one(make_model: MakeModel, manage: Manage, loads: Loads) -> None:
    model = make_model()
    manager = manage(size(model))
    manager.pin(model)
    with manager.lease(model):
        assert not manager.unload(model.version_id)
    assert manager.unload(model.version_id)
    assert not manager.unload(model.version_id)
    assert (manager.loaded(), manager.used_bytes()) == ([], 0)
    assert embedded(manager.get(model)).shape == (1, 32)


def test_what_is_held_is_told_with_its_bytes_and_uses(make_model: MakeModel, manage: Manage) -> None:
    model = make_model()
    manager = manage(size(model))
    manager.pin(model)
    manager.get(model)
    (held,) = manager.held()
    assert (held.version_id, held.bytes, held.uses, held.pinned) == (model.version_id, size(model), 2, True)
    assert held.device
    assert held.loaded_at <= held.last_used_at
    assert manager.needs(model) == size(model)
    assert not manager.fits(1)


def test_a_random_workload_never_exceeds_the_budget_and_loses_no_request(
    make_model: MakeModel, manage: Manage, loads: Loads
) -> None:
    models = [make_model(str(number), seed=number) for number in range(6)]
    expected = {model.version_id: embedded(manage(size(model)).get(model)) for model in models}
    loads.engines.clear()
    budget, taken, most = 3 * size(models[0]) + 100, [], []
    build = loads.build

    def counting(model: EmbeddingModel) -> EmbeddingEngine:
        engine = build(model)
        load, unload = engine.load, engine.unload

        def loaded() -> None:
            taken.append(size(model))
            most.append(sum(taken))
            load()

        def unloaded() -> None:
            unload()
            taken.remove(size(model))

        engine.load, engine.unload = loaded, unloaded  # type: ignore[method-assign]
        return engine

    manager = ModelResourceManager(budget_bytes=budget, build=counting)
    try:

        def call(number: int) -> bool:
            model = random.Random(number).choice(models)
            with manager.lease(model, timeout=PATIENCE) as runner:
                found = [embedded(runner) for _ in range(5)]
            return bool(np.allclose(found, expected[model.version_id], atol=1e-5))

        with ThreadPoolExecutor(16) as threads:
            assert all(threads.map(call, range(150)))
    finally:
        manager.close()
    assert max(most) <= budget
    assert len(loads.engines) > len(models), "models came and went"
