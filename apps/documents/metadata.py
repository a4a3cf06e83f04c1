"""What a document's metadata may hold: what PostgreSQL's jsonb can hold, and no deeper than anybody needs. Pure."""

from __future__ import annotations

import math

DEEPEST = 32


def metadata_fault(value: object, *, depth: int = 0) -> str:
    """Why a value read from JSON can't be kept, as the end of a sentence; "" when it can be."""
    if depth > DEEPEST:
        return f"is nested more than {DEEPEST} levels deep"
    children: list[object] = []
    match value:
        case str():
            return _text_fault(value)
        case float() if not math.isfinite(value):
            return "holds a number that is too large"
        case dict():
            children = [*value.keys(), *value.values()]
        case list():
            children = value
    return next(filter(None, (metadata_fault(child, depth=depth + 1) for child in children)), "")


def _text_fault(text: str) -> str:
    if "\x00" in text:
        return f"holds a NUL character in {text[:40]!r}"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return f"holds half a character in {text[:40]!r}"
    return ""
