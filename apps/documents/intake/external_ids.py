"""External ids made of names, such as paths and addresses, that may be longer than an external id."""

from __future__ import annotations

import hashlib

from ragsite.core.composing import composed

LONGEST = 200
DIGEST = 64


def external_id_of(name: str) -> str:
    """The name itself, in NFC; a long one is cut, and its SHA-256 keeps it apart from others that begin alike."""
    name = composed(name)
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - DIGEST - 1]}~{hashlib.sha256(name.encode()).hexdigest()}"
