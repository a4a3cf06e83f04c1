"""The watch over the order of locks sees what is against it, in SQL as the code and Django write it."""

from __future__ import annotations

import pytest

from tests.locks import Locking, lockings

VERSION, DOCUMENT = "documents_documentversion", "documents_document"


def explicit(table: str, *, waits: bool = True, by_key: bool = True, keeps_out: bool = True) -> Locking:
    return Locking(table, is_change=False, waits=waits, by_key=by_key, keeps_out=keeps_out)


def change(table: str, *, waits: bool = True, by_key: bool = False) -> Locking:
    return Locking(table, is_change=True, waits=waits, by_key=by_key)


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        (
            'SELECT "VERSION"."id" FROM "VERSION" ORDER BY "VERSION"."id" ASC FOR NO KEY UPDATE OF "VERSION"',
            [explicit(VERSION, keeps_out=False)],
        ),
        ('SELECT "VERSION"."id" AS "pk" FROM "VERSION" ORDER BY 1 ASC FOR UPDATE', [explicit(VERSION)]),
        ('SELECT "VERSION"."id" FROM "VERSION" WHERE true FOR UPDATE', [explicit(VERSION, by_key=False)]),
        ("SELECT v.id FROM VERSION v JOIN counted ON true ORDER BY v.id FOR UPDATE OF v", [explicit(VERSION)]),
        ("SELECT id FROM VERSION LIMIT 5 FOR UPDATE SKIP LOCKED", [explicit(VERSION, waits=False)]),
        (
            'SELECT 1 FROM "VERSION" INNER JOIN "DOCUMENT" ON true LIMIT 21 FOR UPDATE OF "VERSION", "DOCUMENT"',
            [explicit(VERSION, by_key=False), explicit(DOCUMENT, by_key=False)],
        ),
        ('UPDATE "VERSION" SET "status" = %s', [change(VERSION)]),
        ("UPDATE VERSION AS held SET a = 1", [change(VERSION)]),
        ('DELETE FROM "DOCUMENT" WHERE id = ANY(%s)', [change(DOCUMENT)]),
        (
            "DELETE FROM DOCUMENT WHERE id = ANY(ARRAY(SELECT id FROM DOCUMENT WHERE id = ANY(%s) ORDER BY id FOR UPDATE))",
            [explicit(DOCUMENT), change(DOCUMENT, waits=False, by_key=True)],
        ),
        ('INSERT INTO "DOCUMENT" ("id") VALUES (%s)', []),
        ('SELECT * FROM "DOCUMENT"', []),
    ],
)  # fmt: skip
def test_what_a_statement_locks_is_read_from_it(sql: str, wanted: list[Locking]) -> None:
    assert list(lockings(sql.replace("VERSION", VERSION).replace("DOCUMENT", DOCUMENT))) == wanted
