"""Lines to servers that a test can freeze, as a server that is stopped or a network that carries nothing does: it is still
connected to and written to, and nothing comes back. The servers themselves are not touched, as other tests use them.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

_PIECE = 65536


class Line:
    """A port of the loopback behind which the server of a URL is. Use it as a context manager."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._carries = threading.Event()
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

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection((self._parts.hostname or "", self._parts.port or 0))
                self._sockets += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=ends, name="line", daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                self._carries.wait()
                sink.sendall(piece)
            self._carries.wait()
            sink.shutdown(socket.SHUT_WR)
