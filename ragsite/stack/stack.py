"""The set of embedded servers in one folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

    Several processes may use one folder at once: what changes it holds a lock that dies with its holder.
    """

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self.directory = directory.absolute()
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

    def up(self) -> dict[str, str]:
        """Start what does not run, and return the environment variables of all embedded servers.

        They stay until `down`. Raises ConfigurationError or ServiceUnavailableError, each a sentence for the operator.
        """
        with self._changing():
            environment = self._start()
            self._unmark()
        return environment

    def down(self) -> None:
        """Stop the embedded servers; their data and addresses stay. Nothing happens when none runs."""
        with using(self.directory):
            made = self.directory.exists()
        if made:
            with self._changing():
                self._stop()

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
                with self._changing():
                    if self._temporary.exists() and try_lock(seat, shared=False):
                        self._stop()

    def _start(self) -> dict[str, str]:
        environment: dict[str, str] = {}
        for server in self.servers:
            environment |= server.start()
        return environment

    def _stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()
        self._unmark()

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
