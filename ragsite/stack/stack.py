"""The set of embedded servers in one folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from ragsite.stack.broker import BrokerServer
from ragsite.stack.folders import locked, make_private, open_lock, try_lock, using, write_private
from ragsite.stack.postgres import PostgresServer
from ragsite.stack.redis import RedisServer
from ragsite.stack.server import Server
from ragsite.stack.stopping import stopping_begins

SERVERS: tuple[type[Server], ...] = (PostgresServer, RedisServer, BrokerServer)

# Longer than the slowest start, so that the second of two starts waits for the first.
_LOCK_SECONDS = 600.0


class ServerState(StrEnum):
    """Where a server stands."""

    RUNNING = "running"
    STOPPED = "stopped"
    REPLACED = "replaced by URL"


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One line of `status`. `address` is `host:port` without any password; None before the first start."""

    name: str
    state: ServerState
    address: str | None
    pid: int | None


class Stack:
    """The servers below `directory`, except those whose URL is in `environ`.

    Several processes may use one folder at once: what changes it holds a lock that dies with its holder. `say` is told what
    is waited for while servers stop.
    """

    def __init__(
        self, directory: Path, environ: Mapping[str, str], *, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.directory = directory.absolute()
        self._say = say
        self._all = [kind(folder=self.directory / kind.name, environ=environ) for kind in SERVERS]
        self._given = {kind.variable: environ[kind.variable] for kind in SERVERS if environ.get(kind.variable)}
        # There while the servers were started for a session only, and so end with the last one.
        self._temporary = self.directory / "temporary"

    @property
    def servers(self) -> list[Server]:
        """The embedded servers that no URL replaces, in the order in which they start."""
        return [server for server in self._all if server.variable not in self._given]

    @property
    def postgres(self) -> PostgresServer:
        """The PostgreSQL server, where databases are made."""
        return next(server for server in self._all if isinstance(server, PostgresServer))

    def server(self, name: str) -> Server:
        """The server called `name`: postgresql, redis or broker. Raises KeyError for another name."""
        return {server.name: server for server in self._all}[name]

    def environment(self) -> dict[str, str]:
        """The environment variables of those that were ever started, whether or not they run."""
        found = [server.environment() for server in self.servers if server.has_address]
        return {name: value for variables in found for name, value in variables.items()}

    def up(self) -> dict[str, str]:
        """Start what does not run, and return the environment variables of all embedded servers.

        They stay until `down`; those that it started stop again if it is interrupted. Raises ConfigurationError or
        ServiceUnavailableError, each a sentence for the operator.
        """
        with self._changing():
            started = [server for server in self.servers if not server.is_running()]
            try:
                environment = self._start()
            except KeyboardInterrupt:
                stopping_begins()
                self._stop(started)
                raise
            self._unmark()
        return environment

    def start_again(self, server: Server) -> None:
        """Start one of the servers that ended, at the address it had. Raises as `Server.start_again`."""
        with self._changing():
            server.start_again()

    def down(self) -> None:
        """Stop the embedded servers; their data and addresses stay. Nothing happens when none runs."""
        with using(self.directory):
            made = self.directory.exists()
        if made:
            with self._changing():
                self._stop(self.servers)
                self._unmark()

    def status(self) -> list[ServerStatus]:
        """Where each server stands now; changes nothing."""
        return [self._status(server) for server in self._all]

    @contextmanager
    def session(self) -> Iterator[dict[str, str]]:
        """The environment variables of the embedded servers, for as long as the block runs.

        Servers that ran before still run afterwards. Those started here stop with the last session that uses them.
        """
        make_private(self.directory)
        with open_lock(self.directory / "sessions.lock") as seat:
            with self._changing():
                try_lock(seat, shared=True)
                if not any(server.is_running() for server in self.servers):
                    write_private(self._temporary, "")
            try:
                with self._changing():
                    environment = self._start()
                yield environment
            finally:
                stopping_begins()
                with self._changing():
                    if self._temporary.exists() and try_lock(seat, shared=False):
                        self._stop(self.servers)
                        self._unmark()
                    else:
                        self._say("the servers stay: they ran before, or another command uses them")

    def _start(self) -> dict[str, str]:
        environment: dict[str, str] = {}
        for server in self.servers:
            environment |= server.start()
        return environment

    def _stop(self, servers: Sequence[Server]) -> None:
        for server in reversed(servers):
            if server.is_running():
                self._say(f"stopping {server.name}")
            server.stop()

    def _unmark(self) -> None:
        with using(self.directory):
            self._temporary.unlink(missing_ok=True)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        make_private(self.directory)
        with locked(self.directory / "lock", seconds=_LOCK_SECONDS):
            yield

    def _status(self, server: Server) -> ServerStatus:
        given = self._given.get(server.variable)
        if given:
            return ServerStatus(name=server.name, state=ServerState.REPLACED, address=_address(given), pid=None)
        pid = server.pid
        state = ServerState.RUNNING if pid else ServerState.STOPPED
        address = server.address if server.has_address else None
        return ServerStatus(name=server.name, state=state, address=address, pid=pid)


def _address(url: str) -> str:
    """`host:port` of a URL, or the list of brokers as it is."""
    return urlsplit(url).netloc.rpartition("@")[2] if "://" in url else url
