"""What happens to models, published to the outside. Fields only; order holds per model. No tenant has them: all use them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from ragsite.core.events import InstallationEvent, event


@dataclass(frozen=True, slots=True, kw_only=True)
class _VersionEvent(InstallationEvent):
    model_id: UUID
    version_id: UUID
    model: str
    """Its name."""
    kind: str
    revision: str


@event("model.registered", key="model_id")
class ModelRegistered(_VersionEvent):
    """A version of a model became known; `status` says whether its files are there."""

    status: str
    source: str


@event("model.updated", key="model_id")
class ModelUpdated(_VersionEvent):
    """A version was downloaded, activated, retired, found damaged or found elsewhere, or its model became the default."""

    status: str
    changed: tuple[str, ...]
    """`status`, `path`, `urls`, `fallback`, or `default`."""
    error: str
    """Why it failed; empty where it did not."""


@event("model.removed", key="model_id")
class ModelRemoved(_VersionEvent):
    """A version is no longer known; its files are removed if they were downloaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldEvent(_VersionEvent):
    worker: str
    device: str
    bytes: int
    """Weights, and what it takes while it computes."""


@event("model.loaded", key="model_id")
class ModelLoaded(_HeldEvent):
    """A worker process holds a version in its memory."""


@event("model.unloaded", key="model_id")
class ModelUnloaded(_HeldEvent):
    """A worker process holds a version no longer: it made room for another, was told to, or ended."""
