"""Fetching from addresses: nothing inside is ever asked, and what is outside is taken with limits."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpcore
import pytest

from apps.documents.blobs import blob_path
from apps.documents.intake.addresses import ForbiddenUrlError, is_public
from apps.documents.intake.fetching import (
    Network,
    UrlRefusedError,
    UrlUnreachableError,
    document_upload_from_url,
    fetch,
)
from apps.documents.intake.uploads import UploadOutcome
from apps.documents.models import Document
from apps.documents.upload_limits import UploadTooLargeError
from ragsite.core.errors import PermanentError
from ragsite.gateway.errors import PermissionDeniedError
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.documents.intake.outside import (
    FORM_TRICKS,
    LITERAL_TRICKS,
    NAME_TRICKS,
    OUTSIDE,
    CountingBackend,
    Resolver,
    Server,
)


@pytest.fixture(autouse=True)
def _switched_on(settings: Any) -> None:
    settings.RAGSITE_URL_INGESTION = True
    settings.RAGSITE_URL_ALLOWED_HOSTS = frozenset()
    settings.RAGSITE_URL_SECONDS = 5


def read(url: str, network: Network) -> tuple[str, bytes]:
    with fetch(url, network) as fetched:
        return fetched.filename, b"".join(fetched.parts)


@pytest.mark.parametrize("url", LITERAL_TRICKS + FORM_TRICKS)
def test_a_tricky_address_is_refused_and_nothing_is_connected_to(url: str) -> None:
    backend, resolver = CountingBackend(), Resolver([OUTSIDE])
    with pytest.raises(ForbiddenUrlError):
        read(url, Network(backend=backend, resolve=resolver))
    assert (backend.connected, resolver.asked) == ([], [])


@pytest.mark.parametrize(("url", "addresses"), NAME_TRICKS)
def test_a_name_that_leads_inside_is_refused_and_nothing_is_connected_to(url: str, addresses: list[str]) -> None:
    backend = CountingBackend()
    with pytest.raises(ForbiddenUrlError, match="which is not a public address"):
        read(url, Network(backend=backend, resolve=Resolver(addresses)))
    assert backend.connected == []


def test_the_tricks_are_more_than_forty() -> None:
    assert len({*LITERAL_TRICKS, *FORM_TRICKS, *(url for url, _ in NAME_TRICKS)}) >= 90


@pytest.fixture
def backend(server: Server) -> CountingBackend:
    return CountingBackend(instead=server.place)


@pytest.fixture
def network(backend: CountingBackend) -> Network:
    """A network in which every public address is the server."""
    return Network(backend=backend, resolve=Resolver([OUTSIDE]))


def test_the_connection_goes_to_the_address_that_was_checked_however_the_name_resolves_later(
    server: Server, backend: CountingBackend
) -> None:
    server.page("/a.txt", b"Hello.")
    resolver = Resolver([OUTSIDE], ["127.0.0.1"])
    assert read("http://rebinding.example/a.txt", Network(backend=backend, resolve=resolver)) == ("a.txt", b"Hello.")
    assert backend.connected == [(OUTSIDE, 80)]
    assert resolver.asked == ["rebinding.example"]


def test_the_server_is_asked_by_its_own_name_and_told_no_secret(
    server: Server, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    server.page("/a.txt", b"Hello.")
    read("http://Example.org/a.txt?b=c", network)
    ((path, headers),) = server.requests
    assert path == "/a.txt?b=c"
    assert headers["host"] == "example.org"
    assert headers.keys() == {"host", "user-agent", "accept", "accept-encoding", "connection"}


def test_a_second_address_is_tried_where_the_first_does_not_answer(server: Server) -> None:
    server.page("/a.txt", b"Hello.")

    class FirstIsDown(CountingBackend):
        def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
            if host == "8.8.4.4":
                self.connected.append((host, port))
                raise httpcore.ConnectError("refused")
            return super().connect_tcp(host, port, *args, **kwargs)

    backend = FirstIsDown(instead=server.place)
    read("http://example.org/a.txt", Network(backend=backend, resolve=Resolver(["8.8.4.4", OUTSIDE])))
    assert backend.connected == [("8.8.4.4", 80), (OUTSIDE, 80)]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest/meta-data/", "//127.0.0.1/", "file:///etc/passwd",
        "gopher://127.0.0.1/", "http://user@example.org/", "http://example.org:6379/", "http://2130706433/",
        "http:\\\\127.0.0.1/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_to_the_inside_is_refused_before_it_is_followed(
    server: Server, network: Network, backend: CountingBackend, location: str, status: int
) -> None:
    server.page("/", status=status, Location=location)
    with pytest.raises(ForbiddenUrlError):
        read("http://example.org/", network)
    assert backend.connected == [(OUTSIDE, 80)]
    assert len(server.requests) == 1


def test_a_redirect_to_a_name_that_leads_inside_is_refused(server: Server, backend: CountingBackend) -> None:
    server.page("/", status=302, Location="http://inside.example/")
    resolver = Resolver([OUTSIDE], ["10.0.0.1"])
    with pytest.raises(ForbiddenUrlError, match=r"'inside\.example' leads to 10\.0\.0\.1"):
        read("http://example.org/", Network(backend=backend, resolve=resolver))
    assert backend.connected == [(OUTSIDE, 80)]


def test_three_redirects_are_followed_and_a_fourth_is_not(server: Server, network: Network) -> None:
    for step in range(4):
        server.page(f"/{step}", status=302, Location=f"/{step + 1}")
    server.page("/4", b"Hello.", Content_Type="text/plain; charset=utf-8")
    assert read("http://example.org/1", network) == ("4.txt", b"Hello.")
    with pytest.raises(UrlRefusedError, match="redirects more than 3 times"):
        read("http://example.org/0", network)
    assert [path for path, _ in server.requests] == ["/1", "/2", "/3", "/4", "/0", "/1", "/2", "/3"]


def test_only_listed_hosts_are_asked_where_there_is_a_list(
    server: Server, network: Network, backend: CountingBackend, settings: Any
) -> None:
    settings.RAGSITE_URL_ALLOWED_HOSTS = frozenset({"example.org:8080"})
    server.page("/a.txt", b"Hello.")
    assert read("http://example.org:8080/a.txt", network)
    for url in ("http://example.org/a.txt", "http://other.example/a.txt"):
        with pytest.raises(ForbiddenUrlError, match="not among the hosts"):
            read(url, network)
    assert backend.connected == [(OUTSIDE, 8080)]


def test_a_list_of_hosts_opens_no_private_address(settings: Any) -> None:
    settings.RAGSITE_URL_ALLOWED_HOSTS = frozenset({"inside.example"})
    backend = CountingBackend()
    with pytest.raises(ForbiddenUrlError):
        read("http://inside.example/", Network(backend=backend, resolve=Resolver(["10.0.0.1"])))
    assert backend.connected == []


def test_a_document_that_says_it_is_too_large_is_not_read(server: Server, network: Network, settings: Any) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 1000
    server.page("/a.txt", b"x" * 1001)
    with pytest.raises(UploadTooLargeError):
        read("http://example.org/a.txt", network)


@pytest.mark.django_db
def test_a_document_that_does_not_say_how_large_it_is_is_read_to_the_limit_and_nothing_is_kept(
    server: Server, network: Network, settings: Any
) -> None:
    settings.RAGSITE_MAX_UPLOAD_BYTES = 100_000
    written = []

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while True:
                written.append(request.wfile.write(b"x" * 10_000))
        except OSError:
            pass

    server.pages["/a.txt"] = endless
    with pytest.raises(UploadTooLargeError):
        document_upload_from_url(
            "http://example.org/a.txt", knowledge_base=make.knowledge_base(), network=network, actor=ACTOR
        )
    assert not Document.objects.exists()
    assert not [path for path in Path(settings.RAGSITE_BLOB_DIR).rglob("*") if path.is_file()]


@pytest.mark.parametrize("drip", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["header", "body"])
def test_a_server_that_drips_is_left_when_the_time_is_over(
    server: Server, network: Network, settings: Any, drip: bytes
) -> None:
    settings.RAGSITE_URL_SECONDS = 1
    over = threading.Event()

    def drips(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(drip)
        try:
            while not over.wait(0.05):
                request.wfile.write(b"x")
        except OSError:
            over.set()

    server.pages["/a.txt"] = drips
    with pytest.raises(UrlUnreachableError):
        read("http://example.org/a.txt", network)
    assert over.wait(5), "the connection was left open"


def test_a_resolver_that_hangs_is_left_when_the_time_is_over(settings: Any) -> None:
    settings.RAGSITE_URL_SECONDS = 1
    release, backend = threading.Event(), CountingBackend()

    def hangs(host: str, port: int) -> list[str]:
        release.wait(30)
        return [OUTSIDE]

    with pytest.raises(UrlUnreachableError, match=r"'slow\.example' was not found"):
        read("http://slow.example/", Network(resolve=hangs, backend=backend))
    release.set()
    assert backend.connected == []


def test_a_host_that_does_not_exist_or_does_not_answer_is_a_transient_error(network: Network) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(UrlUnreachableError, match=r"'nowhere\.example' was not found"):
        read("http://nowhere.example/", Network(resolve=unknown))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        place = closed.getsockname()
    with pytest.raises(UrlUnreachableError, match="was not reached"):
        read("http://example.org/", Network(backend=CountingBackend(instead=place), resolve=Resolver([OUTSIDE])))


@pytest.mark.parametrize("garbage", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 xyz\r\n\r\n"])
def test_a_server_that_does_not_speak_http_is_reported(server: Server, network: Network, garbage: bytes) -> None:
    def speaks(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(garbage)

    server.pages["/a.txt"] = speaks
    with pytest.raises(UrlUnreachableError):
        read("http://example.org/a.txt", network)


@pytest.mark.parametrize(
    ("page", "error"),
    [
        ({"status": 404}, "answered 404"),
        ({"status": 500}, "answered 500"),
        ({"status": 302}, "answered 302"),
        ({"Content_Encoding": "gzip"}, "packed as 'gzip'"),
    ],
    ids=str,
)
def test_what_is_no_document_is_refused(server: Server, network: Network, page: dict[str, Any], error: str) -> None:
    server.page("/a.txt", b"x", **page)
    with pytest.raises(UrlRefusedError, match=error):
        read("http://example.org/a.txt", network)


@pytest.mark.django_db
def test_a_fetched_document_is_taken_in_as_an_upload_is(server: Server, network: Network) -> None:
    base = make.knowledge_base()
    server.page("/guide", b"<h1>Guide</h1><p>The pier is closed.</p>", Content_Type="text/html")
    url = "http://example.org/guide"
    upload = document_upload_from_url(
        url, knowledge_base=base, network=network, title="Guide", metadata={"a": 1}, actor=ACTOR
    )
    document = upload.version.document
    assert upload.outcome is UploadOutcome.CREATED
    assert (document.external_id, document.title, document.metadata) == (url, "Guide", {"a": 1})
    assert (upload.version.filename, upload.version.document_type) == ("guide.html", "html")
    assert blob_path(upload.version.blob).read_bytes().startswith(b"<h1>Guide")
    assert (
        document_upload_from_url(url, knowledge_base=base, network=network, actor=ACTOR).outcome
        is UploadOutcome.UNCHANGED
    )
    server.page("/guide", b"<h1>Guide</h1><p>The pier is open.</p>", Content_Type="text/html")
    assert (
        document_upload_from_url(url, knowledge_base=base, network=network, actor=ACTOR).outcome
        is UploadOutcome.NEW_VERSION
    )


@pytest.mark.django_db
def test_a_fetched_document_that_is_not_what_it_says_is_refused_as_an_upload_is(
    server: Server, network: Network
) -> None:
    server.page("/a.pdf", b"<html>Log in first</html>", Content_Type="application/pdf")
    with pytest.raises(PermanentError, match=r"ends in '\.pdf'"):
        document_upload_from_url(
            "http://example.org/a.pdf", knowledge_base=make.knowledge_base(), network=network, actor=ACTOR
        )
    assert not Document.objects.exists()


def test_switched_off_nothing_is_resolved(settings: Any) -> None:
    settings.RAGSITE_URL_INGESTION = False
    backend, resolver = CountingBackend(), Resolver([OUTSIDE])
    with pytest.raises(PermissionDeniedError) as refused:
        document_upload_from_url(
            "http://example.org/", knowledge_base=Any, network=Network(backend=backend, resolve=resolver), actor=ACTOR
        )
    assert refused.value.error_code == "url_ingestion_off"
    assert (backend.connected, resolver.asked) == ([], [])


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for example.org that nobody signed, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl program")
    path = tmp_path / "certificate.pem"
    key = tmp_path / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=example.org"]
    names = ["-addext", "subjectAltName=DNS:example.org", "-keyout", str(key), "-out", str(path)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    return path


def test_tls_is_spoken_with_the_name_that_was_asked_for_and_checked_against_it(
    server: Server, backend: CountingBackend, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    told: list[str | None] = []
    context.sni_callback = lambda _, name, __: told.append(name)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    server.page("/a.txt", b"Hello.")
    trusting = Network(backend=backend, resolve=Resolver([OUTSIDE]), trust=str(certificate))
    assert read("https://example.org/a.txt", trusting) == ("a.txt", b"Hello.")
    assert told == ["example.org"]
    for url, network in (
        ("https://other.example/a.txt", trusting),
        ("https://example.org/a.txt", Network(backend=backend, resolve=Resolver([OUTSIDE]))),
    ):
        with pytest.raises(UrlUnreachableError, match="certificate verify failed"):
            read(url, network)
    assert len(server.requests) == 1


def test_the_networks_own_check_is_that_of_public_addresses() -> None:
    assert Network().allows is is_public
