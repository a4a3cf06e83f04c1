"""Connections to model servers. Every step ends by the moment its request names, and sooner if nobody waits for it any more.

In this backend a `timeout` of httpcore's is no span but a moment (epoch seconds): httpcore passes on what a request says, and a
server that drips bytes cannot stretch it.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore

from apps.models.servers.errors import ModelServerRefusedError
from ragsite.core.audience import client_check
from ragsite.core.server_urls import may_connect

CONNECT_SECONDS = 3.0
"""A server that lets nobody in for so long is not there; another one may be."""

LOOK_SECONDS = 0.25
"""How often is looked whether somebody still waits."""


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to addresses that were looked at, whatever the host's name leads to a moment later."""

    def __init__(self, inner: httpcore.NetworkBackend | None = None) -> None:
        self._inner = inner or httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any
    ) -> httpcore.NetworkStream:
        until = min(timeout or time.time() + CONNECT_SECONDS, time.time() + CONNECT_SECONDS)
        *others, last = _addresses(host, port, until)
        for address in others:
            try:
                return self._connect(address, port, _left(until) / 2)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(last, port, _left(until))

    def _connect(self, address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        options: Iterable[Any] = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        return TimedStream(self._inner.connect_tcp(address, port, timeout=seconds, socket_options=options))


class TimedStream(httpcore.NetworkStream):
    """A stream that waits until a moment, and looks now and then whether anybody still does."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while True:
            client_check("the model server answered")
            try:
                return self._inner.read(max_bytes, timeout=min(_left(timeout), LOOK_SECONDS))
            except httpcore.ReadTimeout:
                _left(timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout=_left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return TimedStream(self._inner.start_tls(ssl_context, server_hostname, timeout=_left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(until: float | None) -> float:
    """Seconds, more than 0. Raises httpcore.ReadTimeout: the moment has passed."""
    seconds = (until or 0.0) - time.time()
    if seconds <= 0:
        raise httpcore.ReadTimeout("the moment has passed")
    return seconds


def _addresses(host: str, port: int, until: float) -> Sequence[str]:
    """What the host resolves to. Resolvers keep no deadline of their own, so one that is late is left in its thread.

    Raises:
        ModelServerRefusedError: one of them is no server's.
        httpcore.ConnectError, httpcore.ConnectTimeout: there is none, or not in time.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="resolver")
    try:
        found = pool.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM).result(_left(until))
    except TimeoutError:
        raise httpcore.ConnectTimeout(f"the host {host!r} was not found in time") from None
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the host {host!r} was not found") from error
    finally:
        pool.shutdown(wait=False)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    for address in addresses:
        if not may_connect(ipaddress.ip_address(address.partition("%")[0])):
            raise ModelServerRefusedError(
                f"{host!r} leads to {address}, where no model server is.",
                action="Give the address of the model server.",
            )
    return addresses
