"""Addresses of people: e-mail, and of machines: IP."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from ragsite.core.masking.kinds import Find, Kind

LONGEST_LOCAL = 64
_LOCAL_END = re.compile(r"[\w.+'~-]{1,64}\Z")
_DOMAIN = re.compile(r"[^\W_](?:[\w-]{0,62}\.){1,8}(?:[^\W\d_]{2,24}|xn--[a-z0-9-]{2,59})(?![\w@])", re.IGNORECASE)
_FILES = frozenset(
    ("png", "jpg", "jpeg", "gif", "svg", "webp", "js", "ts", "css", "html", "json", "xml", "yaml", "yml", "pdf", "txt")
)
"""Endings of files: `icon@2x.png` is nobody's address."""

_MACHINES = frozenset({"git", "hg", "svn"})
"""Of clone addresses, which name no person."""

_FOUR = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.-]|\.[0-9])")
_SIX = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")


def email_finds(text: str) -> Iterator[Find]:
    """Addresses with a domain that has a name below a top-level one, of letters of any script."""
    at, past = text.find("@"), 0
    while at >= 0:
        found = _around(text, at, past)
        if found is not None:
            yield found
            past = found.end
        at = text.find("@", max(at + 1, past))


def _around(text: str, at: int, past: int) -> Find | None:
    domain = _DOMAIN.match(text, at + 1, at + 255)
    if domain is None:
        return None
    local = _LOCAL_END.search(text[max(past, at - LONGEST_LOCAL) : at])
    name = local[0].lstrip(".'") if local else ""
    ending = domain[0].rpartition(".")[2].lower()
    if not name or name.endswith(".") or ending in _FILES or name.lower() in _MACHINES:
        return None
    return Find(Kind.EMAIL, at - len(name), domain.end())


def ip_finds(text: str) -> Iterator[Find]:
    """IPv4 and IPv6 addresses, but not those that stand for any machine or this one."""
    for pattern in (_FOUR, _SIX):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if not (address.is_loopback or address.is_unspecified):
                yield Find(Kind.IP_ADDRESS, *match.span())
