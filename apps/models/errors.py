"""Errors that only model work raises."""

from __future__ import annotations

from ragsite.core.errors import PermanentError, TransientError


class DeadlineExceededError(TransientError):
    """The caller's deadline passed before the work was done; what was left of it is not computed."""

    code = "deadline_exceeded"
    status = 504
    action = "Try again; if it happens often, allow more time or add a model worker."


class UnsupportedModelError(PermanentError):
    """The checkpoint lacks something, or needs something that is not offered; seen by those who register it."""

    code = "unsupported_model"


class UnsafeWeightsError(PermanentError):
    """The checkpoint has no safetensors: pickled weights can run code when they are read."""

    code = "unsafe_weights"
    action = "Save the model with safe_serialization=True and register that folder."


class ModelTooLargeError(PermanentError):
    """The model does not fit into the process's memory budget, even alone."""

    code = "model_too_large"
