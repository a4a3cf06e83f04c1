"""Lines to servers that a test can freeze, as a server that is stopped or a network that carries nothing does: it is still
connected to and written to, and nothing comes back. The servers themselves are not touched, as other tests use them.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

_PIECE = 65536


class Line:
    """A port of the loopback behind which the server of a URL is. Use it as a context manager."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._carries = threading.Event()
        self._closed = threading.Event()
        self._alive = 0
        self.delay = 0.0
        """Seconds that whatever is sent takes, each way."""
        self._sockets: list[socket.socket] = [self._listening]

    def __enter__(self) -> Line:
        self.thaw()
        threading.Thread(target=self._accept, name="line", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._closed.set()
        self.thaw()

    @property
    def url(self) -> str:
        """The server's, by way of this line."""
        login = self._parts.netloc.rpartition("@")[0]
        address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        return urlunsplit(self._parts._replace(netloc=f"{login}@{address}" if login else address))

    def freeze(self) -> None:
        """From now on nothing is carried either way."""
        self._carries.clear()

    def thaw(self) -> None:
        """Carry what was held up, and all that comes."""
        self._carries.set()

    def strand(self) -> None:
        """What is connected now carries nothing any more, and neither end is told; what connects later is carried."""
        self._alive = len(self._sockets)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection((self._parts.hostname or "", self._parts.port or 0))
                number = len(self._sockets)
                self._sockets += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(*ends, number), name="line", daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, number: int) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                self._carries.wait()
                if number < self._alive:
                    self._closed.wait()
                if self.delay:
                    time.sleep(self.delay)
                sink.sendall(piece)
            self._carries.wait()
            sink.shutdown(socket.SHUT_WR)
