"""Identifiers that people and events see."""

from __future__ import annotations

import uuid

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): sortable by the time it was made, so an index on it grows at one end."""
    return uuid7()
