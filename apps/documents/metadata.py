"""What a document's metadata may hold: what PostgreSQL's jsonb can hold, no deeper and no more than anybody needs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from ragsite.core.configuration import ContentSettings
from ragsite.core.errors import PermanentError

DEEPEST = 32
MOST_KEYS = 1_000
"""Keys of all its objects together."""


class InvalidMetadataError(PermanentError):
    """Metadata that can't be kept; seen by those who give it."""

    action = "Keep in it what documents are found by, and the rest elsewhere."


def metadata_check(value: object) -> None:
    """Raises InvalidMetadataError: the metadata can't be kept; the message says why and what is allowed."""
    if fault := metadata_fault(value):
        raise InvalidMetadataError(f"The metadata {fault}.")


def metadata_fault(value: object) -> str:
    """Why a value read from JSON can't be kept, as the end of a sentence; "" when it can be."""
    return next(_faults(value, depth=0), "") or _excess(value)


def _faults(value: object, *, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        yield f"is nested more than {DEEPEST} levels deep"
        return
    match value:
        case str():
            yield from _text_faults(value)
        case float() if not math.isfinite(value):
            yield "holds a number that is too large"
    for child in _children(value):
        yield from _faults(child, depth=depth + 1)


def _children(value: object) -> Iterator[object]:
    match value:
        case dict():
            yield from value.keys()
            yield from value.values()
        case list():
            yield from value


def _text_faults(text: str) -> Iterator[str]:
    if "\x00" in text:
        yield f"holds a NUL character in {text[:40]!r}"
    if any("\ud800" <= character <= "\udfff" for character in text):
        yield f"holds half a character in {text[:40]!r}"


def _excess(value: object) -> str:
    keys, size, most = _keys(value), _size(value), ContentSettings.current().metadata_bytes
    if keys > MOST_KEYS:
        return f"has {keys:,} keys, and {MOST_KEYS:,} are allowed"
    return f"takes {size:,} bytes, and {most:,} are allowed (RAGSITE_MAX_METADATA_KB)" if size > most else ""


def _keys(value: object) -> int:
    own = len(value) if isinstance(value, dict) else 0
    return own + sum(_keys(child) for child in _children(value))


def _size(value: object) -> int:
    """Bytes of it in UTF-8 as PostgreSQL writes it, which has no exponents: 1e300 has 301 digits."""
    match value:
        case dict():
            return 2 + sum(_size(key) + _size(child) + 4 for key, child in value.items())
        case list():
            return 2 + sum(_size(child) + 2 for child in value)
        case str():
            return 2 + len(value.encode())
        case float():
            return len(f"{Decimal(repr(value)):f}")
    return len(str(value))
