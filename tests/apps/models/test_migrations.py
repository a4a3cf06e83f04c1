"""Migrations on a database that the versions before them filled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command

from tests.filled import database_of_own

pytestmark = pytest.mark.servers
FILLED = "filled"
MODELS = "INSERT INTO model_registry_model (id, name, kind, is_default) VALUES (%s, %s, %s, true)"
VERSIONS = """
    INSERT INTO model_registry_modelversion (id, model_id, revision, source, path, sha256, dimensions, max_tokens, status)
    VALUES (gen_random_uuid(), %s, '1', '/a', '/a', repeat('0', 64), %s, 256, 'active')
"""
BEFORE = {("small", "embedding", 384), ("cross", "reranker", 1)}
AFTER = {("small", "embedding", 384), ("cross", "reranking", None)}


@pytest.fixture
def owner(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The owner's address of a database of the test's own, which Django knows as FILLED."""
    with database_of_own(FILLED, django_db_blocker) as url:
        yield url


def migrate(to: str) -> None:
    call_command("migrate", "model_registry", to, database=FILLED, verbosity=0)


def registered(url: str) -> set[tuple[str, str, int | None]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT m.name, m.kind, v.dimensions FROM model_registry_modelversion v"
            " JOIN model_registry_model m ON m.id = v.model_id"
        )
        return {(str(name), str(kind), dimensions) for name, kind, dimensions in rows}


def test_models_of_the_versions_before_keep_their_kind_and_get_no_prompts_and_rerankers_lose_their_dimension(
    owner: str,
) -> None:
    migrate("0001")
    with psycopg.connect(owner) as connection:
        for number, (name, kind, dimensions) in enumerate(sorted(BEFORE)):
            pk = f"00000000-0000-0000-0000-00000000000{number}"
            connection.execute(MODELS, [pk, name, kind])
            connection.execute(VERSIONS, [pk, dimensions])

    migrate("0002")
    assert registered(owner) == AFTER
    with psycopg.connect(owner) as connection:
        assert connection.execute(
            "SELECT count(*) FROM model_registry_modelversion v JOIN model_registry_model m"
            " ON m.id = v.model_id AND m.kind = v.kind"
        ).fetchone() == (2,)

    migrate("0003")
    with psycopg.connect(owner) as connection:
        prompts = "SELECT DISTINCT query_prompt, document_prompt FROM model_registry_modelversion"
        assert connection.execute(prompts).fetchall() == [("", "")]

    migrate("0001")
    assert registered(owner) == BEFORE
