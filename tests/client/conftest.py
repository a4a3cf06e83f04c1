from __future__ import annotations

import pytest
from ragsite_client import waiting


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited before something was tried again, and not waited."""
    waited: list[float] = []
    monkeypatch.setattr(waiting.time, "sleep", waited.append)
    return waited
