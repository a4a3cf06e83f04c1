"""Asking a model at each of its servers for a little, to see what comes back and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apps.models.generation import Conversation, GeneratedText, GenerationEnd, GenerationOptions, Message, Role
from apps.models.installed_model import ModelKind
from apps.models.servers.chat import chat
from apps.models.servers.client import Server
from apps.models.servers.endpoint import Endpoint
from apps.models.servers.errors import ModelServerRefusedError
from apps.models.servers.offers import Offer, max_tokens_of_info, offer_of, offers
from apps.models.servers.scores import scores
from apps.models.servers.vectors import vectors
from ragsite.core.errors import ModelUnavailableError, RagError

TRIAL_SECONDS = 30.0
"""A server may have to load its model first."""

ASKED = "Say in one short sentence that you are ready."
TRIAL_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of asking one server: what it answered, in words, after so many seconds; or why it did not.

    `max_tokens` is how much the model reads at once, where the server says so; `dimensions` the width of its vectors.
    """

    url: str
    seconds: float
    answer: str = ""
    max_tokens: int | None = None
    dimensions: int | None = None
    error: RagError | None = None

    @property
    def in_words(self) -> str:
        said = self.error.sentence if self.error else f"answered {self.answer!r}"
        return f"{self.url}  {said}  ({self.seconds:.2f} s)"


@dataclass(frozen=True, slots=True)
class _Answer:
    words: str
    dimensions: int | None = None


def trials(endpoint: Endpoint, kind: ModelKind, *, seconds: float = TRIAL_SECONDS) -> list[Trial]:
    """One of each server. Raises ModelKeyError: there is no key to give."""
    key = endpoint.key()
    return [_trial(Server(url, endpoint.model, key, time.time() + seconds), kind) for url in endpoint.urls]


def names_offered(endpoint: Endpoint, *, seconds: float = TRIAL_SECONDS) -> tuple[str, ...]:
    """The models at the first server; none where it has no list. Raises as `offers`."""
    server = Server(endpoint.urls[0], endpoint.model, endpoint.key(), time.time() + seconds)
    try:
        return tuple(offer.model for offer in offers(server))
    except ModelServerRefusedError:
        return ()


def trials_passed(tried: Sequence[Trial]) -> None:
    """Raises the error of the first that failed."""
    for trial in tried:
        if trial.error is not None:
            raise trial.error


def _trial(server: Server, kind: ModelKind) -> Trial:
    begun = time.monotonic()
    try:
        offer = _offer(server)
        answer = TRIALS[kind](server)
    except RagError as error:
        return Trial(server.url, time.monotonic() - begun, error=error)
    return Trial(server.url, time.monotonic() - begun, answer.words, offer.max_tokens, answer.dimensions)


def _offer(server: Server) -> Offer:
    """What the server says of the model. One that lists none, or fails to, may have it all the same."""
    try:
        return offer_of(server)
    except ModelServerRefusedError:
        return Offer(server.model, max_tokens_of_info(server))
    except ModelUnavailableError:
        return Offer(server.model)


def _written(server: Server) -> _Answer:
    """What the model wrote."""
    options = GenerationOptions(max_tokens=TRIAL_TOKENS)
    with chat(server, Conversation((Message(Role.USER, ASKED),), options)) as pieces:
        return _Answer("".join(_text(piece) for piece in pieces).strip() or "(nothing)")


def _text(piece: GeneratedText | GenerationEnd) -> str:
    return piece.text if isinstance(piece, GeneratedText) else ""


def _embedded(server: Server) -> _Answer:
    row = vectors(server, [ASKED])[0]
    return _Answer(f"a vector of {len(row)} numbers", len(row))


def _scored(server: Server) -> _Answer:
    """The scores of a passage that answers and one that does not."""
    right, wrong = scores(server, "What is the capital of France?", ["Paris is its capital.", "Tea is a drink."])[:, 0]
    return _Answer(f"{right:.3f} for a passage that answers, {wrong:.3f} for one that does not")


TRIALS: dict[ModelKind, Callable[[Server], _Answer]] = {
    ModelKind.GENERATION: _written,
    ModelKind.EMBEDDING: _embedded,
    ModelKind.RERANKING: _scored,
}
