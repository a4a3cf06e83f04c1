"""The calls that the rest of the system makes, by the transport that this process uses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import numpy as np

from apps.models.gateway.fake import FakeTransport
from apps.models.gateway.http import HttpTransport
from apps.models.gateway.local import LocalTransport
from apps.models.gateway.measuring import measured, tokens_count, writing_trace
from apps.models.gateway.protocol import Deadline, ModelCall, ModelTransport, Purpose
from apps.models.gateway.queue import QueueTransport
from apps.models.generation import (
    STILL_AT_IT,
    Conversation,
    GenerationEnd,
    GenerationOptions,
    GenerationPiece,
    Message,
)
from apps.models.inputs import QueryTexts, Texts
from apps.models.installed_model import EmbeddingModel, InstalledModel
from apps.models.prompts import TextRole
from apps.models.reading import READING_WIDTH, Reading, readings_of
from ragsite.core.audience import client_check
from ragsite.core.configuration import GenerationSettings, ModelSettings
from ragsite.core.errors import ConfigurationError, ModelUnavailableError
from ragsite.core.limits import Work
from ragsite.gateway.limits.account import reserved

TRANSPORTS: dict[str, Callable[[], ModelTransport]] = {
    "queue": QueueTransport,
    "local": LocalTransport,
    "fake": FakeTransport,
}
"""The ways to models of this installation's own, of which a process uses one. A model that a server runs is asked there."""

HTTP = "http"
SEE_LOG = "Check the log of the model worker or server, and the registered model."

WRITE_AS_LIKELY = GenerationOptions()

_made: dict[str, ModelTransport] = {}
_chosen: str | None = None
_lock = threading.Lock()


def current_transport() -> ModelTransport:
    """The transport in use; each kind is made once a process, so that its breakers remember."""
    name = _chosen or _known(ModelSettings.current().transport)
    return _transport(name, TRANSPORTS[name])


def transport_of(call: ModelCall) -> ModelTransport:
    """The way to the call's model: over HTTP to its own servers, if it has some, and else the transport in use."""
    return current_transport() if call.model.endpoint is None else _transport(HTTP, HttpTransport)


def set_transport(name: str | None) -> None:
    """Use this transport in the whole process from now on; None goes back to the setting.

    Raises:
        ConfigurationError: there is no such transport.
    """
    global _chosen
    _chosen = name if name is None else _known(name)


@contextmanager
def using_transport(name: str) -> Iterator[None]:
    """Use a transport in the whole process, all threads included, until the block is left."""
    before = _chosen
    set_transport(name)
    try:
        yield
    finally:
        set_transport(before)


def _transport(name: str, make: Callable[[], ModelTransport]) -> ModelTransport:
    with _lock:
        if name not in _made:
            _made[name] = make()
        return _made[name]


def _known(name: str) -> str:
    if name not in TRANSPORTS:
        raise ConfigurationError(
            f"RAGSITE_MODEL_TRANSPORT is {name!r}, which is not a transport.",
            action=f"Set it to one of {', '.join(TRANSPORTS)}.",
        )
    return name


def embed(
    texts: Sequence[str], *, role: TextRole, model: EmbeddingModel, purpose: Purpose, deadline: Deadline
) -> np.ndarray:
    """Embed `texts`, in their order: float32 of shape (n, model.dimensions), rows of length 1.

    By their `role` the model reads its prompt before them. What a query is compared with is a document, whatever the purpose.

    Raises:
        ModelUnavailableError: no model could answer for now, or what it answered is no embedding.
        DeadlineExceededError: the deadline passed.
        PermanentError: the model is unknown, changed, too large or unusable.
    """
    call = ModelCall(model, Texts(tuple(texts), role), purpose, deadline)
    return _rows(call, width=model.dimensions, invalid="invalid_embedding")


def rerank(
    query: str, texts: Sequence[str], *, model: InstalledModel, purpose: Purpose, deadline: Deadline
) -> np.ndarray:
    """Score `texts` by how well each answers `query`, in their order: float32 of shape (n,), higher is better.

    Raises:
        ModelUnavailableError: no model could answer for now, or what it answered are no scores.
        DeadlineExceededError: the deadline passed.
        PermanentError: the model is unknown, changed, too large or unusable.
    """
    call = ModelCall(model, QueryTexts(query, tuple(texts)), purpose, deadline)
    return _rows(call, width=1, invalid="invalid_scores")[:, 0]


def read(
    question: str, passages: Sequence[str], *, model: InstalledModel, purpose: Purpose, deadline: Deadline
) -> tuple[Reading, ...]:
    """Where each passage answers the question best, in their order, and how much speaks for no answer there.

    Raises:
        ModelUnavailableError: no model could answer for now, or what it answered are no spans of the passages.
        DeadlineExceededError: the deadline passed.
        PermanentError: the model is unknown, changed, too large or unusable.
    """
    call = ModelCall(model, QueryTexts(question, tuple(passages)), purpose, deadline)
    rows = _rows(call, width=READING_WIDTH, invalid="invalid_readings")
    try:
        return readings_of(rows, passages)
    except ValueError as error:
        raise ModelUnavailableError(
            f"The model {model.name!r} answered {error}.", code="invalid_readings", action=SEE_LOG
        ) from error


def generate(
    messages: Sequence[Message],
    *,
    model: InstalledModel,
    purpose: Purpose,
    deadline: Deadline,
    options: GenerationOptions = WRITE_AS_LIKELY,
) -> Iterator[GenerationPiece]:
    """What the model says next, piece by piece; the last piece is the end. Nothing is done before the first is asked for.

    Closing the iterator ends the writing, and so does a client that leaves. What the request at hand may have written is
    reserved from its limits, and what is not written given back.

    Raises:
        LimitReachedError: too few tokens are left for a text so long.
        PermanentError: (code `context_too_long`) there is no room for the messages and the text, or (`invalid_conversation`) the
            model does not take such messages; or the model is unknown, changed, too large or unusable.
        ModelUnavailableError: no model could answer for now, or the one that did was lost.
        DeadlineExceededError: the deadline passed; the pieces so far were given.
    """
    call = ModelCall(model, Conversation(tuple(messages), options), purpose, deadline)
    client_check("the messages were sent to a model")
    deadline.check("the messages were sent to a model")
    most = options.max_tokens or GenerationSettings.current().slot_tokens
    with (
        reserved(Work.TOKENS, most) as spent,
        measured(call) as traced,
        closing(transport_of(call).stream(call)) as pieces,  # type: ignore[type-var]
    ):
        read = 0
        writing_trace(traced, messages, most)
        try:
            for piece in pieces:
                client_check("the text was written")
                # An empty one only says that the model is still at it.
                if piece != STILL_AT_IT:
                    # Each piece is a token or more; the end knows how many there were.
                    if isinstance(piece, GenerationEnd):
                        read, spent.amount = piece.prompt_tokens, piece.completion_tokens
                    else:
                        spent.amount = min(most, spent.amount + 1)
                    yield piece
        finally:
            tokens_count(call, read=read, written=spent.amount)
            traced.tell(gen_ai__usage__input_tokens=read, gen_ai__usage__output_tokens=spent.amount)


def _rows(call: ModelCall, *, width: int, invalid: str) -> np.ndarray:
    """A row for each item, which nobody is asked for where there is none."""
    client_check("the texts were sent to a model")
    call.deadline.check("the texts were sent to a model")
    shape = (len(call.inputs.items()), width)
    if shape[0] == 0:
        return np.empty(shape, dtype=np.float32)
    with measured(call) as traced:
        traced.tell(ragsite__inputs=shape[0])
        found = transport_of(call).run(call)
    # Not left to the database: a single infinite value would make a stored vector unsearchable without a word.
    if found.shape != shape or not np.isfinite(found).all():
        raise ModelUnavailableError(
            f"The model {call.model.name!r} answered shape {found.shape} where {shape} finite numbers were due.",
            code=invalid,
            action=SEE_LOG,
        )
    return found
