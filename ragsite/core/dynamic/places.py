"""Where a setting can be set while the system runs: for the installation, a tenant, or a knowledge base of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self
from uuid import UUID


class Level(StrEnum):
    """From the widest to the narrowest; what is set at a narrower one comes first."""

    INSTALLATION = "installation"
    TENANT = "tenant"
    KNOWLEDGE_BASE = "knowledge_base"


class OfTenant(Protocol):
    """A row that is a tenant's, such as a knowledge base."""

    pk: UUID
    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class Place:
    """The installation if nothing is named, or a tenant, or a knowledge base, which is named with its tenant."""

    tenant_id: UUID | None = None
    knowledge_base_id: UUID | None = None

    def __post_init__(self) -> None:
        if self.knowledge_base_id is not None and self.tenant_id is None:
            raise ValueError("a knowledge base is named with its tenant")

    @classmethod
    def of_base(cls, base: OfTenant) -> Self:
        return cls(base.tenant_id, base.pk)

    @property
    def level(self) -> Level:
        if self.knowledge_base_id is not None:
            return Level.KNOWLEDGE_BASE
        return Level.INSTALLATION if self.tenant_id is None else Level.TENANT

    @property
    def id(self) -> UUID:
        """Of what it is; zeros for the installation."""
        return self.knowledge_base_id or self.tenant_id or UUID(int=0)

    @property
    def above(self) -> Place | None:
        """The next wider one; None above the installation."""
        if self.knowledge_base_id is not None:
            return Place(self.tenant_id)
        return None if self.tenant_id is None else INSTALLATION


INSTALLATION = Place()
