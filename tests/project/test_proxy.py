"""deploy/nginx/ragsite.conf, by nginx itself: what reaches the web process, and what does not."""

from __future__ import annotations

import http.server
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ragsite.stack.ports import find_free
from tests.waiting import wait_for

pytestmark = pytest.mark.nginx

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "ragsite.conf"
HIDDEN = ("/metrics", "/health/live", "/health/ready", "/healthz", "/readyz")


class Web(http.server.BaseHTTPRequestHandler):
    """In the place of the web process: says what reached it; `/stream` goes on only when the client has read the first piece."""

    protocol_version = "HTTP/1.1"
    read_on, began = threading.Event(), threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/stream":
            self.send_header("X-Accel-Buffering", "no")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\none\r\n")
            assert self.read_on.wait(10)
            self.wfile.write(b"3\r\ntwo\r\n0\r\n\r\n")
            return
        said = "\n".join(f"{name.lower()}: {value}" for name, value in self.headers.items()).encode()
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_POST(self) -> None:
        """Says that it has begun to read a body, and reads it to its last piece of no length."""
        self.rfile.read(1)
        self.began.set()
        while self.rfile.readline().strip() != b"0":
            pass
        self.rfile.readline()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Proxy:
    """Its two addresses, who believes its certificate, and the folder in which it serves what an authority asks for."""

    plain: str
    tls: str
    trusted: ssl.SSLContext
    folder: Path


@pytest.fixture(scope="module")
def nginx() -> str:
    found = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or shutil.which("nginx")
    if found is None:
        pytest.fail("No nginx found. Install it (Debian: nginx-light), or deselect with -m 'not nginx'.")
    return found


@pytest.fixture(scope="module")
def proxy(nginx: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """nginx by our configuration, in front of `Web`."""
    folder = tmp_path_factory.mktemp("proxy")
    certificate_make(folder)
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    plain, tls = find_free(), find_free()
    text = CONFIGURATION.read_text()
    for there, here in {
        "/tmp/": f"{folder}/", "/etc/nginx/tls": str(folder), "/srv/acme": str(folder),
        "http://web:8000": f"http://127.0.0.1:{web.server_port}",
        "listen 8080": f"listen 127.0.0.1:{plain}", "listen 8443": f"listen 127.0.0.1:{tls}",
    }.items():  # fmt: skip
        assert there in text
        text = text.replace(there, here)
    # Started by root it would give its work to a user who may not read our folder; in its container it is no root.
    (folder / "nginx.conf").write_text(text if os.getuid() else f"user root;\n{text}")
    process = subprocess.Popen([nginx, "-c", folder / "nginx.conf"], stderr=subprocess.PIPE)
    try:
        wait_for(lambda: answers(f"http://localhost:{plain}/proxy-is-up"), seconds=10, what="nginx answers")
        trusted = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
        yield Proxy(f"http://localhost:{plain}", f"https://localhost:{tls}", trusted, folder)
    finally:
        process.terminate()
        process.wait(10)
        web.shutdown()


def certificate_make(folder: Path) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=localhost")
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    formed = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
    (folder / "privkey.pem").write_bytes(key.private_bytes(*formed))


def answers(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 204
    except httpx.TransportError:
        return False


def test_the_web_process_is_told_who_asks_by_https_whatever_a_client_says_of_itself(
    proxy: Proxy,
) -> None:
    claimed = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http", "Host": "rag.example.org"}
    told = httpx.get(f"{proxy.tls}/api/v1/documents/?q=a%2Fb", headers=claimed, verify=proxy.trusted).text.splitlines()
    assert {"x-forwarded-for: 127.0.0.1", "x-forwarded-proto: https", "host: rag.example.org"} <= set(told)
    assert not [line for line in told if "203.0.113.9" in line]


def test_http_leads_to_https_except_what_an_authority_of_certificates_asks_for(proxy: Proxy) -> None:
    moved = httpx.get(f"{proxy.plain}/admin/?next=1")
    assert (moved.status_code, moved.headers["location"]) == (308, "https://localhost/admin/?next=1")
    challenge = proxy.folder / ".well-known" / "acme-challenge"
    challenge.mkdir(parents=True)
    (challenge / "token").write_text("answer")
    assert httpx.get(f"{proxy.plain}/.well-known/acme-challenge/token").text == "answer"


@pytest.mark.parametrize("path", HIDDEN)
def test_what_machines_ask_without_a_key_is_not_let_out(proxy: Proxy, path: str) -> None:
    assert httpx.get(f"{proxy.tls}{path}", verify=proxy.trusted).status_code == 404


def test_a_streamed_answer_arrives_as_it_is_written(proxy: Proxy) -> None:
    with httpx.stream("GET", f"{proxy.tls}/stream", verify=proxy.trusted) as response:
        pieces = response.iter_raw()
        assert next(pieces) == b"one"
        Web.read_on.set()
        assert b"".join(pieces) == b"two"


def test_an_upload_reaches_the_web_process_while_it_arrives(proxy: Proxy) -> None:

    def body() -> Iterator[bytes]:
        yield b"x" * 16
        assert Web.began.wait(10)
        yield b"x"

    assert (
        httpx.post(f"{proxy.tls}/api/v1/documents/", content=body(), verify=proxy.trusted, timeout=20).status_code
        == 200
    )
