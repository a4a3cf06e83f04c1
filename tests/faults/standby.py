"""A PostgreSQL with a second one that follows it, made with PostgreSQL's own programs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from ragsite.stack import postgres
from ragsite.stack.databases import Login
from ragsite.stack.folders import make_reachable
from ragsite.stack.ports import LOOPBACK, find_free
from ragsite.stack.postgres import PostgresServer
from tests.waiting import wait_for

TOOL_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers, of which the second has all that the first has committed."""

    first: PostgresServer
    second_port: int
    superuser: Login

    def url(self, role: str) -> str:
        """An address that names both, for a role of the application."""
        password = self.first._record.passwords[role]
        hosts = f"{LOOPBACK}:{self.first.port},{LOOPBACK}:{self.second_port}"
        return f"postgresql://{role}:{password}@{hosts}/{postgres.DATABASE}"

    def second_url(self, role: str) -> str:
        """An address of the second one alone."""
        return Login(role, self.first._record.passwords[role], self.second_port, postgres.DATABASE).url

    def first_die(self) -> None:
        """Kill the first with all its processes."""
        assert self.first.pid
        os.killpg(self.first.pid, signal.SIGKILL)

    def second_take_over(self) -> None:
        """Let the second one take writes, and wait until it does."""
        with psycopg.connect(self.superuser.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote(wait => true)")


@contextmanager
def pair(folder: Path) -> Iterator[Pair]:
    """Both servers within the block. A commit counts once the second one has it, too."""
    first = PostgresServer(folder=folder / "first", environ={})
    first.start()
    try:
        with _following(first, folder / "second") as port:
            login = Login("postgres", first._record.passwords["postgres"], port, "postgres")
            _wait_for_second(first)
            yield Pair(first, port, login)
    finally:
        first.stop()


@contextmanager
def _following(first: PostgresServer, data: Path) -> Iterator[int]:
    user = postgres._system_user()
    _let_in(first, user)
    data.mkdir(mode=0o700)
    if user:
        shutil.chown(data, user, user)
        make_reachable(data)
    environ = {**os.environ, "PGPASSWORD": first._record.passwords["postgres"]}
    how = {"env": environ, "user": user, "group": user, "extra_groups": None if user is None else []}
    copy = (str(first.programs / "pg_basebackup"), f"--pgdata={data}", "--write-recovery-conf", "--wal-method=stream")
    where = (f"--host={LOOPBACK}", f"--port={first.port}", "--username=postgres", "--checkpoint=fast")
    subprocess.run([*copy, *where], check=True, timeout=TOOL_SECONDS, cwd=data, **how)
    port = find_free()
    settings = {**postgres._SETTINGS, "port": str(port), "cluster_name": "second", **postgres._shared_memory()}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    process = subprocess.Popen([str(first.program), "-D", str(data), *options], cwd=data, **how)
    try:
        yield port
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(30)


def _let_in(first: PostgresServer, user: str | None) -> None:
    """Who follows logs in for replication, which the rules of the embedded server name for nobody."""
    rules = first.data / "pg_hba.conf"
    rules.write_text(f"{rules.read_text()}host replication postgres {LOOPBACK}/32 scram-sha-256\n")
    if user:
        shutil.chown(rules, user, user)
    with psycopg.connect(first._superuser().url, autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")


def _wait_for_second(first: PostgresServer) -> None:
    """From now on nothing counts as committed before the second one has it."""
    with psycopg.connect(first._superuser().url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
        follows = "SELECT sync_state FROM pg_stat_replication"
        wait_for(lambda: connection.execute(follows).fetchone() == ("sync",), seconds=60, what="the second one follows")
