from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from apps.models.gateway import ModelTransport, set_transport
from apps.models.gateway.calls import TRANSPORTS


@pytest.fixture
def use_transport() -> Iterator[Callable[[ModelTransport], None]]:
    """Puts an own way to a model at the gateway's seam, for the length of the test."""
    names: list[str] = []

    def use(transport: ModelTransport) -> None:
        names.append(f"test {uuid.uuid4()}")
        TRANSPORTS[names[-1]] = lambda: transport
        set_transport(names[-1])

    yield use
    set_transport(None)
    for name in names:
        del TRANSPORTS[name]
