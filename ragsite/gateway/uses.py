"""By which door, and from what kind of network, a key was used last: enough to see that it is used from where it should not be,
without keeping anybody's address.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class KeyDoor(StrEnum):
    """What an application speaks."""

    REST = "rest"
    OPENAI = "openai"
    MCP = "mcp"


class Network(StrEnum):
    """Where an address belongs."""

    LOOPBACK = "loopback"
    PRIVATE = "private"
    PUBLIC = "public"
    UNKNOWN = "unknown"


_BEGINNINGS = (("/v1/", KeyDoor.OPENAI), ("/mcp", KeyDoor.MCP))
_DOORS: dict[str, str | Promise] = {
    KeyDoor.REST: _("REST API"),
    KeyDoor.OPENAI: _("OpenAI-compatible API"),
    KeyDoor.MCP: _("MCP"),
}
_NETWORKS: dict[str, str | Promise] = {
    Network.LOOPBACK: _("this machine"),
    Network.PRIVATE: _("a private network"),
    Network.PUBLIC: _("the internet"),
    Network.UNKNOWN: _("an unknown address"),
}


def use_of(request: HttpRequest) -> str:
    """The door and the kind of network of a request, as a key keeps it."""
    door = next((door for beginning, door in _BEGINNINGS if request.path.startswith(beginning)), KeyDoor.REST)
    return f"{door} {network_of(request.META.get('REMOTE_ADDR') or '')}"


def network_of(address: str) -> Network:
    """The kind of network that an address is of; an IPv4 address that is written as IPv6 counts as itself."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return Network.UNKNOWN
    read = getattr(read, "ipv4_mapped", None) or read
    if read.is_loopback:
        return Network.LOOPBACK
    return Network.PRIVATE if read.is_private or read.is_link_local else Network.PUBLIC


def use_text(kept: str) -> str:
    """What was kept, in words; empty where nothing was."""
    door, _blank, network = kept.partition(" ")
    if door not in _DOORS or network not in _NETWORKS:
        return ""
    return gettext("%(door)s, from %(network)s") % {"door": _DOORS[door], "network": _NETWORKS[network]}
