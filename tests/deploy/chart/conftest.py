"""Helm's own code, which there is as a package for some machines only."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


@pytest.fixture(scope="session", autouse=True)
def helm() -> None:
    if find_spec("helm_python") is None:
        pytest.fail("No helm-python-sdk here: it has no package for this machine. Deselect with -m 'not helm'.")
