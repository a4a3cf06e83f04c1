"""What the provider's settings may say, and where its claims are looked for."""

from __future__ import annotations

import pytest

from ragsite.core.environment import environment_read
from ragsite.core.errors import ConfigurationError
from ragsite.gateway.oidc.id_tokens import claimed


def test_a_claim_may_lie_within_another() -> None:
    claims = {"groups": "crew", "realm_access": {"roles": ["a", 7, "", "b"]}, "x": {"y": None}}
    found = [claimed(claims, path) for path in ("groups", "realm_access.roles", "x.y", "x.y.z", "nothing")]
    assert found == [{"crew"}, {"a", "b"}, set(), set(), set()]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ISSUER", "http://login.example"), ("ISSUER", "login.example"), ("SCOPES", "profile"), ("MEMBERSHIPS", "crew=harbour"),
        ("MEMBERSHIPS", "crew=harbour:superuser"), ("CLIENT_SECRET_FILE", "/nowhere/secret"), ("ALGORITHM", "HS256"),
        ("ALGORITHM", "none"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("RAGSITE_PROCESS", "web")
    monkeypatch.setenv(f"RAGSITE_OIDC_{variable}", value)
    with pytest.raises(ConfigurationError, match=f"RAGSITE_OIDC_{variable}"):
        environment_read()
