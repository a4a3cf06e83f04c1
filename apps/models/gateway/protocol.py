"""What every transport offers, to every kind of model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from apps.models.gateway.deadline import Deadline
from apps.models.gateway.purpose import Purpose
from apps.models.inputs import Inputs
from apps.models.installed_model import InstalledModel


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
        better; scores compare within a call and have no fixed range.

        Raises:
            ModelUnavailableError: nothing and nobody could do it for now.
            DeadlineExceededError: it was begun, or would have been, too late.
            PermanentError: the model is unknown, changed, too large or unusable.
        """
        ...
