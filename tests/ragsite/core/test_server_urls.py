from __future__ import annotations

import ipaddress

import pytest

from ragsite.core.server_urls import LONGEST, MOST_URLS, ModelAddress, may_connect, server_url, server_urls


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://localhost:11434/v1/", "http://localhost:11434/v1"),
        ("https://models.example/openai/v1", "https://models.example/openai/v1"),
        ("http://10.0.0.7", "http://10.0.0.7"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_this_machine_private_networks_and_others_may_be_connected(text: str, url: str) -> None:
    assert server_url(text) == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ftp://gpu/v1", "no http or https"),
        ("file:///etc/passwd", "no http or https"),
        ("gpu:8000/v1", "no http or https"),
        ("http://", "no http or https"),
        ("http://169.254.169.254/latest", "where no model server is"),
        ("http://[fe80::1]:80/v1", "where no model server is"),
        ("http://[fe80::1%25eth0]/v1", "where no model server is"),
        ("http://[::ffff:169.254.169.254]/", "where no model server is"),
        ("http://[fd00:ec2::254]/", "where no model server is"),
        ("http://0.0.0.0/v1", "where no model server is"),
        ("http://gpu:99999/v1", "no port"),
        ("http://gpu/v1?key=1", "more than host and path"),
        ("http://gpu/v1#model", "more than host and path"),
        ("http://gpu /v1", "blanks"),
        ("http://gpu\\@evil/v1", "blanks"),
        ("http://gpü/v1", "plain characters"),
        ("http://gpu/" + "v" * LONGEST, "plain characters"),
    ],
)
def test_what_no_model_server_is_at_is_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        server_url(text)


def test_a_login_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="login") as refused:
        server_url("http://me:sesame@gpu/v1")
    assert "sesame" not in str(refused.value)


EMBEDDED = ["::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::169.254.169.254", "64:ff9b::6464:64c8"]


@pytest.mark.parametrize(
    "address",
    ["169.254.1.1", "fe80::1", "224.0.0.1", "0.0.0.0", "::", "100.100.100.200", *EMBEDDED],  # noqa: S104
)
def test_addresses_of_networks_and_clouds_are_not_connected_to(address: str) -> None:
    assert not may_connect(ipaddress.ip_address(address))


def test_a_setting_names_servers_and_the_model_there() -> None:
    assert ModelAddress.parse("openai:http://a/v1#llama3.2:3b") == ModelAddress(("http://a/v1",), "llama3.2:3b")
    several = ModelAddress.parse("openai:http://a/v1, http://b/v1,http://a/v1/#org/name#q4")
    assert several == ModelAddress(("http://a/v1", "http://b/v1"), "org/name#q4")


@pytest.mark.parametrize(
    "text", ["openai:", "openai:#m", "openai:http://a/v1", "openai:http://a/v1# ", "http://a#m", "locl"]
)
def test_a_setting_that_names_neither_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="openai:http://127"):
        ModelAddress.parse(text)


def test_there_is_one_server_at_least_and_not_too_many() -> None:
    for urls in ([], [" "], [f"http://host{n}/v1" for n in range(MOST_URLS + 1)]):
        with pytest.raises(ValueError, match="not from 1 to"):
            server_urls(urls)


@pytest.mark.parametrize("address", ["::1", "127.0.0.1", "fd12::7", "2001:db8::1", "64:ff9b::a00:7"])
def test_this_machine_and_others_are(address: str) -> None:
    assert may_connect(ipaddress.ip_address(address))
