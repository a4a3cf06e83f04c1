"""What the audit log publishes to the outside. Fields only; order holds per chain."""

from __future__ import annotations

from uuid import UUID

from ragsite.core.events import Event, event

CHAIN_OF_ALL = UUID(int=0)
"""The id of the installation's own chain. A tenant's is the tenant's."""


@event("audit.sealed", key="chain_id", is_act=False)
class AuditSealed(Event):
    """The audit log of a tenant, or of the installation, grew by a seal: who keeps its hash can tell if its end is cut off."""

    tenant_id: UUID | None = None  # type: ignore[assignment]  # the installation has a chain, too
    chain_id: UUID
    """The tenant, or zeros for the installation's own."""
    number: int
    """Seals count from 1."""
    count: int
    """Entries of the seal."""
    hash: str
    """HMAC-SHA256 over the hash before and the entries, in hexadecimal."""
