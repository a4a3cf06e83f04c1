"""A document's text by its lines, as it was parsed: for those who read on from where something was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from apps.documents.models import DocumentVersion
from apps.documents.rights.access import access_scope, documents_visible, reading_as, versions_visible
from ragsite.core.errors import NotFoundError
from ragsite.gateway.keys import Principal

CHARACTERS = 20_000
"""Of lines that are given at once. A single longer line is cut there."""

_LINES = """
    SELECT lines[%(first)s:%(last)s], cardinality(lines)
    FROM (SELECT string_to_array(text, E'\\n') AS lines FROM documents_parsedtext WHERE version_id = %(version)s) AS found
"""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a version, from `first` on, which counts from 1; `next_line` is where to go on, None at the end."""

    version: DocumentVersion
    first: int
    lines: tuple[str, ...]
    total: int
    next_line: int | None


def lines_read(principal: Principal, *, version: DocumentVersion, first: int, number: int) -> Lines:
    """Up to `number` lines of a version, as many as are not too long together.

    Raises:
        NotFoundError: it has no text, or is not for the caller.
    """
    scope = access_scope(principal, knowledge_base_ids=None)
    with reading_as(scope), connection.cursor() as cursor:
        cursor.execute(_LINES, {"version": version.pk, "first": first, "last": first + number - 1})
        row = cursor.fetchone()
    if row is None:
        raise NotFoundError(
            f"The version {version.pk} has no text.", action="See its status: it may not be parsed yet."
        )
    lines, total = _bounded(row[0]), row[1]
    after = first + len(lines)
    return Lines(version, first, lines, total, after if lines and after <= total else None)


def version_read(
    principal: Principal, *, document_id: UUID | None = None, version_id: UUID | None = None
) -> DocumentVersion:
    """The version of that id, or the one that answers for the document.

    Raises:
        NotFoundError: there is none for the caller.
    """
    versions = versions_visible(principal)
    if version_id is not None:
        found = versions.filter(pk=version_id).first()
    else:
        documents = documents_visible(principal).filter(current_version__isnull=False)
        found = versions.filter(pk__in=documents.filter(pk__in=[document_id]).values("current_version")).first()
    if found is None:
        raise NotFoundError(
            f"There is no version {version_id}." if version_id else f"There is no document {document_id} that is ready."
        )
    return found


def _bounded(lines: Sequence[str]) -> tuple[str, ...]:
    kept: list[str] = []
    left = CHARACTERS
    for line in lines:
        if kept and len(line) > left:
            break
        kept.append(line[:CHARACTERS])
        left -= len(line)
    return tuple(kept)
