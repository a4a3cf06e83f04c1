"""Which addresses a document may be fetched from. Pure: nothing is resolved or asked here.

A caller who names an address makes this server speak from inside the operator's network. So the address is read
strictly, and what its host resolves to must be public: see `is_public`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import idna

from ragsite.core.errors import PermanentError

PORTS = {"http": 80, "https": 443}
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_NUMERIC = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
LONGEST_HOST = 253
IN_PATH, IN_QUERY = "/%:@!$&'()*+,;=~-._", "/%:@!$&'()*+,;=~-._?"

# Of the addresses given out to the world, those that lead elsewhere: into IPv4 (Teredo, 6to4 and its relays) or
# nowhere (documentation).
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in ("192.88.99.0/24", "192.0.0.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# All of IPv6 that is given out. IPv4-mapped, NAT64, local and multicast addresses lie outside.
_UNICAST6 = ipaddress.ip_network("2000::/3")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenUrlError(PermanentError):
    """The address is not one that documents are fetched from."""

    code = "url_forbidden"
    action = "Download the document and upload it instead."


@dataclass(frozen=True, slots=True)
class WebAddress:
    """An address that was read and allowed; `host` is lower-case ASCII, `target` the path and query to ask for."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == PORTS[self.scheme] else f"{name}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host_header}{self.target}"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


def web_address(url: str, *, allowed_hosts: Collection[str]) -> WebAddress:
    """Read the URL. `allowed_hosts` has names, or `name:port` where the port is another than 80 and 443; empty: any.

    Raises:
        ForbiddenUrlError: it is not a plain http or https address of an allowed host and port.
    """
    parts = _split(url)
    host = _host(parts.hostname or "", url)
    port = _port(parts, url)
    _check_allowed(host, port, allowed_hosts)
    target = quote(parts.path, safe=IN_PATH) or "/"
    if parts.query:
        target += "?" + quote(parts.query, safe=IN_QUERY)
    return WebAddress(scheme=parts.scheme, host=host, port=port, target=target)


def redirected(address: WebAddress, location: str, *, allowed_hosts: Collection[str]) -> WebAddress:
    """The address that a redirect leads to, checked as the first one was."""
    return web_address(urljoin(address.url, location), allowed_hosts=allowed_hosts)


def is_public(address: IpAddress) -> bool:
    """Whether everybody may reach the address, so that asking it opens no door to the operator's own network."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST6:
        return False
    special = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not special


def as_ip(host: str) -> IpAddress | None:
    """The host as a literal address; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _split(url: str) -> SplitResult:
    if _UNSEEN.search(url):
        raise _forbidden(url, "has a blank, a control character or a backslash in it")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _forbidden(url, f"cannot be read: {error}") from error
    if parts.scheme not in PORTS:
        raise _forbidden(url, "is neither http nor https")
    if "@" in parts.netloc:
        raise _forbidden(url, "carries a login")
    return parts


def _host(name: str, url: str) -> str:
    """The host in the one form that is resolved and compared."""
    if as_ip(name) is not None and "%" not in name:
        return name
    try:
        host = idna.encode(name, uts46=True).decode().lower().removesuffix(".")
    except (idna.IDNAError, UnicodeError):
        host = name.lower().removesuffix(".")
    labels = host.split(".")
    if as_ip(host) is not None and ":" not in host:
        return host
    if len(host) > LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise _forbidden(url, "has no host name that can be read")
    if _NUMERIC.fullmatch(labels[-1]):
        raise _forbidden(url, "writes a number for its host in a way that programs read differently")
    return host


def _port(parts: SplitResult, url: str) -> int:
    try:
        port = parts.port
    except ValueError as error:
        raise _forbidden(url, f"has no port that can be read: {error}") from error
    return PORTS[parts.scheme] if port is None else port


def _check_allowed(host: str, port: int, allowed_hosts: Collection[str]) -> None:
    if f"{host}:{port}" in allowed_hosts:
        return
    if port not in PORTS.values():
        raise ForbiddenUrlError(f"Port {port} of {host!r} is not one that documents are fetched from.")
    if allowed_hosts and host not in allowed_hosts:
        raise ForbiddenUrlError(
            f"{host!r} is not among the hosts that documents are fetched from.",
            action="Ask the operator to add it to RAGSITE_URL_ALLOWED_HOSTS, or upload the document instead.",
        )


def _forbidden(url: str, why: str) -> ForbiddenUrlError:
    return ForbiddenUrlError(f"The address {url[:200]!r} {why}.")
