from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from ragsite.core.jobs import SilentDoorbell
from tests.events import every_payload_checked
from tests.s3 import bucket, credentials, s3_server  # noqa: F401 - fixtures for all
from tests.servers import migrate

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> None:
    """The stack was started for this session alone, so its own database is the test database."""
    migrate()


@pytest.fixture(autouse=True)
def _no_doorbell(settings: Any) -> None:
    """Only the flow tests, which start workers, ring for them."""
    settings.RAGSITE_DOORBELL = f"{SilentDoorbell.__module__}.{SilentDoorbell.__qualname__}"


@pytest.fixture(autouse=True)
def _blobs(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Every test has a store of its own."""
    settings.RAGSITE_BLOB_DIR = tmp_path / "blobs"
    yield
    shutil.rmtree(settings.RAGSITE_BLOB_DIR, ignore_errors=True)


@pytest.fixture(autouse=True)
def _payloads() -> Iterator[None]:
    """The events of every test match the published schemas."""
    with every_payload_checked():
        yield
