"""A model worker's memory: what it loads when it starts, what it says of it, and what it is told to do with it."""

from __future__ import annotations

import logging
import threading
from functools import partial
from queue import SimpleQueue
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection
from django.utils.module_loading import import_string

from apps.models.installed_model import InstalledModel
from apps.models.models import ModelOrder, ModelVersion, OrderKind
from apps.models.selectors import installed_model
from apps.models.services.holding import (
    cache_tell,
    models_worth_loading,
    order_answer,
    orders_new,
    pinned_before,
)
from ragsite.core.actors import Actor
from ragsite.core.database import connection_release
from ragsite.core.errors import RagError
from ragsite.core.presence import BEAT_SECONDS

logger = logging.getLogger(__name__)
ENGINES = "apps.models.engine.resources.engines"
ACTOR = Actor.of_job("model worker")
PATIENCE_SECONDS = 60.0
"""How long an order waits for models in use to make room."""


class ModelHolding:
    """What a worker does about its models every few seconds, until it leaves."""

    def __init__(self, worker: str, *, engines: Any = None) -> None:
        self.worker = worker
        self._engines = engines
        self._done: set[UUID] = set()
        self._orders: SimpleQueue[ModelOrder | None] = SimpleQueue()

    @property
    def engines(self) -> Any:
        if self._engines is None:
            self._engines = import_string(ENGINES)()
        return self._engines

    def tell(self, leaving: threading.Event) -> None:
        """Say what is held, and look for orders, every few seconds until the worker leaves."""
        while not leaving.is_set():
            self._safely(self.take)
            self._safely(lambda: cache_tell(self.worker, self.engines.held(), actor=ACTOR))
            leaving.wait(BEAT_SECONDS)
        self._orders.put(None)
        self._safely(lambda: cache_tell(self.worker, (), actor=ACTOR))
        connection.close()

    def obey(self) -> None:
        """Load what was used most, then follow the orders that were found. Apart from telling, as a load takes its time; with a
        connection only while there is something to do.
        """
        self._safely(self.warm_up)
        connection.close()
        while (order := self._orders.get()) is not None:
            self._safely(partial(self.follow, order))
            connection.close()

    def warm_up(self) -> None:
        """Load what was used most lately, as far as it fits without anything being unloaded."""
        pinned = pinned_before(self.worker)
        for version in models_worth_loading(self.worker):
            self._safely(partial(self._warm_first, version, pinned=version.pk in pinned))

    def take(self) -> None:
        """Look for what is new of the orders."""
        for order in orders_new(self.worker, done=self._done):
            self._done.add(order.pk)
            self._orders.put(order)

    def follow(self, order: ModelOrder) -> None:
        """Follow an order, and answer it."""
        order_answer(order, worker=self.worker, words=self._follow(order))

    def _follow(self, order: ModelOrder) -> str:
        """Do what an order says; what came of it, in words."""
        version = order.version
        connection_release()
        try:
            match OrderKind(order.kind):
                case OrderKind.LOAD:
                    self.engines.pin(_model(version), timeout=PATIENCE_SECONDS)
                    return "Loaded, and stays loaded."
                case OrderKind.UNLOAD:
                    gone = self.engines.unload(version.pk, timeout=PATIENCE_SECONDS)
                    return "Unloaded." if gone else "It is not loaded, or stayed in use."
                case OrderKind.WARM:
                    return (
                        "Loaded."
                        if self._warm(version)
                        else "There is no room for it beside the models that are loaded."
                    )
        except RagError as error:
            return error.sentence
        except Exception as error:
            logger.exception("a defect; whoever gave the order is told so")
            return f"The worker failed: {type(error).__name__}: {error} See its log."

    def _warm_first(self, version: ModelVersion, *, pinned: bool) -> None:
        try:
            self._warm(version, pinned=pinned)
        except RagError as error:
            logger.warning("%s is not loaded yet: %s", version, error.sentence)

    def _warm(self, version: ModelVersion, *, pinned: bool = False) -> bool:
        model = _model(version)
        connection_release()
        if pinned:
            self.engines.pin(model, timeout=PATIENCE_SECONDS)
            return True
        if model not in self.engines.loaded() and not self.engines.fits(self.engines.needs(model)):
            return False
        self.engines.get(model, timeout=PATIENCE_SECONDS)
        return True

    def _safely(self, work: Any) -> None:
        try:
            work()
        except DatabaseError:
            logger.warning("the database does not answer; what this worker holds is not told", exc_info=True)
        except Exception:
            logger.exception("a defect; this worker goes on with the next thing")
        finally:
            connection_release()


def _model(version: ModelVersion) -> InstalledModel:
    return installed_model(version)
