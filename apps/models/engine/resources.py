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
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.utils.module_loading import import_string

from apps.models.engine.runner import Engine, Runner
from apps.models.engine.settings import EngineSettings
from apps.models.errors import ModelTooLargeError
from apps.models.held_model import HeldModel
from apps.models.installed_model import InstalledModel
from apps.models.kinds import KINDS
from ragsite.core.configuration import GenerationSettings, ModelSettings
from ragsite.core.errors import ModelUnavailableError

CLOSE_SECONDS = 10.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class _Slot:
    """A model's place: `bytes` once its size is known, `users` callers that must not lose it.

    Who wants a model that is not loaded waits for room until `wanted_until`. A model that is `leaving` takes no new callers.
    """

    model: InstalledModel
    runner: Future[Runner] = field(default_factory=Future)
    bytes: int = 0
    users: int = 0
    uses: int = 0
    pinned: bool = False
    leaving: bool = False
    wanted_until: float = 0.0
    loaded_at: datetime = field(default_factory=_now)
    last_used: float = field(default_factory=time.monotonic)

    @property
    def loaded(self) -> bool:
        return self.runner.done() and self.runner.exception() is None

    @property
    def evictable(self) -> bool:
        """Whether it may make room, once its users have finished."""
        return self.loaded and not self.pinned


class ModelResourceManager:
    """Loads models on demand within a budget of bytes, which counts their weights and what requests add; the least recently used
    unpinned ones make room, idle ones first. One in use is waited for, for as long as somebody waits for the new one, and takes
    no new callers meanwhile: otherwise models in constant use would keep all others out.

    Loads run one after another on a thread of their own, so that callers keep their deadlines while one is slow.
    """

    def __init__(self, *, budget_bytes: int, build: Callable[[InstalledModel], Engine]) -> None:
        self.budget_bytes = budget_bytes
        self._build = build
        self._slots: dict[UUID, _Slot] = {}
        self._lock = threading.Condition()
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
        until = time.monotonic() + timeout if timeout is not None else None
        slot = self._enter(model, until)
        try:
            yield _loaded(slot, timeout=None if until is None else max(0.0, until - time.monotonic()))
        finally:
            with self._lock:
                slot.users -= 1
                slot.last_used = time.monotonic()
                self._lock.notify_all()

    def pin(self, model: InstalledModel, *, timeout: float | None = None) -> None:
        """Load a model, and never unload it to make room for others."""
        with self.lease(model, timeout=timeout), self._lock:
            self._slots[model.version_id].pinned = True

    def unload(self, version_id: UUID, *, timeout: float = 0.0) -> bool:
        """Unload a model, pinned or not, once its users have finished; whether it was there and is gone within `timeout`."""
        return self._loader.submit(self._unload, version_id, timeout).result()

    def held(self) -> list[HeldModel]:
        """The models in memory, as others are told of them."""
        with self._lock:
            now, clock = _now(), time.monotonic()
            return [_held(slot, now - timedelta(seconds=clock - slot.last_used)) for slot in self._loaded_slots()]

    def fits(self, needed: int) -> bool:
        """Whether so many bytes are free, without anything being unloaded."""
        with self._lock:
            return needed <= self.budget_bytes - self._reserved()

    def needs(self, model: InstalledModel) -> int:
        """The bytes that a model would take, known without loading it."""
        engine = self._build(model)
        return engine.weights_bytes() + engine.working_bytes()

    def loaded(self) -> list[InstalledModel]:
        """The models in memory, least recently used first."""
        with self._lock:
            return [slot.model for slot in self._loaded_slots()]

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

    def _enter(self, model: InstalledModel, until: float | None) -> _Slot:
        with self._lock:
            while (slot := self._slots.get(model.version_id)) is not None and slot.leaving:
                if not self._lock.wait(None if until is None else until - time.monotonic()):
                    raise _loading(model)
            if slot is None:
                slot = self._slots[model.version_id] = _Slot(model)
                slot.users, slot.wanted_until = 1, until or 0.0
                slot.runner = self._loader.submit(self._load, slot)
            else:
                slot.users += 1
                slot.wanted_until = max(slot.wanted_until, until or 0.0)
            slot.uses += 1
            return slot

    def _load(self, slot: _Slot) -> Runner:
        try:
            engine = self._build(slot.model)
            self._make_room(slot, engine.weights_bytes() + engine.working_bytes())
            engine.load()
            slot.loaded_at = _now()
            return engine.runner()
        except BaseException:
            # The next caller starts afresh, rather than getting this failure forever.
            with self._lock:
                self._slots.pop(slot.model.version_id, None)
                self._lock.notify_all()
            raise

    def _unload(self, version_id: UUID, timeout: float) -> bool:
        """In the loader's thread, so that nothing is loaded into the room before it is free."""
        with self._lock:
            slot = self._slots.get(version_id)
            if slot is None or not slot.loaded:
                return False
            slot.leaving = True
            idle = self._lock.wait_for(lambda: slot.users == 0, timeout)
            slot.leaving = False
            if idle:
                del self._slots[version_id]
            self._lock.notify_all()
        if idle:
            _close(slot)
        return idle

    def _make_room(self, slot: _Slot, needed: int) -> None:
        if needed > self.budget_bytes:
            raise _too_large(slot.model, needed, self.budget_bytes)
        with self._lock:
            victims = self._victims_idle(slot, needed)
            for victim in victims:
                del self._slots[victim.model.version_id]
            slot.bytes = needed
        for victim in victims:
            _close(victim)
        with self._lock:
            self._lock.notify_all()

    def _victims_idle(self, slot: _Slot, needed: int) -> list[_Slot]:
        """The models to unload for this one, none of them in use any more.

        Raises:
            ModelUnavailableError: they are not enough, or still in use when nobody waits for this one any longer.
        """
        held_back: list[_Slot] = []
        try:
            while True:
                victims = self._victims(needed - (self.budget_bytes - self._reserved()))
                if victims is not None and not any(victim.users for victim in victims):
                    return victims
                if victims is None or not self._hold_back(victims, held_back, slot):
                    raise _busy(slot.model, needed, self.budget_bytes)
        finally:
            for one in held_back:
                one.leaving = False
            self._lock.notify_all()

    def _hold_back(self, victims: list[_Slot], held_back: list[_Slot], slot: _Slot) -> bool:
        """Let no new callers to the victims, and wait for a change; False where nobody waits for the slot any longer."""
        for victim in victims:
            if not victim.leaving:
                victim.leaving = True
                held_back.append(victim)
        return self._lock.wait(max(0.0, slot.wanted_until - time.monotonic()))

    def _loaded_slots(self) -> list[_Slot]:
        """Least recently used first."""
        return sorted((slot for slot in self._slots.values() if slot.loaded), key=lambda slot: slot.last_used)

    def _reserved(self) -> int:
        return sum(slot.bytes for slot in self._slots.values())

    def _victims(self, excess: int) -> list[_Slot] | None:
        """The models to unload so that `excess` bytes come free, idle ones first; None if those that may go are not enough."""
        victims: list[_Slot] = []
        for slot in sorted(self._loaded_slots(), key=lambda slot: slot.users > 0):
            if excess <= 0:
                break
            if slot.evictable:
                victims.append(slot)
                excess -= slot.bytes
        return victims if excess <= 0 else None


def _close(slot: _Slot) -> None:
    runner = slot.runner.result()
    runner.close()
    runner.engine.unload()


def _held(slot: _Slot, last_used_at: datetime) -> HeldModel:
    device = str(getattr(slot.runner.result().engine, "device", ""))
    return HeldModel(
        slot.model.version_id, device, slot.bytes, slot.loaded_at, last_used_at, slot.uses, slot.pinned
    )  # fmt: skip


def _loaded(slot: _Slot, *, timeout: float | None) -> Runner:
    try:
        return slot.runner.result(timeout)
    except TimeoutError:
        raise _loading(slot.model) from None


def _loading(model: InstalledModel) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The model {model.name!r} is still loading.", code="model_loading", action="Try again.", retry_after=5.0
    )


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
