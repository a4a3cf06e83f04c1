from __future__ import annotations

import pytest

from ragsite.gateway.addresses import LONGEST, address_meant, addresses_known

ID = "01980000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("/api/v1/documents", "/api/v1/documents/"),
        ("/api/v1/search/", "/api/v1/search"),
        ("/api/v1//documents//", "/api/v1/documents/"),
        ("/health/ready/", "/health/ready"),
        ("/metrics/", "/metrics"),
        (f"/api/v1/documents/{ID}", f"/api/v1/documents/{ID}/"),
        (f"/api/v1/answers/{ID}/", f"/api/v1/answers/{ID}"),
        (f"/api/v1/versions/{ID}/chunk", f"/api/v1/versions/{ID}/chunks/"),
        (f"/api/v1/knowledge-base/{ID}/generations/7/", f"/api/v1/knowledge-bases/{ID}/generations/7/"),
        ("/api/v1/document/", "/api/v1/documents/"),
        ("/api/documents/", "/api/v1/documents/"),
        ("/helth/live", "/health/live"),
        ("/admin/documents/documnt/", "/admin/documents/document/"),
    ],
)
def test_a_wrong_slash_or_a_near_miss_leads_to_the_right_address(asked: str, meant: str) -> None:
    assert address_meant(asked) == meant


@pytest.mark.parametrize("asked", ["/", "/api/", "/api/v1/", "/wp-login.php", "/.env", "/" + "a" * LONGEST, "/%00"])
def test_where_nothing_is_near_nothing_is_guessed(asked: str) -> None:
    assert address_meant(asked) == ""


def test_patterns_that_catch_what_is_left_are_no_addresses() -> None:
    known = addresses_known()
    assert {"/api/v1/documents/{id}/", "/health/live", "/admin/documents/document/{id}/change/"} <= set(known)
    assert not [address for address in known if set("*^$?<>") & set(address) or address == "/api/v1/"]
