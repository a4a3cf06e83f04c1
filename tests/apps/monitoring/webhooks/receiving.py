"""A receiver of webhooks that is really there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class Receiver:
    """Keeps what it is sent, and answers with `status`."""

    url: str = ""
    host: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    here = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.got.append((dict(self.headers), body))
            self.send_response(here.status)
            self.send_header("Location", f"{here.url}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here.host = f"127.0.0.1:{server.server_port}"
    here.url = f"http://{here.host}/hooks"
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
