"""Loopback ports."""

from __future__ import annotations

import secrets
import socket

from ragsite.core.errors import ConfigurationError

LOOPBACK = "127.0.0.1"

# Below the range from which systems hand ports to outgoing connections, so that a port is still free after a restart.
_FIRST, _LAST = 20_000, 30_000
_TRIES = 200


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def accepts_connections(port: int) -> bool:
    """Whether something listens on the loopback `port`."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def find_free() -> int:
    """A port that nothing listens on. Raises ConfigurationError when none turns up."""
    for _ in range(_TRIES):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if is_free(port):
            return port
    raise ConfigurationError(
        f"No free port on {LOOPBACK} between {_FIRST} and {_LAST}.", action="End programs that listen there."
    )


def asked_port(setting: str, value: str) -> int | None:
    """The port that the operator asked for in `setting`, None when it is empty."""
    if not value:
        return None
    if not value.isdecimal() or not 1 <= int(value) <= 65_535:
        raise ConfigurationError(
            f"{setting}={value!r} is not a port.", action="Give a number from 1 to 65535, or leave it empty."
        )
    return int(value)


def require_free(setting: str, port: int) -> int:
    """`port`, or a ConfigurationError that names the setting which asks for it while another program has it."""
    if not is_free(port):
        raise ConfigurationError(
            f"{setting}={port}: another program listens on {LOOPBACK}:{port}, or this user may not listen there.",
            action=f"Choose another port in {setting}, or leave it empty for a free one.",
        )
    return port
