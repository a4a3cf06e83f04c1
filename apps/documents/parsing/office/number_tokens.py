"""The pieces of a number format."""

from __future__ import annotations

from typing import NamedTuple


class Token(NamedTuple):
    """A piece of a format: its kind (text, date, elapsed, half, digits, exponent, sign, general) and what it says."""

    kind: str
    text: str
