"""Asks models that servers of their own run, from this process: no queue, no worker, no torch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import copy_context
from itertools import chain
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from circuitbreaker import CircuitBreakerError

from apps.models.gateway.breaker import breaker_make
from apps.models.gateway.protocol import ModelCall
from apps.models.generation import Conversation
from apps.models.inputs import QueryTexts, Texts
from apps.models.installed_model import EmbeddingModel, ModelKind
from apps.models.servers.chat import chat
from apps.models.servers.client import Server
from apps.models.servers.endpoint import Endpoint
from apps.models.servers.errors import ModelServerBusyError
from apps.models.servers.offers import offers
from apps.models.servers.pool import FAILURES, ServerPool
from apps.models.servers.portions import portions
from apps.models.servers.scores import scores
from apps.models.servers.vectors import vectors
from ragsite.core.breaker import OneProbeBreaker
from ragsite.core.errors import ModelUnavailableError

Answer = TypeVar("Answer")
Rows = Callable[[Server, Sequence[str]], np.ndarray]
PROBE_SECONDS = 1.0
ANSWERED = frozenset({"model_server_failed", "invalid_reply"})
AT_ONCE = 4
"""Portions of one call under way."""


class HttpTransport:
    """Asks the servers of a model: the least loaded first, another one where it fails before its first piece, and after
    repeated failures of all of them none for a while.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[Endpoint, ServerPool] = {}
        self._breakers: dict[tuple[str, UUID], OneProbeBreaker] = {}

    def run(self, call: ModelCall) -> np.ndarray:
        """See ModelTransport. What is more than a server takes at once goes in portions, several at a time and to several."""
        match call.model, call.inputs:
            case EmbeddingModel() as model, Texts(texts, role):
                prompt = model.prompts.of(role)
                # Servers refuse a text of no letters at all.
                given = [prompt + text or " " for text in texts]
                return self._rows(call, given, vectors, width=model.dimensions)
            case model, QueryTexts(query, texts) if model.kind is ModelKind.RERANKING:
                given = [text or " " for text in texts]
                return self._rows(call, given, lambda server, some: scores(server, query, some), width=1)
        raise TypeError(f"nothing to say to {type(call.inputs).__name__} as a model for {call.model.kind}")

    def _rows(self, call: ModelCall, texts: Sequence[str], ask: Rows, *, width: int) -> np.ndarray:
        call.deadline.check("the model server was asked")

        def asked(portion: Sequence[str]) -> np.ndarray:
            with ExitStack() as stack:
                return self._ask(call, lambda server: nullcontext(ask(server, portion)), stack)

        divided = list(portions(texts))
        if not divided:
            return np.empty((0, width), dtype=np.float32)
        if len(divided) == 1:
            return asked(divided[0])
        with ThreadPoolExecutor(min(len(divided), AT_ONCE), thread_name_prefix="portions") as threads:
            # Each with what this thread knows of the client that waits.
            begun = [threads.submit(copy_context().run, asked, portion) for portion in divided]
            try:
                return np.concatenate([one.result() for one in begun])
            finally:
                for one in begun:
                    one.cancel()

    def stream(self, call: ModelCall) -> Iterator[Any]:
        """See ModelTransport."""
        conversation = call.inputs
        if not isinstance(conversation, Conversation):
            raise TypeError(f"nothing to write about {type(conversation).__name__}")
        with ExitStack() as stack:
            yield from self._ask(call, lambda server: _begun(server, conversation), stack)

    def _ask(
        self, call: ModelCall, ask: Callable[[Server], AbstractContextManager[Answer]], stack: ExitStack
    ) -> Answer:
        call.deadline.check("the model server was asked")
        endpoint = _endpoint(call)
        key, pool = endpoint.key(), self._pool(endpoint)

        def ask_at(url: str) -> AbstractContextManager[Answer]:
            return ask(Server(url, endpoint.model, key, call.deadline.at))

        try:
            found: Answer = self._breaker(call).call(lambda: pool.ask(ask_at, stack))
        except CircuitBreakerError as error:
            raise self._open(call) from error
        return found

    def _pool(self, endpoint: Endpoint) -> ServerPool:
        with self._lock:
            if endpoint not in self._pools:
                self._pools[endpoint] = ServerPool(endpoint.urls, probe=lambda url: _probe(endpoint, url))
            return self._pools[endpoint]

    def _breaker(self, call: ModelCall) -> OneProbeBreaker:
        key = call.purpose.queue, call.model.version_id
        with self._lock:
            if key not in self._breakers:
                self._breakers[key] = breaker_make(call, of="http", counts=_is_failure)
            return self._breakers[key]

    def _open(self, call: ModelCall) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"The servers of {call.model.name!r} have failed several times in a row, so they are not asked for now.",
            code="circuit_open",
            action="Check that the model server runs, then try again.",
            retry_after=float(max(1, self._breaker(call).open_remaining)),
        )


@contextmanager
def _begun(server: Server, conversation: Conversation) -> Iterator[Iterator[Any]]:
    """The pieces, of which the first is there: until then another server can be asked."""
    with chat(server, conversation) as pieces:
        yield chain([next(pieces)], pieces)


def _is_failure(_: type[BaseException], error: BaseException) -> bool:
    """Whether it counts against the servers; one that is busy is well."""
    return isinstance(error, FAILURES) and not isinstance(error, ModelServerBusyError)


def _probe(endpoint: Endpoint, url: str) -> None:
    """Whether anybody is there who is neither busy nor loading. A list that fails says nothing of what else the server does."""
    try:
        offers(Server(url, endpoint.model, endpoint.key(), time.time() + PROBE_SECONDS))
    except ModelUnavailableError as error:
        if error.error_code not in ANSWERED:
            raise


def _endpoint(call: ModelCall) -> Endpoint:
    if call.model.endpoint is None:
        raise TypeError(f"{call.model.name!r} is at no server")
    return call.model.endpoint
