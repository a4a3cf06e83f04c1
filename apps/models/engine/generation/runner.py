"""Feeds a language model: requests wait, join its decoder, and leave it, each at the end of a step."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from apps.models.engine.generation.decoders import Decoder
from apps.models.engine.generation.request import Writing
from apps.models.engine.runner import Engine
from apps.models.errors import DeadlineExceededError
from apps.models.generation import Conversation, GenerationEnd, GenerationPiece
from apps.models.installed_model import InstalledModel
from apps.models.priority import Priority
from ragsite.core.errors import ModelUnavailableError

logger = logging.getLogger(__name__)

STILL_SECONDS = 0.5
"""So long a reader waits before it is told that the model is still at it."""


class WritingEngine(Engine, Protocol):
    """What the runner needs of an engine."""

    def request(self, conversation: Conversation, *, deadline: float) -> Writing:
        """A request, checked and with its prompt in tokens. Any thread may call this."""
        ...

    def decoder(self) -> Decoder: ...

    def thread_prepare(self) -> None:
        """Called once on the thread that will compute."""
        ...


class GenerationRunner:
    """One thread works on all requests, interactive ones before bulk ones. Threads may share it."""

    def __init__(self, engine: WritingEngine) -> None:
        self.engine = engine
        self._decoder = engine.decoder()
        self._waiting: dict[Priority, deque[Writing]] = {priority: deque() for priority in Priority}
        self._joined: list[Writing] = []
        self._changed = threading.Condition()
        self._closed = self._drains = False
        self._step_started: float | None = None
        self._thread = threading.Thread(target=self._serve, name=f"engine {engine.model.name}", daemon=True)
        self._thread.start()

    def stream(self, inputs: Conversation, *, priority: Priority, deadline: float) -> Iterator[GenerationPiece]:
        """The text as it is written; the last piece is the end.

        Nothing is done before the first piece is asked for. Closing the iterator frees the request's slot with the next step.

        Raises:
            PermanentError: (code `context_too_long`, `invalid_conversation`) before any work.
            DeadlineExceededError: the deadline passed; the pieces so far were given.
            ModelUnavailableError: the model is being unloaded (`model_unloaded`), or failed (`engine_failed`).
        """
        writing = self.engine.request(inputs, deadline=deadline)
        self._submit(writing, priority)
        try:
            while True:
                piece = writing.next_piece(seconds=STILL_SECONDS)
                yield piece
                if isinstance(piece, GenerationEnd):
                    return
        finally:
            writing.is_cancelled = True

    def stalled(self, seconds: float) -> bool:
        """Whether one step has been running for longer than `seconds`: the device hangs."""
        started = self._step_started
        return started is not None and time.monotonic() - started > seconds

    def close(self, *, drain: bool = True, timeout: float | None = None) -> None:
        """Take no more requests, finish those there are (or, without `drain`, fail them), and end the thread."""
        with self._changed:
            self._closed, self._drains = True, drain
            self._changed.notify_all()
        self._thread.join(timeout)
        with self._changed:
            self._drains = False

    def _submit(self, writing: Writing, priority: Priority) -> None:
        if writing.is_late:
            raise DeadlineExceededError("The deadline passed before the model got to the text.")
        with self._changed:
            if self._closed:
                raise _unloaded(self.engine.model)
            self._waiting[priority].append(writing)
            self._changed.notify_all()

    def _serve(self) -> None:
        self.engine.thread_prepare()
        while self._gather():
            self._step()
        self._fail_all()

    def _gather(self) -> bool:
        """Wait for work, let go of what is over, and let those who wait join; False once there is nothing more to do."""
        with self._changed:
            while True:
                self._let_go()
                self._let_join()
                if self._closed and not (self._drains and self._joined):
                    return False
                if self._joined:
                    return True
                self._changed.wait()

    def _let_go(self) -> None:
        for writing in [one for one in self._joined if one.is_over]:
            self._joined.remove(writing)
            self._decoder.leave(writing)
            writing.leave()
            logger.debug("%s: %s after %d tokens", self.engine.model.name, writing.finish, len(writing.written))
        for queue in self._waiting.values():
            for writing in [one for one in queue if one.is_over]:
                queue.remove(writing)
                writing.leave()

    def _let_join(self) -> None:
        for queue in self._waiting.values():
            while queue and self._decoder.free > 0:
                writing = queue.popleft()
                self._decoder.join(writing)
                self._joined.append(writing)

    def _step(self) -> None:
        self._beat()
        try:
            self._decoder.step(beat=self._beat)
        except Exception as error:
            # Whatever went wrong goes to those who wait for it; the thread must live on for the others.
            logger.exception("The model %s failed on a step of %d texts", self.engine.model.name, len(self._joined))
            self._decoder.spoil()
            for writing in self._joined:
                writing.fail(_failed(self.engine.model, error))
        finally:
            self._step_started = None

    def _beat(self) -> None:
        self._step_started = time.monotonic()

    def _fail_all(self) -> None:
        with self._changed:
            for writing in [*self._joined, *(one for queue in self._waiting.values() for one in queue)]:
                writing.fail(_unloaded(self.engine.model))


def _unloaded(model: InstalledModel) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The model {model.name!r} is being unloaded.", code="model_unloaded", action="Try again.", retry_after=1.0
    )


def _failed(model: InstalledModel, error: Exception) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"The model {model.name!r} failed on a step: {type(error).__name__}: {error}", code="engine_failed"
    )
