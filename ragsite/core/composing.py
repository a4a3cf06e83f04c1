"""Unicode's two spellings of one text: "ü" as one character (NFC, as Linux and Windows write it) or as two (NFD, as macOS does).

What is kept is composed, and what is asked for is looked for in both, for what was kept before.
"""

from __future__ import annotations

import unicodedata
from typing import Any


def composed(text: str) -> str:
    """The text in NFC."""
    return unicodedata.normalize("NFC", text)


def composed_json(value: Any) -> Any:
    """A value read from JSON with all its texts, keys too, in NFC."""
    match value:
        case str():
            return composed(value)
        case list():
            return [composed_json(one) for one in value]
        case dict():
            return {composed(key): composed_json(one) for key, one in value.items()}
    return value


def spellings(text: str) -> list[str]:
    """The text as it may be written: in NFC, in NFD, and as it is given; each once."""
    return list(dict.fromkeys([composed(text), unicodedata.normalize("NFD", text), text]))
