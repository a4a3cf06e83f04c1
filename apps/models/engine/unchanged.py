"""Nothing is loaded but what was registered."""

from __future__ import annotations

from apps.models.checkpoint import Checkpoint, weights_sha256
from apps.models.installed_model import InstalledModel
from ragsite.core.errors import ModelNotFoundError

CHANGED = "Register the changed files as a new version: `manage.py models register PATH`."


def unchanged_check(model: InstalledModel, checkpoint: Checkpoint) -> None:
    """Hold the weights against the digest that was registered.

    Raises:
        ModelNotFoundError: (code `model_changed`) they are others.
    """
    found = weights_sha256(checkpoint.weights)
    if found != model.sha256:
        raise ModelNotFoundError(
            f"The weights of {model.name!r} at {str(checkpoint.path)!r} have changed: their SHA-256 is {found}, "
            f"registered is {model.sha256}.",
            code="model_changed",
            action=CHANGED,
        )
