"""The server that takes mail, as one address says it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

_ADDRESS = re.compile(
    r"(?P<scheme>smtps?)://(?:(?P<user>[^\s:@/]+)(?::(?P<password>[^\s@/]*))?@)?"
    r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::(?P<port>[0-9]{1,5}))?(?P<starttls>\?starttls)?"
)
_USUAL = {("smtp", False): 25, ("smtp", True): 587, ("smtps", False): 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """An empty host is none. `tls` is from the first byte, `starttls` after a word in the open."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    starttls: bool = False


def mail_server_read(address: str) -> MailServer:
    """The server of `smtp://user:password@host:587?starttls`, or `smtps://…`; none for an empty text. What is odd in a name or
    password is written as in an address, such as `%40`.

    Raises:
        ValueError: it is no such address; nothing of it is repeated.
    """
    if not address:
        return MailServer()
    found = _ADDRESS.fullmatch(address)
    how = (found["scheme"], bool(found["starttls"])) if found else None
    if found is None or how not in _USUAL:
        raise ValueError(
            "must be smtp://host:port, with ?starttls at its end if the server speaks that, or smtps://host:port; "
            "user:password@ goes before the host"
        )
    return MailServer(
        host=found["host"].strip("[]"),
        port=int(found["port"] or _USUAL[how]),
        user=unquote(found["user"] or ""),
        password=unquote(found["password"] or ""),
        tls=found["scheme"] == "smtps",
        starttls=bool(found["starttls"]),
    )
