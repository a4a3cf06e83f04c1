"""Addresses of model servers that an operator names. Pure: nothing is resolved or asked here.

Who names one makes ragsite speak from inside the operator's network, which is what it is for: engines run on this machine or
beside it. What is never meant are the addresses at which clouds hand out credentials.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, urlsplit

SCHEMES = ("http", "https")
LONGEST = 500
PREFIX = "openai:"
EXAMPLE = "openai:http://127.0.0.1:8000/v1#llama-3"
MOST_URLS = 32

# Link-local ones are found by their kind; these hand out credentials too.
_METADATA = tuple(ipaddress.ip_network(one) for one in ("fd00:ec2::254/128", "100.100.100.200/32"))

_EMBEDDING = tuple(ipaddress.ip_network(one) for one in ("64:ff9b::/96", "::/96"))

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def server_url(text: str) -> str:
    """The base address of a server, such as `http://gpu:8000/v1`, in one form.

    Raises:
        ValueError: it is not one to connect to; the message says why, and quotes no login.
    """
    if len(text) > LONGEST or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError(f"an address of up to {LONGEST} plain characters is due, without blanks or backslashes")
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise ValueError("an address carries a login; give a key by itself")
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ValueError(f"{text!r} is no http or https address")
    if "?" in text or "#" in text:
        raise ValueError(f"{text!r} has more than host and path")
    _check_host_and_port(parts, text)
    return text.rstrip("/")


def may_connect(address: IpAddress) -> bool:
    """Whether a server may be at that address: on this machine, in a private network or outside, but none of a cloud's own."""
    plain = _inner(address)
    if plain.is_link_local or plain.is_multicast or plain.is_unspecified:
        return False
    return not any(plain in network for network in _METADATA)


def _inner(address: IpAddress) -> IpAddress:
    """The IPv4 address that an IPv6 address stands for: mapped, by 6to4, by NAT64 (RFC 6052) or compatible; else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    known = address.ipv4_mapped or address.sixtofour
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    embeds = any(address in network for network in _EMBEDDING) and int(low) > 0xFF
    return known or (low if embeds else address)


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """A model at one or more servers, as a setting writes it: `openai:URL[,URL…]#MODEL`."""

    urls: tuple[str, ...]
    model: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Raises:
            ValueError: it is no such address; the message says what is due.
        """
        places, _, model = text.removeprefix(PREFIX).partition("#")
        if not text.startswith(PREFIX) or not places or not model.strip():
            raise ValueError(f"it is none of extractive, local and openai:URL#MODEL, such as {EXAMPLE}")
        return cls(server_urls(places.split(",")), model.strip())


def server_urls(texts: list[str]) -> tuple[str, ...]:
    """Several base addresses, each once, in their order. Raises ValueError: one is not one to connect to, or none is given."""
    urls = tuple(dict.fromkeys(server_url(text.strip()) for text in texts if text.strip()))
    if not 0 < len(urls) <= MOST_URLS:
        raise ValueError(f"{len(urls)} addresses are given, not from 1 to {MOST_URLS}")
    return urls


def _check_host_and_port(parts: SplitResult, text: str) -> None:
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} has no port that can be read") from error
    try:
        literal = ipaddress.ip_address((parts.hostname or "").partition("%")[0])
    except ValueError:
        return
    if not may_connect(literal):
        raise ValueError(f"{literal} is an address of a network's or a cloud's own, where no model server is")
