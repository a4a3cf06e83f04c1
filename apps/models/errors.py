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


class QuotaExceededError(PermanentError):
    """A download is too large for what downloaded models may take together."""

    code = "models_quota_exceeded"
    action = "Remove a model by `manage.py models remove`, or raise RAGSITE_MODELS_QUOTA_GB."


class DiskFullError(PermanentError):
    """The disk of the models' folder has no room for a download."""

    code = "models_disk_full"
    action = "Make room on that disk, or set RAGSITE_MODELS_DIR to a larger one; then pull it again."


class ChecksumMismatchError(PermanentError):
    """A file is not what the hub states, what was asked for, or what was registered."""

    code = "checksum_mismatch"


class RemoteCodeError(PermanentError):
    """The model can only be loaded by running code of its repository, which is never done."""

    code = "remote_code_needed"
    action = "Choose a model whose architecture is part of transformers."


class HubRefusedError(PermanentError):
    """The hub does not let this installation have the model."""

    code = "hub_refused"
    action = "Accept the model's conditions on the hub, and give the workers HF_TOKEN of an account that may read it."
