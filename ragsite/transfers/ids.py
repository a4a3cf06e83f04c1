"""Ids of what is imported: those that it had, where they are free; else others that follow from them, the same each time.

They keep the time of the old ones, which comes first in an id: lists are in the order of ids.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Any
from uuid import UUID

LENGTH = 36
_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_id(value: object) -> bool:
    """Whether it is an id as exports write it."""
    return isinstance(value, str) and _FORM.fullmatch(value) is not None


def derived(old: str, *, tenant_id: UUID) -> str:
    """The id that a row with this one gets in a tenant where it can't keep it."""
    before = UUID(old).bytes
    digest = bytearray(hashlib.sha256(tenant_id.bytes + before).digest()[:8])
    digest[0] = digest[0] & 0x3F | 0x80  # the variant of RFC 9562
    return str(UUID(bytes=before[:8] + bytes(digest)))


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of an import into a tenant. `known` are all that the export gives to rows."""

    tenant_id: UUID
    kept: bool
    known: Set[str]

    def of(self, old: str) -> str:
        """What a row that had this id has here."""
        return old if self.kept else derived(old, tenant_id=self.tenant_id)

    def within(self, value: Any) -> Any:
        """A JSON value whose ids of rows are those of here."""
        if self.kept:
            return value
        if isinstance(value, str):
            return self.of(value) if len(value) == LENGTH and value in self.known else value
        if isinstance(value, list):
            return [self.within(one) for one in value]
        if isinstance(value, dict):
            return {name: self.within(one) for name, one in value.items()}
        return value
