"""What a tool tells: for those who read and for those who compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Told:
    """The same as text and as JSON."""

    text: str
    structured: dict[str, Any]
    is_error: bool = False
