"""The blocking client is made from the asynchronous one."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from ragsite_client import AsyncClient, Client

MAKER = Path(__file__).resolve().parents[2] / "client" / "blocking.py"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    found = importlib.util.spec_from_file_location("blocking", MAKER)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_blocking_modules_are_what_their_sources_say(maker: ModuleType) -> None:
    stale = [name for name in maker.MODULES if (maker.PACKAGE / f"{name}.py").read_text() != maker.blocking(name)]
    assert stale == [], "run `make client`"


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert methods(AsyncClient) == methods(Client) - {"close"} | {"aclose"}
