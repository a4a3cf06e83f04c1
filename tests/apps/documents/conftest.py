from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apps.documents.services.outside import Server


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    running.thread.start()
    yield running
    running.http.shutdown()
    running.http.server_close()
