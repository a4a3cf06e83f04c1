"""Which transport this process uses: the setting RAGSITE_MODEL_TRANSPORT, unless it was told otherwise."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings

from apps.models.gateway.fake import FakeTransport
from apps.models.gateway.local import LocalTransport
from apps.models.gateway.protocol import ModelTransport
from apps.models.gateway.queue import QueueTransport
from ragsite.core.errors import ConfigurationError

TRANSPORTS: dict[str, Callable[[], ModelTransport]] = {
    "queue": QueueTransport,
    "local": LocalTransport,
    "fake": FakeTransport,
}

_made: dict[str, ModelTransport] = {}
_chosen: str | None = None
_lock = threading.Lock()


def current_transport() -> ModelTransport:
    """The transport in use; each kind is made once a process, so that its breakers remember."""
    name = _chosen or _known(settings.RAGSITE_MODEL_TRANSPORT)
    with _lock:
        if name not in _made:
            _made[name] = TRANSPORTS[name]()
        return _made[name]


def set_transport(name: str | None) -> None:
    """Use this transport in the whole process from now on; None goes back to the setting.

    Raises:
        ConfigurationError: there is no such transport.
    """
    global _chosen
    _chosen = name if name is None else _known(name)


@contextmanager
def using_transport(name: str) -> Iterator[None]:
    """Use a transport in the whole process, all threads included, until the block is left."""
    before = _chosen
    set_transport(name)
    try:
        yield
    finally:
        set_transport(before)


def _known(name: str) -> str:
    if name not in TRANSPORTS:
        raise ConfigurationError(
            f"RAGSITE_MODEL_TRANSPORT is {name!r}, which is no transport.",
            action=f"Set it to one of {', '.join(TRANSPORTS)}.",
        )
    return name
