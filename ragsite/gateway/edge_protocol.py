"""The edge's limits on what the ASGI application is never asked about, held in the server's end of a connection."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ragsite.gateway.edge import EdgeLimits, headers_too_large, no_http, refusal, too_late, url_too_long
from ragsite.gateway.errors import RequestRefusedError


class Heads:
    """The heads that are arriving at one process, and their bytes, in the order in which they began."""

    def __init__(self) -> None:
        self._bytes: dict[EdgeProtocol, int] = {}
        self._total = 0

    def begin(self, protocol: EdgeProtocol) -> None:
        self.end(protocol)
        self._bytes[protocol] = 0

    def grow(self, protocol: EdgeProtocol, size: int) -> int:
        """What there is of the head, this part included."""
        self._total += size
        self._bytes[protocol] += size
        return self._bytes[protocol]

    def end(self, protocol: EdgeProtocol) -> int:
        """What there was of the head."""
        size = self._bytes.pop(protocol, 0)
        self._total -= size
        return size

    def one_too_many(self, limits: EdgeLimits) -> EdgeProtocol | None:
        """The one that began first, if there are more than the limits allow; an honest client's head is whole long before."""
        if self._total > limits.heads_bytes:
            return next(protocol for protocol, size in self._bytes.items() if size)
        return next(iter(self._bytes)) if len(self._bytes) > limits.heads else None


class EdgeProtocol(HttpToolsProtocol):
    """uvicorn's own, with an end to heads that never become whole and to clients that read nothing.

    uvicorn has limits for neither: it keeps all headers that come, and waits forever. Given to it by `--http`.
    """

    limits: ClassVar[EdgeLimits]
    heads: ClassVar[Heads] = Heads()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        super().connection_made(transport)
        self._head_await()

    def data_received(self, data: bytes) -> None:
        if self._arriving is None and (self.cycle is None or self.cycle.response_complete):
            self._head_await()
        super().data_received(data)
        if self._arriving is not None:
            if self.heads.grow(self, len(data)) > self.limits.url_bytes + self.limits.header_bytes:
                self._refuse(url_too_long(self.limits) if self._is_long() else headers_too_large(self.limits))
            self._heads_check()

    def on_headers_complete(self) -> None:
        self._head_await_no_more()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_await_no_more()
        self._stalled_no_more()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._read_await()

    def resume_writing(self) -> None:
        self._stalled_no_more()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """For what is no HTTP, and for an address that is too long to be taken apart."""
        is_long = self._is_long()
        self._refuse(url_too_long(self.limits) if is_long else no_http(msg))

    def _is_long(self) -> bool:
        """Whether the address, as far as it has arrived, is longer than one may be."""
        return len(getattr(self, "url", b"")) > self.limits.url_bytes

    def _head_await(self) -> None:
        self._arriving = self.loop.call_later(self.limits.arrival_seconds, self._head_late)
        self.heads.begin(self)
        self._heads_check()

    def _head_await_no_more(self) -> int:
        """What there was of the head."""
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None
        return self.heads.end(self)

    def _heads_check(self) -> None:
        while (late := self.heads.one_too_many(self.limits)) is not None:
            late._head_late()

    def _read_await(self) -> None:
        self._unread = self._in_flight()
        self._stalled = self.loop.call_later(self.limits.stall_seconds, self._read_late)

    def _read_late(self) -> None:
        """The system calls for more only when a good part of its buffer is free, to which a slow reader takes its time."""
        if self._in_flight() != self._unread:
            self._read_await()
        else:
            self._let_go()

    def _in_flight(self) -> int:
        """Bytes that the system holds for the client."""
        held: bytes = fcntl.ioctl(self._socket().fileno(), termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(held, sys.byteorder)

    def _let_go(self) -> None:
        """At once: otherwise the system would go on offering what it holds for this client, which may be megabytes."""
        self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _socket(self) -> socket.socket:
        found: socket.socket = self.transport.get_extra_info("socket")
        return found

    def _stalled_no_more(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _head_late(self) -> None:
        """Browsers connect before they know what to ask; a client that has sent nothing gets no answer."""
        if self._head_await_no_more():
            self._refuse(too_late())
        else:
            self.transport.close()

    def _refuse(self, error: RequestRefusedError) -> None:
        self._head_await_no_more()
        if self.transport.is_closing():
            return
        answer = refusal(error)
        status = HTTPStatus(answer.status_code)
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() + answer.serialize_headers() + b"\r\n\r\n"
        self.transport.write(head + answer.content)
        self.transport.close()
