"""What the three servers have in common: one life cycle, one folder, one remembered address."""

from __future__ import annotations

import dataclasses
import hashlib
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import psutil

from ragsite.core.errors import ConfigurationError, ServiceUnavailableError
from ragsite.stack import ports, processes
from ragsite.stack.folders import make_private
from ragsite.stack.processes import Launch, StopSignals
from ragsite.stack.records import ServerRecord, read_record, with_passwords, write_record
from ragsite.stack.stopping import held

_STARTS = 3
_POLL_SECONDS = 0.05
_PORT_SECONDS = 5.0


class Server(ABC):
    """One embedded server. `up` and `down` of the stack call it under the stack's lock.

    A subclass says how its program is started and asked; the process, its port and its record are kept here.
    """

    name: ClassVar[str]
    variable: ClassVar[str]
    port_setting: ClassVar[str]
    password_names: ClassVar[tuple[str, ...]] = ()
    start_seconds: ClassVar[float] = 60.0
    stop_signals: ClassVar[StopSignals] = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 10.0))

    def __init__(self, *, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "server.log"
        self.given_up = threading.Event()
        self._environ = environ
        self._record_file = self.folder / "state.json"
        self._marker = f"ragsite-{self.name}-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The environment variables with which others find the server."""

    @property
    @abstractmethod
    def program(self) -> Path:
        """The server's program. Raises ConfigurationError when it is not installed."""

    @abstractmethod
    def _prepare(self) -> None:
        """Write what the program needs before it starts; called each time, also after a crash."""

    @abstractmethod
    def _launch(self) -> Launch:
        """How the program is started, on the port that was chosen."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server does real work for a client now."""

    @property
    def pid(self) -> int | None:
        """The process id of the running server, None when it does not run."""
        process = self._process()
        return process.pid if process else None

    @property
    def has_address(self) -> bool:
        """Whether it was ever started, and so has an address even while it is stopped."""
        return self._record.port is not None

    @property
    def port(self) -> int:
        """The loopback port, known from the first start on."""
        port = self._record.port
        if port is None:
            raise ServiceUnavailableError(f"The {self.name} server was never started.", action="Start the stack first.")
        return port

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{ports.LOOPBACK}:{self.port}"

    def is_running(self) -> bool:
        """Whether its process lives; it may still be starting, or hang."""
        return self._process() is not None

    def start(self, *, elsewhere: bool = True) -> dict[str, str]:
        """Start the server unless it runs, wait until it answers, and return `environment()`. If another program has its port, it
        goes `elsewhere` or, where it may not, does not start.

        Raises ConfigurationError for a setting, folder or program at fault, ServiceUnavailableError when the program
        ends or does not answer in time.
        """
        if not (self.is_running() and self._comes_to_answer()):
            self._start_program(self._choose_port if elsewhere else self._keep_port)
        return self.environment()

    def start_again(self) -> None:
        """Start the server that ended, at the address its clients have; its clients are not told of another one.

        Raises ConfigurationError when another program took the port meanwhile, and what `start` raises.
        """
        self.start(elsewhere=False)

    def _port_comes_free(self) -> bool:
        """A killed process lets go of its sockets with its last thread, a moment after it counts as ended."""
        deadline = time.monotonic() + _PORT_SECONDS
        while not ports.is_free(self.port):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def how_it_ended(self) -> str:
        """How its last process ended, as far as that is known."""
        return processes.how_it_ended(self._record.pid, self.log)

    def stop(self) -> None:
        """Stop the server and whatever a crash left of it; nothing happens when it does not run."""
        process = self._process()
        if process:
            processes.end(process, self.stop_signals)
        self._end_strays()
        if self._record.pid is not None:
            self._remember(port=self.port, pid=None)

    def _start_program(self, port: Callable[[], int]) -> None:
        make_private(self.folder)
        self._end_strays()
        write_record(self._record_file, with_passwords(self._record, *self.password_names))
        for _ in range(_STARTS):
            self._remember(port=port(), pid=None)
            self._prepare()
            with held():
                self._remember(port=self.port, pid=processes.launch(self._launch()))
            if self._comes_to_answer():
                return
            # Another program may have taken the port between the choice and the start; nothing else is worth a repeat.
            if ports.is_free(self.port):
                break
        raise self._start_error("ended while starting")

    def _comes_to_answer(self) -> bool:
        """Wait for the first answer; False when the program ends instead."""
        deadline = time.monotonic() + self.start_seconds
        while not self._answers():
            if not self.is_running():
                return False
            if self.given_up.is_set():
                raise self._start_error("was still starting when it was given up")
            if time.monotonic() > deadline:
                raise self._start_error(f"runs but has not answered for {self.start_seconds:.0f} s")
            time.sleep(_POLL_SECONDS)
        return True

    def _start_error(self, what: str) -> ServiceUnavailableError:
        return ServiceUnavailableError(
            f"The {self.name} server {what}; the last words of its log: {processes.last_words(self.log)!r}.",
            action=f"See {self.log}.",
        )

    def _choose_port(self) -> int:
        asked = ports.asked_port(self.port_setting, self._environ.get(self.port_setting, ""))
        if asked is not None:
            return ports.require_free(self.port_setting, asked)
        remembered = self._record.port
        return remembered if remembered is not None and ports.is_free(remembered) else ports.find_free()

    def _keep_port(self) -> int:
        if not self._port_comes_free():
            raise ConfigurationError(
                f"Another program listens on {self.address}, the address of {self.name}.", action="End that program."
            )
        return self.port

    def _process(self) -> psutil.Process | None:
        return processes.marked(self._record.pid, name=self.program.name, marker=self._marker)

    def _end_strays(self) -> None:
        for process in processes.all_marked(name=self.program.name, marker=self._marker):
            processes.end(process)

    @property
    def _record(self) -> ServerRecord:
        return read_record(self._record_file)

    def _remember(self, *, port: int, pid: int | None) -> None:
        write_record(self._record_file, dataclasses.replace(self._record, port=port, pid=pid))
