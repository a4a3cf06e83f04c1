"""Chunks into the database, many at once."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from psycopg.types.json import Jsonb

from apps.documents.models import Chunk

COLUMNS: dict[str, str] = {
    "version_id": "uuid",
    "chunking_key": "varchar",
    "ordinal": "int4",
    "start": "int4",
    "end": "int4",
    "text": "text",
    "table_header": "text",
    "content_hash": "bytea",
    "token_count": "int4",
    "heading_path": "text[]",
    "place": "jsonb",
}
"""What COPY is given of each chunk, and as which type; ids are the database's."""


def chunks_write(chunks: Iterable[Chunk]) -> None:
    """Write new chunks by binary COPY, in the caller's transaction; the objects don't learn their ids.

    Raises:
        IntegrityError: one of them is there already, or has no text.
    """
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    statement = f"COPY {Chunk._meta.db_table} ({names}) FROM STDIN (FORMAT BINARY)"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(list(COLUMNS.values()))
        for chunk in chunks:
            copy.write_row(_row(chunk))


def _row(chunk: Chunk) -> list[object]:
    values = [getattr(chunk, name) for name in COLUMNS]
    if chunk.place is not None:
        values[-1] = Jsonb(chunk.place)
    return values
