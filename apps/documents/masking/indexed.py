"""Cutting a text by what it says, and showing of each piece what may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from apps.documents.chunking.types import ChunkSpan
from apps.documents.masking.texts import Said, header_shown, raw_of
from apps.documents.models import DocumentVersion
from apps.documents.parsing.types import Place


@dataclass(frozen=True, slots=True)
class ShownSpan:
    """A span as it is shown, and what is `indexed` of it."""

    span: ChunkSpan
    text: str
    indexed: str


@dataclass(frozen=True, slots=True)
class IndexedText:
    """A version's text as it is indexed, `raw`, and what is shown in its place; the two are one where nothing is masked.

    `headings` has for each heading, and each label of a place, what is shown of it.
    """

    raw: Said
    text: str
    headings: Mapping[str, str]

    @classmethod
    def of(cls, version: DocumentVersion) -> IndexedText:
        """Of a version with its `parsed` and `original`."""
        original = getattr(version, "original", None)
        raw, headings = raw_of(version.parsed, original), dict[str, str]()
        if original is not None:
            for own, shown in zip(raw.sections, version.parsed.sections, strict=True):
                headings |= zip(own["heading_path"], shown["heading_path"], strict=True)
                if own["place"] and own["place"]["label"]:
                    headings[own["place"]["label"]] = shown["place"]["label"]
        return cls(raw, version.parsed.text, headings)

    def shown(self, span: ChunkSpan) -> ShownSpan:
        """The span with the words that are shown."""
        indexed = self.raw.text[span.start : span.end]
        if self.raw.text == self.text and not self.headings:
            return ShownSpan(span, indexed, indexed)
        shown = replace(
            span,
            heading_path=tuple(self.headings.get(one, one) for one in span.heading_path),
            place=self._place(span.place),
            table_header=header_shown(span.table_header, raw=self.raw.text, shown=self.text),
        )
        return ShownSpan(shown, self.text[span.start : span.end], indexed)

    def _place(self, place: Place | None) -> Place | None:
        return replace(place, label=self.headings.get(place.label, place.label)) if place else None
