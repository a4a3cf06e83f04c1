"""Migrations on a database that the versions before them filled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ragsite.stack.postgres import PostgresServer
from tests.servers import own_folder

pytestmark = pytest.mark.servers
PROJECT = Path(__file__).resolve().parents[3]
MODELS = "INSERT INTO model_registry_model (id, name, kind, is_default) VALUES (%s, %s, %s, true)"
VERSIONS = """
    INSERT INTO model_registry_modelversion (id, model_id, revision, source, path, sha256, dimensions, max_tokens, status)
    VALUES (gen_random_uuid(), %s, '1', '/a', '/a', repeat('0', 64), %s, 256, 'active')
"""
BEFORE = {("small", "embedding", 384), ("cross", "reranker", 1)}
AFTER = {("small", "embedding", 384), ("cross", "reranking", None)}


@pytest.fixture
def owner() -> Iterator[str]:
    """The owner's address of a database of the test's own."""
    with own_folder() as folder:
        server = PostgresServer(folder=folder / "postgresql", environ={})
        server.start()
        try:
            yield server.urls("ragsite").owner
        finally:
            server.stop()


def migrate(url: str, to: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "model_registry", to, "--verbosity", "0"],
        cwd=PROJECT, env={**os.environ, "DATABASE_URL": url, "DATABASE_OWNER_URL": url}, check=True, timeout=180,
    )  # fmt: skip


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
    migrate(owner, "0001")
    with psycopg.connect(owner) as connection:
        for number, (name, kind, dimensions) in enumerate(sorted(BEFORE)):
            pk = f"00000000-0000-0000-0000-00000000000{number}"
            connection.execute(MODELS, [pk, name, kind])
            connection.execute(VERSIONS, [pk, dimensions])

    migrate(owner, "0002")
    assert registered(owner) == AFTER
    with psycopg.connect(owner) as connection:
        assert connection.execute(
            "SELECT count(*) FROM model_registry_modelversion v JOIN model_registry_model m"
            " ON m.id = v.model_id AND m.kind = v.kind"
        ).fetchone() == (2,)

    migrate(owner, "0003")
    with psycopg.connect(owner) as connection:
        prompts = "SELECT DISTINCT query_prompt, document_prompt FROM model_registry_modelversion"
        assert connection.execute(prompts).fetchall() == [("", "")]

    migrate(owner, "0001")
    assert registered(owner) == BEFORE
