"""Row-level security, the second wall around what a request may read.

Reading happens as the role READER, which owns nothing, logs in nowhere and sees only the rows that a table's policy lets it
see. The application's role becomes the reader for the length of one transaction. The owner is not bound: it migrates
and makes backups, and no request runs as it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db.migrations import RunPython

from ragsite.core.errors import ConfigurationError

READER = "ragsite_reader"
READER_ATTRIBUTES = "NOLOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS"


class Step(RunPython):
    """A step of a migration that asks for no models.

    Before any other step in Python Django makes the classes of all models again, as they were then, which takes longer than
    most migrations do.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        no_models: Any = None
        self.code(no_models, schema_editor)


def reader_ensured(*, known_by: str) -> Step:
    """A migration's step: the reader exists, and every role with rights on the table `known_by` may become it.

    Raises:
        ConfigurationError: the migrating role may not see to that; the message has the statements for an administrator.
    """

    def forward(_: Any, schema_editor: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            missing = _missing(cursor, _clients(cursor, known_by))
            if missing and not _may_make_roles(cursor):
                raise ConfigurationError(
                    f"The role {READER} is missing, or may not be taken on by the application.",
                    action="As an administrator of the server run: "
                    + " ".join(f"{statement};" for statement in missing),
                )
            for statement in missing:
                cursor.execute(statement)
            cursor.execute(f"GRANT USAGE ON SCHEMA public TO {READER}")

    return Step(forward, RunPython.noop)


def protected(table: str, *, visible: str) -> Step:
    """A migration's step: the reader may read rows of the table where `visible` holds; who had rights before keeps them.

    `visible` is SQL over the table's columns. Other tables that it reads are read as the reader, under their own policies.
    """

    def forward(_: Any, schema_editor: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            clients = ", ".join(_clients(cursor, table))
            cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            if clients:
                cursor.execute(f"CREATE POLICY application ON {table} TO {clients} USING (true) WITH CHECK (true)")
            cursor.execute(f"CREATE POLICY reading ON {table} FOR SELECT TO {READER} USING ({visible})")
            cursor.execute(f"GRANT SELECT ON {table} TO {READER}")

    def backward(_: Any, schema_editor: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(f"REVOKE ALL ON {table} FROM {READER}")
            cursor.execute(f"DROP POLICY reading ON {table}")
            cursor.execute(f"DROP POLICY IF EXISTS application ON {table}")
            cursor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    return Step(forward, backward)


def for_reader(functions: Sequence[str]) -> Step:
    """A migration's step: the reader may call the functions, given with argument types, and not everybody."""

    def forward(_: Any, schema_editor: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            for function in functions:
                cursor.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
                cursor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {READER}")

    return Step(forward, RunPython.noop)


def closed_to_public(functions: Sequence[str], *, clients_of: str) -> Step:
    """A migration's step: only who has rights on the table `clients_of` may call the functions, given with argument types."""

    def forward(_: Any, schema_editor: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            clients = ", ".join(_clients(cursor, clients_of))
            for function in functions:
                cursor.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
                if clients:
                    cursor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {clients}")

    def backward(_: Any, schema_editor: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            for function in functions:
                cursor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO PUBLIC")

    return Step(forward, backward)


def append_only_function() -> Step:
    """A migration's step: the function behind the triggers of `append_only`.

    It lets rows be removed, and words of entries be erased, by functions of the owner's alone, which say so meanwhile.
    """
    return Step(partial(_run, statement=_REFUSE), partial(_run, statement="DROP FUNCTION core_audit_refuse()"))


def append_only(table: str) -> Step:
    """A migration's step: who has rights on the table may read it and add to it, and nobody may change it, not even its owner
    by accident. An owner who means it takes the trigger away: no database keeps its owner from that.
    """

    def forward(_: Any, schema_editor: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            for client in _clients(cursor, table):
                cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {client}")
            cursor.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION core_audit_refuse()"
            )
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")

    return Step(forward, partial(_run, statement=f"DROP TRIGGER {table}_append_only ON {table}"))


def _run(_: Any, schema_editor: Any, *, statement: str) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(statement)


def _clients(cursor: Any, table: str) -> list[str]:
    """The roles, quoted, that have rights on the table but neither own it nor are the reader: the application's, as a rule."""
    cursor.execute(_CLIENTS, [table, READER])
    return [name for (name,) in cursor.fetchall()]


def _missing(cursor: Any, clients: Sequence[str]) -> list[str]:
    """The statements that are still to be run. Where nobody else has rights, the owner itself is the application."""
    cursor.execute("SELECT quote_ident(current_user)")
    wanting = list(clients) or [cursor.fetchone()[0]]
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [READER])
    make = [] if cursor.fetchone() else [f"CREATE ROLE {READER} {READER_ATTRIBUTES}"]
    able = [] if make else _able_to_become_reader(cursor)
    return make + [f"GRANT {READER} TO {name} WITH INHERIT FALSE, SET TRUE" for name in wanting if name not in able]


def _able_to_become_reader(cursor: Any) -> list[str]:
    cursor.execute("SELECT quote_ident(rolname) FROM pg_roles WHERE pg_has_role(oid, %s, 'SET')", [READER])
    return [name for (name,) in cursor.fetchall()]


def _may_make_roles(cursor: Any) -> bool:
    cursor.execute("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    return bool(cursor.fetchone()[0])


_REFUSE = """
    CREATE FUNCTION core_audit_refuse() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND current_setting('ragsite.audit_pruning', true) = 'on'
           AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
            RETURN NULL;
        END IF;
        IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'core_auditentry'
           AND current_setting('ragsite.audit_erasing', true) = 'on'
           AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION 'the audit log is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END $$
"""
_CLIENTS = """
    SELECT DISTINCT quote_ident(r.rolname)
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.oid = %s::regclass AND a.grantee <> c.relowner AND r.rolname <> %s
    ORDER BY 1
"""
