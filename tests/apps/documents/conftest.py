from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from apps.documents.models import KnowledgeBase
from tests import factories as make
from tests.apps.documents.intake.outside import Server


@pytest.fixture
def base(db: None) -> KnowledgeBase:
    return make.knowledge_base()


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    """A client that may do everything in the tenant of `base`."""
    return make.client(base.tenant)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    running.thread.start()
    yield running
    running.http.shutdown()
    running.http.server_close()
