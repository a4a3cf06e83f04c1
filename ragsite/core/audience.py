"""Whether somebody still waits for what a thread is doing.

A thread can't be stopped from outside. So it is told that its client has left, and asks before it begins something dear.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class ClientLeft(BaseException):
    """Nobody waits for the result any more. Not an Exception, so that nobody falls back, tries again or counts a failure."""


class Client:
    """Whoever waits for what is done. One thread says that it has left, others look."""

    __slots__ = ("has_left",)

    def __init__(self) -> None:
        self.has_left = False


_client: ContextVar[Client | None] = ContextVar("client", default=None)


@contextmanager
def working_for(client: Client) -> Iterator[None]:
    """Within the block, what this thread does is for the client."""
    token = _client.set(client)
    try:
        yield
    finally:
        _client.reset(token)


def client_check(work: str) -> None:
    """Before work that nobody should do for nobody. Outside of a request there is somebody.

    Raises:
        ClientLeft: the client has left.
    """
    client = _client.get()
    if client is not None and client.has_left:
        raise ClientLeft(f"The client left before {work}.")
