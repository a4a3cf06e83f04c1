from __future__ import annotations

import ipaddress

import pytest

from apps.documents.intake.addresses import ForbiddenUrlError, is_public, redirected, web_address

ANY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://example.org", "example.org", 80, "/"),
        ("https://example.org/a/b.pdf", "example.org", 443, "/a/b.pdf"),
        ("HTTPS://Example.ORG:443/a?b=c#d", "example.org", 443, "/a?b=c"),
        ("http://example.org:443/", "example.org", 443, "/"),
        ("http://example.org./a", "example.org", 80, "/a"),
        ("http://example.org:/a", "example.org", 80, "/a"),
        ("http://bücher.example/ä b".replace(" ", "%20"), "xn--bcher-kva.example", 80, "/%C3%A4%20b"),
        ("http://93.184.216.34/", "93.184.216.34", 80, "/"),
        ("http://[2606:2800:220:1::1]/", "2606:2800:220:1::1", 80, "/"),
        ("http://under_score.example.org/", "under_score.example.org", 80, "/"),
    ],
)
def test_an_address_is_read_into_one_form(url: str, host: str, port: int, target: str) -> None:
    address = web_address(url, allowed_hosts=ANY)
    assert (address.host, address.port, address.target) == (host, port, target)


def test_the_host_header_names_only_a_port_that_is_not_the_schemes_own() -> None:
    headers = [
        web_address(url, allowed_hosts=ANY).host_header
        for url in ("http://a.example:80/", "http://a.example:443/", "https://[2606:2800:220:1::1]/")
    ]
    assert headers == ["a.example", "a.example:443", "[2606:2800:220:1::1]"]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://example.org/", True),
        ("http://EXAMPLE.org./", True),
        ("http://example.org:8080/", False),
        ("http://sub.example.org/", False),
        ("http://example.org.evil.example/", False),
        ("http://other.example:8080/", True),
        ("http://other.example/", False),
    ],
)
def test_a_list_of_hosts_allows_those_hosts_and_ports_only(url: str, allowed: bool) -> None:
    hosts = {"example.org", "other.example:8080"}
    if allowed:
        assert web_address(url, allowed_hosts=hosts)
        return
    with pytest.raises(ForbiddenUrlError):
        web_address(url, allowed_hosts=hosts)


def test_a_redirect_is_relative_to_its_address_and_checked_alike() -> None:
    start = web_address("https://example.org/a/b?c", allowed_hosts=ANY)
    assert redirected(start, "d.pdf", allowed_hosts=ANY).url == "https://example.org/a/d.pdf"
    assert redirected(start, "//other.example/x", allowed_hosts=ANY).url == "https://other.example/x"
    with pytest.raises(ForbiddenUrlError):
        redirected(start, "file:///etc/passwd", allowed_hosts=ANY)
    with pytest.raises(ForbiddenUrlError):
        redirected(start, "//other.example/x", allowed_hosts={"example.org"})


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "2001:4860:4860::8888"])
def test_addresses_of_the_world_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.255.254",  # noqa: S104
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1",
        "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1",
        "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
        "fec0::1", "ff02::1", "4000::1",
    ],
)  # fmt: skip
def test_addresses_that_lead_inside_or_nowhere_are_not(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
