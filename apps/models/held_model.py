"""What a worker process says of a model that it holds in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class HeldModel:
    """A loaded model. `bytes` are its weights and what it takes while it computes; `uses` counts the calls since then."""

    version_id: UUID
    device: str
    bytes: int
    loaded_at: datetime
    last_used_at: datetime
    uses: int
    pinned: bool
