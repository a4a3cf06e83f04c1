"""Which models this process holds in memory."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.module_loading import import_string

from apps.models.engine.runner import Engine, Runner
from apps.models.engine.settings import EngineSettings
from apps.models.errors import ModelTooLargeError
from apps.models.installed_model import InstalledModel
from apps.models.kinds import KINDS
from ragsite.core.configuration import GenerationSettings, ModelSettings
from ragsite.core.errors import ModelUnavailableError

CLOSE_SECONDS = 10.0


@dataclass(slots=True)
class _Slot:
    """A model's place: `bytes` once its size is known, `users` callers that must not lose it."""

    model: InstalledModel
    runner: Future[Runner]
    bytes: int = 0
    users: int = 0
    pinned: bool = False
    last_used: float = field(default_factory=time.monotonic)

    @property
    def loaded(self) -> bool:
        return self.runner.done() and self.runner.exception() is None

    @property
    def evictable(self) -> bool:
        return self.loaded and not self.pinned and self.users == 0


class ModelResourceManager:
    """Loads models on demand within a budget of bytes, which counts their weights and what requests add; the least recently used
    unpinned and idle ones make room.

    Loads run one after another on a thread of their own, so that callers keep their deadlines while one is slow.
    """

    def __init__(self, *, budget_bytes: int, build: Callable[[InstalledModel], Engine]) -> None:
        self.budget_bytes = budget_bytes
        self._build = build
        self._slots: dict[UUID, _Slot] = {}
        self._lock = threading.Lock()
        self._loader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model-loader")

    def get(self, model: InstalledModel, *, timeout: float | None = None) -> Runner:
        """The model's runner, loaded if need be. It may be unloaded later: to rely on it, `lease` it.

        Raises:
            ModelTooLargeError: the model alone is larger than the budget.
            ModelUnavailableError: it is still loading after `timeout` seconds, or the budget is all in use.
            ModelNotFoundError, UnsupportedModelError: its files are missing, changed or unusable.
        """
        with self.lease(model, timeout=timeout) as runner:
            return runner

    @contextmanager
    def lease(self, model: InstalledModel, *, timeout: float | None = None) -> Iterator[Runner]:
        """As `get`; the model stays loaded until the block is left."""
        slot = self._enter(model)
        try:
            yield _loaded(slot, timeout=timeout)
        finally:
            with self._lock:
                slot.users -= 1
                slot.last_used = time.monotonic()

    def pin(self, model: InstalledModel) -> None:
        """Load a model, and never unload it to make room for others."""
        with self.lease(model):
            self._slots[model.version_id].pinned = True

    def loaded(self) -> list[InstalledModel]:
        """The models in memory, least recently used first."""
        with self._lock:
            slots = sorted(self._slots.values(), key=lambda slot: slot.last_used)
            return [slot.model for slot in slots if slot.loaded]

    def used_bytes(self) -> int:
        """Bytes set aside for the models in memory and for the one that is loading, and for what they compute."""
        with self._lock:
            return sum(slot.bytes for slot in self._slots.values())

    def stalled(self, seconds: float) -> list[InstalledModel]:
        """The models of which one batch has been running for longer than `seconds`."""
        with self._lock:
            loaded = [slot for slot in self._slots.values() if slot.loaded]
        return [slot.model for slot in loaded if slot.runner.result().stalled(seconds)]

    def close(self) -> None:
        """Unload everything; what is under way has a few seconds to finish."""
        self._loader.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            slots = list(self._slots.values())
            self._slots.clear()
        for slot in slots:
            if slot.loaded:
                slot.runner.result().close(drain=False, timeout=CLOSE_SECONDS)

    def _enter(self, model: InstalledModel) -> _Slot:
        with self._lock:
            slot = self._slots.get(model.version_id)
            if slot is None:
                slot = self._slots[model.version_id] = _Slot(model, self._loader.submit(self._load, model))
            slot.users += 1
            return slot

    def _load(self, model: InstalledModel) -> Runner:
        try:
            engine = self._build(model)
            self._make_room(model, engine.weights_bytes() + engine.working_bytes())
            engine.load()
            return engine.runner()
        except BaseException:
            # The next caller starts afresh, rather than getting this failure forever.
            with self._lock:
                self._slots.pop(model.version_id, None)
            raise

    def _make_room(self, model: InstalledModel, needed: int) -> None:
        if needed > self.budget_bytes:
            raise _too_large(model, needed, self.budget_bytes)
        with self._lock:
            victims = self._victims(needed - (self.budget_bytes - self._reserved()))
            if victims is None:
                raise _busy(model, needed, self.budget_bytes)
            for slot in victims:
                del self._slots[slot.model.version_id]
            self._slots[model.version_id].bytes = needed
        for slot in victims:
            runner = slot.runner.result()
            runner.close()
            runner.engine.unload()

    def _reserved(self) -> int:
        return sum(slot.bytes for slot in self._slots.values())

    def _victims(self, excess: int) -> list[_Slot] | None:
        """The models to unload so that `excess` bytes come free; None if those that may go are not enough."""
        victims: list[_Slot] = []
        for slot in sorted(self._slots.values(), key=lambda slot: slot.last_used):
            if excess <= 0:
                break
            if slot.evictable:
                victims.append(slot)
                excess -= slot.bytes
        return victims if excess <= 0 else None


def _loaded(slot: _Slot, *, timeout: float | None) -> Runner:
    try:
        return slot.runner.result(timeout)
    except TimeoutError:
        raise ModelUnavailableError(
            f"The model {slot.model.name!r} is still loading.",
            code="model_loading",
            action="Try again.",
            retry_after=5.0,
        ) from None


def _too_large(model: InstalledModel, needed: int, budget: int) -> ModelTooLargeError:
    return ModelTooLargeError(
        f"The model {model.name!r} needs {needed} bytes, more than the budget of {budget} bytes.",
        action="Raise RAGSITE_MODEL_MEMORY_MB or use a smaller model.",
    )


def _busy(model: InstalledModel, needed: int, budget: int) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The model {model.name!r} needs {needed} bytes of the budget of {budget}, and the models that hold it are "
        "pinned or in use.",
        code="model_memory_busy",
        action="Try again; if it stays so, raise RAGSITE_MODEL_MEMORY_MB.",
        retry_after=2.0,
    )


def engine_build(model: InstalledModel, settings: EngineSettings) -> Engine:
    """The engine for this kind of model, not loaded yet."""
    engine: Engine = import_string(KINDS[model.kind].engine)(model, settings)
    return engine


_engines: ModelResourceManager | None = None
_engines_lock = threading.Lock()


def engines() -> ModelResourceManager:
    """This process's models, within the budget and the threads of its settings."""
    global _engines
    with _engines_lock:
        if _engines is None:
            configured, generation = ModelSettings.current(), GenerationSettings.current()
            engine_settings = EngineSettings(
                threads=configured.threads, slots=generation.slots, slot_tokens=generation.slot_tokens
            )
            _engines = ModelResourceManager(
                budget_bytes=configured.memory_bytes,
                build=lambda model: engine_build(model, engine_settings),
            )
        return _engines


def _close_engines() -> None:
    if _engines is not None:
        _engines.close()


def _forget_engines() -> None:
    """In a forked child the engines' threads do not exist, so it starts with none."""
    global _engines, _engines_lock
    _engines, _engines_lock = None, threading.Lock()


atexit.register(_close_engines)
os.register_at_fork(after_in_child=_forget_engines)
