"""Whether quotes are where they say, by the texts as they are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True)
class Cited:
    """A quote, and characters of a version's text."""

    version: UUID
    start: int
    end: int
    quote: str


@lru_cache(maxsize=4096)
def text_stored(version: UUID) -> str:
    """The whole text, read by a statement of its own and not by the product's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM documents_parsedtext WHERE version_id = %s", [version])
        return str(cursor.fetchone()[0])


@dataclass(slots=True)
class Spans:
    """Counts citations and those whose quote is the text at its span."""

    text: Callable[[UUID], str] = text_stored
    cited: int = field(default=0)
    exact: int = field(default=0)

    def add(self, citations: Iterable[Cited]) -> None:
        for one in citations:
            self.cited += 1
            self.exact += self.text(one.version)[one.start : one.end] == one.quote

    def figures(self) -> dict[str, float]:
        """None where nothing was cited."""
        return {"citation_span_exact": self.exact / self.cited, "citations": self.cited} if self.cited else {}
