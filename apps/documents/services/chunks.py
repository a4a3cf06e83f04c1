"""Chunks into the database, many at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db import connection

from apps.documents.models import Chunk

COLUMNS = (
    "version_id",
    "chunking_key",
    "ordinal",
    "start",
    "end",
    "text",
    "table_header",
    "content_hash",
    "token_count",
    "heading_path",
    "place",
)
"""What is given of each chunk; ids are the database's."""


def chunks_write(chunks: Iterable[Chunk]) -> None:
    """Write new chunks in one statement, in the caller's transaction; the objects don't learn their ids.

    They go as one document of JSON: COPY is not allowed on a table with row-level security.

    Raises:
        IntegrityError: one of them is there already, or has no text.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, [json.dumps([_record(chunk) for chunk in chunks])])


def _record(chunk: Chunk) -> dict[str, Any]:
    record = {name: getattr(chunk, name) for name in COLUMNS}
    return record | {"version_id": str(chunk.version_id), "content_hash": f"\\x{chunk.content_hash.hex()}"}


_WRITE = """
    INSERT INTO documents_chunk (version_id, chunking_key, ordinal, start, "end", text, table_header, content_hash, token_count,
                                 heading_path, place)
    SELECT version_id, chunking_key, ordinal, start, "end", text, table_header, content_hash, token_count, heading_path, place
    FROM json_to_recordset(%s::json) AS given (
        version_id uuid, chunking_key text, ordinal integer, start integer, "end" integer, text text, table_header text,
        content_hash bytea, token_count integer, heading_path text[], place jsonb)
"""
