"""A document from an address: fetched with care, then taken in as an upload is.

Each hop of a fetch is checked by itself: the address is read strictly, its host is resolved here, every address it
resolves to must be public, and the connection goes to a resolved address. So a name that resolves differently a moment
later leads nowhere else. No proxy or login of the environment is used.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import certifi
import httpcore

from apps.documents.intake.addresses import (
    ForbiddenUrlError,
    IpAddress,
    WebAddress,
    as_ip,
    is_public,
    redirected,
    web_address,
)
from apps.documents.intake.external_ids import external_id_of
from apps.documents.intake.fetched_names import filename_of
from apps.documents.intake.uploads import Upload, UploadRequest, document_upload
from apps.documents.lifecycle.rechunking import chunking_check
from apps.documents.models import KnowledgeBase
from apps.documents.upload_limits import upload_too_large
from ragsite.core.actors import Actor
from ragsite.core.configuration import FetchingSettings, UploadSettings
from ragsite.core.database import connection_release
from ragsite.core.dynamic.places import INSTALLATION, Place
from ragsite.core.errors import PermanentError, TransientError
from ragsite.core.limits import Work
from ragsite.gateway.errors import PermissionDeniedError
from ragsite.gateway.limits.account import Spent, reserved

MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
OK = 200
Headers = tuple[tuple[str, str], ...]
HEADERS: Headers = (
    ("User-Agent", "ragsite"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
)
_UNREACHED = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)


class UrlUnreachableError(TransientError):
    """The address did not answer in time, or not as web servers do."""

    code = "url_unreachable"
    status = 502
    action = "Check the address, then try again, or upload the document instead."


class UrlRefusedError(PermanentError):
    """What is at the address is not a document to be had."""

    code = "url_refused"
    action = "Open the address in a browser and check it, or upload the document instead."


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host name. Raises OSError: there are none."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The ways out of this process; a test counts them, or leads them elsewhere."""

    resolve: Callable[[str, int], Sequence[str]] = resolve
    allows: Callable[[IpAddress], bool] = is_public
    backend: httpcore.NetworkBackend = field(default_factory=httpcore.SyncBackend)
    trust: str = field(default_factory=certifi.where)


@dataclass(frozen=True, slots=True)
class FetchDeadline:
    """The moment, by the monotonic clock, at which a fetch must be over, so many seconds after it began."""

    at: float
    seconds: float

    @classmethod
    def within(cls, seconds: float) -> FetchDeadline:
        """For a fetch that begins now."""
        return cls(time.monotonic() + seconds, seconds)

    def left(self) -> float:
        """Seconds, more than 0. Raises UrlUnreachableError: none are left."""
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise UrlUnreachableError(f"There was no whole answer within {self.seconds:g} s.")
        return seconds


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A document that is being read: the name it goes by, and its bytes as they come."""

    filename: str
    parts: Iterable[bytes]


def url_ingestion_check(at: Place = INSTALLATION) -> None:
    """Raises PermissionDeniedError: the operator has not switched it on, or an owner has switched it off there."""
    if not FetchingSettings.current(at).enabled:
        raise PermissionDeniedError(
            "Fetching documents from addresses is switched off here.",
            code="url_ingestion_off",
            action="Upload the document, or have the setting `fetching.enabled` switched on.",
        )


def document_upload_from_url(
    url: str, *, knowledge_base: KnowledgeBase, actor: Actor, network: Network | None = None, **about: Any
) -> Upload:
    """Fetch the document and upload it. `about` has what else an `UploadRequest` has; without `external_id` it is the URL.

    Raises:
        PermissionDeniedError: fetching is switched off.
        ForbiddenUrlError: the address, or one it redirects to, is not one to fetch from; it was not connected to.
        UrlRefusedError: there is no document at the address.
        UrlUnreachableError: it did not answer in time.
        LimitReachedError: the caller may not upload so much more.
        PermanentError, TransientError: as `document_upload`.
    """
    url_ingestion_check()
    place = Place.of_base(knowledge_base)
    url_ingestion_check(place)
    chunking_check(knowledge_base, about.get("chunking", {}))
    connection_release()
    most = UploadSettings.current().max_bytes
    with reserved(Work.UPLOAD_BYTES, most) as spent, fetch(url, network or Network(), place) as fetched:
        parts = _counted(fetched.parts, spent)
        request = UploadRequest(knowledge_base=knowledge_base, filename=fetched.filename, parts=parts, **about)
        named = request if request.external_id else replace(request, external_id=external_id_of(url))
        return document_upload(named, actor=actor)


def _counted(parts: Iterable[bytes], spent: Spent) -> Iterator[bytes]:
    for part in parts:
        spent.amount += len(part)
        yield part


@contextmanager
def fetch(url: str, network: Network, at: Place = INSTALLATION) -> Iterator[FetchedFile]:
    """The document at the address, read while the block runs. Raises as `document_upload_from_url`."""
    how = FetchingSettings.current(at)
    deadline = FetchDeadline.within(how.seconds)
    address = web_address(url, allowed_hosts=how.allowed_hosts)
    for _ in range(MOST_REDIRECTS + 1):
        with asked(address, network, deadline, headers=HEADERS) as response:
            location = _header(response, b"location")
            if response.status not in REDIRECTS or not location:
                yield _fetched(address, response)
                return
        address = redirected(address, location, allowed_hosts=how.allowed_hosts)
    raise UrlRefusedError(f"{url[:200]!r} redirects more than {MOST_REDIRECTS} times.")


@contextmanager
def asked(
    address: WebAddress, network: Network, deadline: FetchDeadline, *, headers: Headers, body: bytes | None = None
) -> Iterator[httpcore.Response]:
    """The answer of a server to GET, or to a POST of `body`; it is not followed where it leads elsewhere.

    Raises:
        ForbiddenUrlError: the host leads to an address that the network does not allow; it was not connected to.
        UrlUnreachableError: it did not answer in time.
    """
    pinned = _PinnedBackend(network.backend, _addresses(address, network, deadline), deadline)
    trust = ssl.create_default_context(cafile=network.trust) if address.scheme == "https" else None
    method, given = ("GET", headers) if body is None else ("POST", (*headers, ("Content-Length", str(len(body)))))
    with (
        _reached(address),
        httpcore.ConnectionPool(ssl_context=trust, max_connections=1, network_backend=pinned) as pool,
        pool.stream(method, _url(address), headers=[("Host", address.host_header), *given], content=body) as response,
    ):
        yield response


def _addresses(address: WebAddress, network: Network, deadline: FetchDeadline) -> list[str]:
    """What the host resolves to, each of them allowed."""
    literal = as_ip(address.host)
    found = [literal] if literal else _resolved(address, network, deadline)
    forbidden = [one for one in found if not network.allows(one)]
    if forbidden:
        raise ForbiddenUrlError(f"{address.host!r} leads to {forbidden[0]}, which is not a public address.")
    return [str(one) for one in found]


def _resolved(address: WebAddress, network: Network, deadline: FetchDeadline) -> list[IpAddress]:
    """Resolvers keep no deadline of their own, so one that is late is left behind in its thread."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="resolver")
    try:
        names = pool.submit(network.resolve, address.host, address.port).result(deadline.left())
    except (OSError, UnicodeError, TimeoutError) as error:
        raise UrlUnreachableError(f"The host {address.host!r} was not found.") from error
    finally:
        pool.shutdown(wait=False)
    if not names:
        raise UrlUnreachableError(f"The host {address.host!r} has no address.")
    return [ipaddress.ip_address(name) for name in dict.fromkeys(names)]


@contextmanager
def _reached(address: WebAddress) -> Iterator[None]:
    try:
        yield
    except _UNREACHED as error:
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise UrlUnreachableError(f"{address.host!r} was not reached ({why}).") from error


def _url(address: WebAddress) -> httpcore.URL:
    host = address.host.encode()
    return httpcore.URL(scheme=address.scheme.encode(), host=host, port=address.port, target=address.target.encode())


def _fetched(address: WebAddress, response: httpcore.Response) -> FetchedFile:
    if response.status != OK:
        raise UrlRefusedError(f"{address.host!r} answered {response.status} where a document was expected.")
    if (encoding := _header(response, b"content-encoding").lower()) not in ("", "identity"):
        raise UrlRefusedError(
            f"{address.host!r} sent the document packed as {encoding[:40]!r}, which was not asked for."
        )
    filename = filename_of(address, content_type=_header(response, b"content-type"))
    length = _header(response, b"content-length")
    if length.isdecimal() and int(length) > UploadSettings.current().max_bytes:
        raise upload_too_large(filename)
    return FetchedFile(filename, _parts(address, response))


def _parts(address: WebAddress, response: httpcore.Response) -> Iterator[bytes]:
    with _reached(address):
        yield from response.iter_stream()


def _header(response: httpcore.Response, name: bytes) -> str:
    """Its text; many servers write UTF-8 where ASCII is meant."""
    value = next((value for key, value in response.headers if key.lower() == name), b"")
    return value.decode("utf-8", "replace")


class _PinnedBackend(httpcore.NetworkBackend):
    """Connects to the addresses that were checked, whatever host is asked for."""

    def __init__(self, inner: httpcore.NetworkBackend, addresses: Sequence[str], deadline: FetchDeadline) -> None:
        self._inner, self._addresses, self._deadline = inner, addresses, deadline

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        for address in self._addresses[:-1]:
            try:
                return self._connect(address, port, self._deadline.left() / 2)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(self._addresses[-1], port, self._deadline.left())

    def _connect(self, address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        return _TimedStream(self._inner.connect_tcp(address, port, timeout=seconds), self._deadline)


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every step ends by the deadline, so that a server that drips does not hold it."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: FetchDeadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._inner.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
