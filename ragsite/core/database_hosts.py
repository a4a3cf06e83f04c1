"""Addresses of PostgreSQL that name several servers, of which whichever takes writes is used: after one fails, the one that took
its place. In the form of libpq, `postgresql://user:password@one:5432,two:5432/ragsite`.
"""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qs, parse_qsl, unquote, urlencode, urlsplit

PORT = "5432"
WRITES = "read-write"


def hosts_in_query(url: str) -> str:
    """The same address with its servers in the query, where whoever reads a single host and port leaves them alone.

    A server that only follows another one is passed over unless the address says otherwise (`target_session_attrs`). An address
    of one server stays as it is.
    """
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return url
    pairs = [_host_and_port(one) for one in hosts.split(",")]
    told = {name: values[0] for name, values in parse_qs(parts.query).items()}
    query = {
        "target_session_attrs": WRITES,
        **told,
        "host": ",".join(host for host, _ in pairs),
        "port": ",".join(port for _, port in pairs),
    }
    return parts._replace(netloc=f"{login}@", query=urlencode(query, safe="/,:")).geturl()


def hosts_of(parts: SplitResult) -> list[str]:
    """Every server that an address names."""
    netloc = parts.netloc.rpartition("@")[2]
    if "," in netloc:
        return [_host_and_port(one)[0] for one in netloc.split(",")]
    return (parts.hostname or dict(parse_qsl(parts.query)).get("host", "")).split(",")


def _host_and_port(text: str) -> tuple[str, str]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, ""
    return unquote(host.strip("[]")), port or PORT
