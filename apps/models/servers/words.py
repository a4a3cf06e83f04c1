"""What servers write, as a database can keep it and a page can show it."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text without what PostgreSQL and UTF-8 have no place for: NUL, and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
