"""A call to a model: which, with what, what for and until when; and what every transport offers."""

from __future__ import annotations

import enum
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from apps.models.errors import DeadlineExceededError
from apps.models.inputs import Inputs
from apps.models.installed_model import InstalledModel
from apps.models.priority import Priority


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A moment in absolute epoch seconds, so that it means the same in every process."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """The moment that many seconds from now."""
        return cls(time.time() + seconds)

    def remaining(self) -> float:
        """Seconds left; 0 once it has passed."""
        return max(0.0, self.at - time.time())

    @property
    def expired(self) -> bool:
        return self.remaining() == 0.0

    def check(self, work: str) -> None:
        """Refuse to begin `work` too late.

        Raises:
            DeadlineExceededError: the deadline has passed.
        """
        if self.expired:
            raise DeadlineExceededError(f"The deadline passed before {work}.")


class Purpose(enum.Enum):
    """The reason for a call: indexing documents, finding passages, or writing and checking an answer."""

    INDEX = "index"
    QUERY = "query"
    ANSWER = "answer"

    @property
    def queue(self) -> str:
        """The Celery queue whose workers do it."""
        return _QUEUES[self]

    @property
    def priority(self) -> Priority:
        """Indexing is bulk work; for the others a person waits."""
        return Priority.BULK if self is Purpose.INDEX else Priority.INTERACTIVE


_QUEUES = {Purpose.INDEX: "embedding", Purpose.QUERY: "retrieval", Purpose.ANSWER: "generation"}


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A model, what it is given (inputs of its kind), what for, and until when the answer is of use."""

    model: InstalledModel
    inputs: Inputs
    purpose: Purpose
    deadline: Deadline


class ModelTransport(Protocol):
    """A way to the models."""

    def run(self, call: ModelCall) -> np.ndarray:
        """A row for each item of the inputs, in their order: float32 of shape (n, width).

        Of an embedding model a row is the text's vector, of length 1. Of a reranker it is the one score, higher for what answers
        better; scores compare within a call and have no fixed range. Of a reader it is a `Reading` in numbers.

        Raises:
            ModelUnavailableError: nothing and nobody could do it for now.
            DeadlineExceededError: it was begun, or would have been, too late.
            PermanentError: the model is unknown, changed, too large or unusable.
        """
        ...

    def stream(self, call: ModelCall) -> Iterator[Any]:
        """The pieces of the answer as they come, of a model that streams. Closing the iterator ends the work.

        Raises:
            As `run`, before the first piece or after any.
        """
        ...
