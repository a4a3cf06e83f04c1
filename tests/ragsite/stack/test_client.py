from __future__ import annotations

import pytest

from apps.documents import models
from ragsite.stack import client as module
from ragsite.stack.client import Client


def test_waiting_ends_with_each_version_however_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client("http://nowhere", "key")
    ended = sorted(models.VERSION_ENDED)
    monkeypatch.setattr(client, "version", lambda status: {"status": status})
    assert [version["status"] for version in client.wait(list(ended), seconds=5)] == ended


def test_the_client_knows_every_end_by_itself() -> None:
    """It may not import the models, so it has the statuses as the API spells them."""
    assert set(module.VERSION_ENDED) == set(models.VERSION_ENDED)
