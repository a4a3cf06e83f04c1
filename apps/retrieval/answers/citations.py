"""Citations are checked before they are given: the quote must stand in the stored text of its version, at its span."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.db.models import F, Func, IntegerField, TextField, Value

from apps.documents.models import ParsedText
from apps.retrieval.answers.types import Draft, Quotation, Statement


def citations_verify(draft: Draft) -> Draft:
    """The draft without quotations that do not stand where they say, and without statements that are left with none."""
    checked = (replace(one, quotations=tuple(filter(quotation_stands, one.quotations))) for one in draft.statements)
    return replace(draft, statements=tuple(statement for statement in checked if _founded(statement)))


def quotation_stands(quotation: Quotation) -> bool:
    """Whether `text[start:end]` of the quotation's version is the quote, read from the database."""
    return span_text(quotation.passage.version_id, quotation.start, quotation.end) == quotation.quote


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


def _founded(statement: Statement) -> bool:
    return bool(statement.quotations)
