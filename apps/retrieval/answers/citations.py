"""Citations are checked before they are given: the quote must stand in the stored text of its version, at its span."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.db.models import F, Func, IntegerField, TextField, Value

from apps.documents.models import ParsedText
from apps.retrieval.answers.types import Claim, Draft, Source


def citations_verify(draft: Draft) -> Draft:
    """The draft without sources that do not stand where they say, and without claims that are left with none."""
    claims = (replace(claim, sources=tuple(filter(source_stands, claim.sources))) for claim in draft.claims)
    return replace(draft, claims=tuple(claim for claim in claims if _founded(claim)))


def source_stands(source: Source) -> bool:
    """Whether `text[start:end]` of the source's version is the quote, read from the database."""
    return span_text(source.passage.version_id, source.start, source.end) == source.quote


def span_text(version_id: UUID, start: int, end: int) -> str | None:
    """Characters `start` to `end` of a version's parsed text; None when there is no such version."""
    piece = Func(
        F("text"),
        Value(start + 1, output_field=IntegerField()),
        Value(end - start, output_field=IntegerField()),
        function="substr",
        output_field=TextField(),
    )
    return ParsedText.objects.filter(version_id=version_id).values_list(piece, flat=True).first()


def _founded(claim: Claim) -> bool:
    return bool(claim.sources)
