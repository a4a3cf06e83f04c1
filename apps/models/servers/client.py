"""Requests to model servers: within a time, within bounds, and with every failure as one of ours."""

from __future__ import annotations

import functools
import json
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import certifi
import httpcore

from apps.models.errors import DeadlineExceededError
from apps.models.servers.errors import (
    ModelServerLostError,
    ModelServerUnreachableError,
    answer_error,
    reply_junk,
    without_key,
)
from apps.models.servers.network import CheckedBackend
from ragsite.core.configuration import ServerSettings
from ragsite.core.errors import RagError
from ragsite.core.tracing.spans import traceparent

MOST_CONNECTIONS = 256
KEPT_CONNECTIONS = 32
KEPT_SECONDS = 15.0
MOST_BYTES = 64 * 1024 * 1024
"""Of one answer: thirty-two vectors of 16,000 numbers, written out, are a fifth of it."""

MOST_OF_ERROR = 64 * 1024
OK = 200


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a model, for one call: its base address, the key for it, the model's name there, and until when."""

    url: str
    model: str
    key: str
    until: float

    def headers(self) -> list[tuple[str, str]]:
        """Without compression: a small answer cannot become a large one."""
        plain = [
            ("User-Agent", "ragsite"),
            ("Accept-Encoding", "identity"),
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
        ]
        trace = [("traceparent", place)] if (place := traceparent()) else []
        return [*plain, *trace, *([("Authorization", f"Bearer {self.key}")] if self.key else [])]

    def at_root(self) -> Server:
        """The server without the part of its address that says which version of OpenAI's protocol is spoken there."""
        return replace(self, url=self.url.removesuffix("/v1"))

    def __repr__(self) -> str:
        return f"Server({self.url!r}, {self.model!r})"


@contextmanager
def answered(server: Server, path: str, body: Mapping[str, Any] | None = None) -> Iterator[httpcore.Response]:
    """The answer to a request, which is a success, read while the block runs. With a body it is a POST.

    Raises:
        ModelUnavailableError, PermanentError: there is none; or it broke off while the block ran.
        DeadlineExceededError: not in time.
    """
    with _told(server), ExitStack() as stack:
        response = stack.enter_context(_asked(server, path, body))
        if response.status != OK:
            raise _refused(server, response)
        stack.enter_context(_in_the_middle(server))
        yield response


def answer_json(server: Server, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """As `answered`, the whole answer as what its JSON says.

    Raises:
        ModelUnavailableError: (code `invalid_reply`) it is too long, or no JSON.
    """
    with answered(server, path, body) as response:
        return json_of(response, server)


def json_of(response: httpcore.Response, server: Server) -> Any:
    """What the rest of the answer says, as JSON. Raises as `answer_json`."""
    text = b"".join(bounded(response.iter_stream(), server)).decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise reply_junk(server.url, text, "it is no JSON", key=server.key) from None


def bounded(parts: Iterable[bytes], server: Server) -> Iterator[bytes]:
    """The parts, up to MOST_BYTES in all."""
    total = 0
    for part in parts:
        total += len(part)
        if total > MOST_BYTES:
            raise reply_junk(server.url, "…", f"it is longer than {MOST_BYTES:,} bytes", key=server.key)
        yield part


def is_stream(response: httpcore.Response) -> bool:
    return "event-stream" in header(response, b"content-type")


def header(response: httpcore.Response, name: bytes) -> str:
    value = next((value for key, value in response.headers if key.lower() == name), b"")
    return value.decode("latin-1")


@contextmanager
def _asked(server: Server, path: str, body: Mapping[str, Any] | None) -> Iterator[httpcore.Response]:
    """A connection that was kept may have been closed by the server meanwhile: then once more, by a new one."""
    with ExitStack() as stack:
        connected: list[str] = []
        try:
            response = stack.enter_context(_sent(server, path, body, connected))
        except (httpcore.NetworkError, httpcore.RemoteProtocolError):
            if connected:
                raise
            response = stack.enter_context(_sent(server, path, body, connected))
        yield response


@contextmanager
def _sent(
    server: Server, path: str, body: Mapping[str, Any] | None, connected: list[str]
) -> Iterator[httpcore.Response]:
    def trace(event: str, _: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            connected.append(event)

    moments = dict.fromkeys(("connect", "read", "write"), server.until)
    waits = {**moments, "pool": max(0.001, server.until - time.time())}
    extensions = {"timeout": waits, "trace": trace}
    content = None if body is None else json.dumps(body).encode()
    with _connections().stream(
        "GET" if body is None else "POST",
        f"{server.url}{path}",
        headers=server.headers(),
        content=content,
        extensions=extensions,
    ) as response:
        yield response


@functools.cache
def _connections() -> httpcore.ConnectionPool:
    """Those of this process. Authorities are the machine's (SSL_CERT_FILE names others), certifi's and RAGSITE_CA_FILE's."""
    trust = ssl.create_default_context()
    trust.load_verify_locations(certifi.where())
    if certificates := ServerSettings.current().ca_file:
        trust.load_verify_locations(certificates)
    return httpcore.ConnectionPool(
        ssl_context=trust,
        max_connections=MOST_CONNECTIONS,
        max_keepalive_connections=KEPT_CONNECTIONS,
        keepalive_expiry=KEPT_SECONDS,
        network_backend=CheckedBackend(),
    )


@contextmanager
def _told(server: Server) -> Iterator[None]:
    """Failures of the network as ours, and none with the key in it."""
    try:
        yield
    except RagError as error:
        told = without_key(error, server.key)
        if told is error:
            raise
        raise told from None
    except (httpcore.ReadTimeout, httpcore.WriteTimeout, httpcore.PoolTimeout) as error:
        raise DeadlineExceededError(f"The deadline passed before the model server {server.url} answered.") from error
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise ModelServerUnreachableError(
            f"The model server {server.url} was not reached ({_why(error)}).", retry_after=2.0
        ) from error


@contextmanager
def _in_the_middle(server: Server) -> Iterator[None]:
    try:
        yield
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise ModelServerLostError(
            f"The model server {server.url} broke off in the middle of its answer ({_why(error)}).", retry_after=1.0
        ) from error


def _refused(server: Server, response: httpcore.Response) -> RagError:
    said = b""
    try:
        for part in response.iter_stream():
            said += part
            if len(said) > MOST_OF_ERROR:
                break
    except (httpcore.NetworkError, httpcore.ProtocolError):
        pass  # The status says enough.
    text, after = said.decode("utf-8", "replace"), header(response, b"retry-after")
    return answer_error(response.status, text, url=server.url, model=server.model, key=server.key, retry_after=after)


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
