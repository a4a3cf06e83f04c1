"""Every setting in force stands on one page, in words, and nothing secret does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from apps.monitoring.operations.setting_words import SETTING_WORDS
from ragsite.core.environment import Environment
from ragsite.core.settings_told import settings_in_force, without_login
from ragsite.gateway.models import Role
from tests import factories as make

PAGE = "/admin/settings/"
SECRET = "a-secret-that-nobody-shall-ever-read-0123456789"


def named(client: Client, query: str = "") -> list[str]:
    return [one.setting.variable for _, rows in client.get(PAGE + query).context["groups"] for one in rows]


def test_every_setting_has_words() -> None:
    assert {name.upper() for name in Environment.model_fields} == SETTING_WORDS.keys()


@pytest.mark.django_db
def test_all_settings_are_shown_with_where_they_come_from(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGSITE_OCR", "true")
    monkeypatch.delenv("RAGSITE_LEASE_SECONDS", raising=False)
    assert set(named(admin_client)) == SETTING_WORDS.keys()
    found = {one.variable: one for one in settings_in_force()}
    assert (found["RAGSITE_OCR"].value, found["RAGSITE_OCR"].default, found["RAGSITE_OCR"].is_given) == (
        "True",
        "False",
        True,
    )
    assert not found["RAGSITE_LEASE_SECONDS"].is_given
    assert "RAGSITE_LEASE_SECONDS" not in named(admin_client, "?given=1")
    assert named(admin_client, "?q=scanned+pages") == ["RAGSITE_OCR"]
    assert "No setting is about that." in admin_client.get(f"{PAGE}?q=unicorns").content.decode()


@pytest.mark.django_db
def test_no_secret_is_shown(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGSITE_SECRET_KEY", SECRET)
    monkeypatch.setenv("RAGSITE_GENERATOR_API_KEY", SECRET)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://app:{SECRET}@db:5432/ragsite?sslpassword={SECRET}")
    monkeypatch.setenv("REDIS_URL", f"redis://:{SECRET}@redis:6379/0")
    text = admin_client.get(PAGE).content.decode()
    assert SECRET not in text
    assert "postgresql://…@db:5432/ragsite?sslpassword=…" in text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("postgresql:///ragsite?host=/run/pg&user=app", "postgresql:///ragsite?host=/run/pg&user=app"),
        ("redis://:p@ss/word@redis:6379", "redis://…@redis:6379"),
        ("openai:http://me:pw@gpu:8000/v1#llama", "openai:http://…@gpu:8000/v1#llama"),
        ("s3://bucket/prefix?endpoint_url=http://minio:9000&secret_key=x", "s3://bucket/prefix?endpoint_url=http://minio:9000&secret_key=…"),
    ],
)  # fmt: skip
def test_addresses_are_shown_without_logins(said: str, shown: str) -> None:
    assert without_login(said) == shown


@pytest.mark.django_db
def test_only_superusers_see_it(visitor: Callable[..., Client]) -> None:
    assert visitor(make.tenant(), Role.OWNER, "view_outboxevent").get(PAGE).status_code == 403
