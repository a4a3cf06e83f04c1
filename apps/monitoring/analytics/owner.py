"""The engine of one machine: one process owns its folder and answers the others, on the loopback and to who has the token.

The owner writes its port and a new token to a file that only its user may read. Others ask over HTTP, in JSON, what they would
ask a server.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from apps.monitoring.analytics.asking import ADDRESS, AskingStore
from apps.monitoring.analytics.clickhouse import ClickHouseStore, engine_store
from apps.monitoring.analytics.store import ANSWER_SECONDS, AnalyticsStore, AnalyticsUnavailableError, Row
from ragsite.core.errors import RagError

LOCK, DATA = "engine.lock", "data"
LARGEST = 256 * 1024 * 1024
"""Bytes of one request."""


class EngineTakenError(AnalyticsUnavailableError):
    """Another process owns the engine; seen by who would own it, too."""


@contextmanager
def engine_owned(folder: Path) -> Iterator[ClickHouseStore]:
    """Own the engine of the folder, and answer other processes, for the block.

    Raises:
        EngineTakenError: another process owns it.
        ConfigurationError: it is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EngineTakenError("Another process owns the engine of this folder.") from error
        # A client does one thing at a time: who reads a report must not wait for rows that are added.
        store, reading = engine_store(folder / DATA), engine_store(folder / DATA)
        try:
            with _answering(Owned(writing=store, reading=reading), folder / ADDRESS):
                yield store
        finally:
            reading.close()
            store.close()


@dataclass(frozen=True, slots=True)
class Owned:
    """The engine by two clients."""

    writing: AnalyticsStore
    reading: AnalyticsStore


@contextmanager
def _answering(store: Owned, address: Path) -> Iterator[None]:
    token = secrets.token_urlsafe(32)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(store, token))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="analytics", daemon=True)
    thread.start()
    _write(address, json.dumps({"port": server.server_port, "token": token, "pid": os.getpid()}))
    try:
        yield
    finally:
        address.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()


def _write(path: Path, text: str) -> None:
    """At once and for this user alone: who reads it meanwhile reads what was there before."""
    beside = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    beside.replace(path)


def _handler(store: Owned, token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = ANSWER_SECONDS

        def do_POST(self) -> None:
            shown = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(shown.encode(), token.encode()):
                self._answer(401, {"error": "unknown"})
                return
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 < length <= LARGEST:
                self._answer(413, {"error": "too_large"})
                return
            try:
                self._answer(200, {"rows": _done(store, json.loads(self.rfile.read(length)))})
            except RagError as error:
                self._answer(409, {"error": error.error_code, "message": error.message})
            except (KeyError, TypeError, ValueError) as error:
                self._answer(400, {"error": "bad_request", "message": str(error)})

        def _answer(self, status: int, told: Mapping[str, Any]) -> None:
            body = json.dumps(told, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: errors are told to who asks."""

    return Handler


def _done(store: Owned, asked: Mapping[str, Any]) -> list[Row]:
    match asked["what"]:
        case "rows":
            return store.reading.rows(asked["sql"], asked["parameters"])
        case "command":
            store.writing.command(asked["sql"], asked["parameters"])
        case "insert":
            store.writing.insert(asked["table"], asked["lines"].encode(), token=asked["token"])
        case unknown:
            raise ValueError(unknown)
    return []


class SharedStore:
    """The engine of this machine for a process that may own it: asks who owns it, and owns it once nobody does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asking = AskingStore(folder)
        self._owning: tuple[Any, ClickHouseStore] | None = None
        self._own()

    @property
    def owns(self) -> bool:
        return self._owning is not None

    def insert(self, table: str, lines: bytes, *, token: str) -> None:
        self._store().insert(table, lines, token=token)

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[Row]:
        return self._store().rows(sql, parameters)

    def command(self, sql: str, parameters: Mapping[str, Any] = {}) -> None:
        self._store().command(sql, parameters)

    def close(self) -> None:
        self._asking.close()
        if self._owning is not None:
            self._owning[0].__exit__(None, None, None)
            self._owning = None

    def _store(self) -> AnalyticsStore:
        if self._owning is None:
            # Its owner may have ended since.
            self._own()
        return self._owning[1] if self._owning is not None else self._asking

    def _own(self) -> None:
        owned = engine_owned(self._folder)
        try:
            self._owning = owned, owned.__enter__()
        except EngineTakenError:
            self._owning = None
