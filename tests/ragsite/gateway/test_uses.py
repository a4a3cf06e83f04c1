from __future__ import annotations

import pytest
from django.test import RequestFactory

from ragsite.gateway.uses import network_of, use_of, use_text


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("127.0.0.1", "loopback"), ("::1", "loopback"), ("::ffff:127.0.0.1", "loopback"), ("10.1.2.3", "private"),
        ("fe80::1", "private"), ("8.8.8.8", "public"), ("2a00:1450::1", "public"), ("", "unknown"), ("localhost", "unknown"),
    ],
)  # fmt: skip
def test_an_address_is_of_one_kind_of_network(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(("path", "door"), [("/api/v1/search", "rest"), ("/v1/models", "openai"), ("/mcp", "mcp")])
def test_a_use_is_a_door_and_a_network_and_no_address(path: str, door: str) -> None:
    assert use_of(RequestFactory().get(path, REMOTE_ADDR="8.8.4.4")) == f"{door} public"


def test_a_use_is_told_in_words_and_what_is_none_is_not() -> None:
    assert use_text("openai private") == "OpenAI-compatible API, from a private network"
    assert [use_text(kept) for kept in ("", "rest", "fax public", "rest moon")] == [""] * 4
