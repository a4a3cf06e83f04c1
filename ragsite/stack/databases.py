"""The roles of the embedded PostgreSQL and its databases, in SQL.

`ragsite_owner` owns each database and runs its migrations; `ragsite_app` is what the application logs in as, and owns
nothing. `ragsite_reader` is what it becomes while it reads for a request: row-level security binds that role. Extension
and rights are put in `template1`, from which every later database is copied, also one that a test runner makes as the owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import psycopg
from psycopg import sql

from ragsite.stack.ports import LOOPBACK

OWNER = "ragsite_owner"
APPLICATION = "ragsite_app"

# Attributes are written out in full, so that a role changed by hand is brought back at the next start.
ROLES = {
    OWNER: "LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    APPLICATION: "LOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS",
}

READER = "ragsite_reader"
READER_ATTRIBUTES = "NOLOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS"

_CONNECT_SECONDS = 5
_TEMPLATE = f"""
    CREATE EXTENSION IF NOT EXISTS vector;
    GRANT USAGE ON SCHEMA public TO {APPLICATION};
    GRANT USAGE, CREATE ON SCHEMA public TO {OWNER};
    ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APPLICATION};
    ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT USAGE, SELECT ON SEQUENCES TO {APPLICATION};
"""


@dataclass(frozen=True, slots=True)
class Login:
    """One role's way into one database of the embedded server."""

    role: str
    password: str
    port: int
    database: str

    @property
    def url(self) -> str:
        """`postgresql://role:password@127.0.0.1:port/database`."""
        return f"postgresql://{self.role}:{self.password}@{LOOPBACK}:{self.port}/{quote(self.database, safe='')}"


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """A database's URLs: the application's, and the owner's (migrations)."""

    application: str
    owner: str


def ask(login: Login) -> None:
    """Run the smallest query. Raises OperationalError when the server does not take it."""
    with _connect(login) as connection:
        connection.execute("SELECT 1")


def set_up_roles(login: Login, *, passwords: dict[str, str]) -> None:
    """Make the roles, or give those that exist their attributes and passwords again."""
    with _connect(login) as connection:
        for role, attributes in ROLES.items():
            _set_up_role(connection, role, sql.SQL(f"{attributes} PASSWORD {{}}").format(sql.Literal(passwords[role])))
        _set_up_role(connection, READER, sql.SQL(READER_ATTRIBUTES))
        connection.execute(f"GRANT {READER} TO {APPLICATION} WITH INHERIT FALSE, SET TRUE")


def _set_up_role(connection: psycopg.Connection, role: str, attributes: sql.Composable) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    verb = sql.SQL("ALTER" if found else "CREATE")
    connection.execute(sql.SQL("{} ROLE {} {}").format(verb, sql.Identifier(role), attributes))


def set_up_template(login: Login) -> None:
    """Put pgvector and the roles' rights into the database of `login`, which later ones are copied from."""
    with _connect(login) as connection:
        connection.execute(_TEMPLATE)


def create_if_missing(login: Login, *, name: str) -> None:
    """Make the database `name` for the owner role unless it exists."""
    with _connect(login) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if not found:
            made = sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
            connection.execute(made)


def _connect(login: Login) -> psycopg.Connection:
    return psycopg.connect(login.url, autocommit=True, connect_timeout=_CONNECT_SECONDS)
