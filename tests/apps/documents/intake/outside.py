"""The outside world as tests of fetching see it: a resolver, connections and a web server of their own; and bad addresses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpcore

OUTSIDE = "93.184.216.34"


class CountingBackend(httpcore.SyncBackend):
    """Connects as the real one does, to the loopback if set up so, and records where to."""

    def __init__(self, *, instead: tuple[str, int] | None = None) -> None:
        self.connected: list[tuple[str, int]] = []
        self._instead = instead

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        self.connected.append((host, port))
        host, port = self._instead or (host, port)
        return super().connect_tcp(host, port, *args, **kwargs)


class Resolver:
    """Answers what each name is set up to resolve to, one answer after the other; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


Handle = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A web server on the loopback that stands for the outside."""

    def __init__(self) -> None:
        self.pages: dict[str, Handle] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                server.pages[self.path.partition("?")[0]](self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def page(self, path: str, body: bytes = b"", *, status: int = 200, **headers: str) -> None:
        def handle(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            for name, value in {"Content_Length": str(len(body)), **headers}.items():
                request.send_header(name.replace("_", "-"), value)
            request.end_headers()
            request.wfile.write(body)

        self.pages[path] = handle

    @property
    def place(self) -> tuple[str, int]:
        return "127.0.0.1", self.http.server_address[1]


LITERAL_TRICKS = [
    "http://127.0.0.1/", "http://127.0.0.1:80/", "http://127.1/", "http://127.0.1/", "http://0/", "http://0.0.0.0/",
    "http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/",
    "http://127.0.0.01/", "http://127.0.0.1./", "http://1.2.3.4.5/", "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/", "http://10.0.0.1/", "http://192.168.0.1/", "http://172.16.0.1/",
    "http://255.255.255.255/", "http://224.0.0.1/", "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[::ffff:8.8.8.8]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://[2001:0:53aa:64c::1]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/",
    "http://[fd00:ec2::254]/latest/meta-data/", "http://[ff02::1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://１２７.０.０.１/", "http://[::1", "http://[v1.fe80::a]/",
]  # fmt: skip
FORM_TRICKS = [
    "file:///etc/passwd", "gopher://example.org:80/_x", "ftp://example.org/a.txt", "dict://example.org:80/",
    "ldap://example.org/", "jar:http://example.org!/", "data:text/plain,hello", "javascript:alert(1)", "//example.org/",
    "example.org", "http:///etc/passwd", "http://", "", "http:example.org", "unix:///var/run/docker.sock",
    "http://user@example.org/", "http://user:secret@example.org/", "http://example.org@127.0.0.1/",
    "http://127.0.0.1@example.org/", "http://example.org\\@127.0.0.1/", "http://127.0.0.1\\@example.org/",
    "http://example.org%40127.0.0.1/", "http://example.org:22/", "http://example.org:6379/", "http://example.org:0/",
    "http://example.org:65536/", "http://example.org:80:80/", "http://example.org:-80/", "http://example.org: 80/",
    "http://example.org:8O/", "http://example.org\r\nHost: localhost/", "http://exa\tmple.org/", " http://example.org/",
    "http://example.org/a b", "http://example.org/\x00", "http://exa..mple.org/", "http://.example.org/",
    "http://-example.org/", "http://*.example.org/", "http://example.org,127.0.0.1/", "http://" + "a." * 200 + "org/",
]  # fmt: skip
NAME_TRICKS = [
    ("http://localhost/", ["127.0.0.1"]),
    ("http://LOCALHOST./", ["127.0.0.1"]),
    ("http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", ["127.0.0.1"]),
    ("http://localhost.localdomain/", ["::1"]),
    ("http://metadata.google.internal/", ["169.254.169.254"]),
    ("http://127.0.0.1.nip.example/", ["127.0.0.1"]),
    ("http://inside.example/", ["10.1.2.3"]),
    ("http://one-of-two.example/", [OUTSIDE, "192.168.0.1"]),
    ("http://the-other.example/", ["192.168.0.1", OUTSIDE]),
    ("http://mapped.example/", ["::ffff:10.0.0.1"]),
    ("http://linklocal.example/", ["fe80::1%eth0"]),
    ("https://inside.example/", ["127.0.0.1"]),
]
