"""Identifiers that people and events see."""

from __future__ import annotations

import uuid
from datetime import datetime

from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): sortable by the time it was made, so an index on it grows at one end."""
    return uuid7()


def first_id_since(moment: datetime) -> uuid.UUID:
    """The least id that `new_id` makes from that moment on: rows made since are those from it upwards, by their primary key."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
