"""A web server of the tests' own, and clients that behave badly."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from ragsite.stack import ports
from tests.waiting import wait_for

PROJECT = Path(__file__).resolve().parents[3]
STUB = "tests.ragsite.gateway.web_stub"
# Answers larger than the buffers between two sockets.
LARGE = 8 * 1024 * 1024
PART, PARTS = b"." * 64 * 1024, 500


@dataclass(frozen=True, slots=True)
class Server:
    """A web process that serves the doors of `web_stub`."""

    url: str

    def get(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30, **more)

    def state(self) -> dict[str, int]:
        found: dict[str, int] = self.get("/health/state").json()
        return found

    def connect(self, sent: bytes = b"", *, receive_bytes: int = 0) -> socket.socket:
        """A connection on which this was sent. `receive_bytes` is the room for what comes and is not read."""
        client = socket.socket()
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.settimeout(30)
        parts = urlsplit(self.url)
        client.connect((parts.hostname, parts.port))
        client.sendall(sent)
        return client

    @contextmanager
    def open(self, path: str, *, clients: int) -> Iterator[list[socket.socket]]:
        """That many clients that ask for it and read nothing."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.connect(get(path), receive_bytes=4096)) for _ in range(clients)]


def get(path: str, *, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def read_all(client: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    parts = []
    with suppress(ConnectionResetError):
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


@contextmanager
def serving(**environ: str) -> Iterator[Server]:
    """The real server, in a process of its own."""
    port = ports.find_free()
    command = [sys.executable, "-m", "uvicorn", f"{STUB}:application", "--http", f"{STUB}:Protocol"]
    command += ["--port", str(port), "--lifespan", "off", "--no-access-log"]
    process = subprocess.Popen(command, env={**os.environ, **environ}, cwd=PROJECT)
    server = Server(f"http://127.0.0.1:{port}")
    try:
        wait_for(lambda: _answers(server), seconds=60, what="the web process answers")
        yield server
    finally:
        process.kill()
        process.wait(30)


def _answers(server: Server) -> bool:
    try:
        return server.get("/health/state").is_success
    except httpx.TransportError:
        return False
