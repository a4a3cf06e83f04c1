"""Migration 0008 on a database that has vectors."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import psycopg
import pytest

from apps.retrieval.index.generations import generation_index_if_large
from apps.retrieval.models import IndexGeneration
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)
MIGRATION = import_module("apps.retrieval.migrations.0008_embedding_versions")
NOT_NULL = "ALTER TABLE retrieval_embedding ALTER COLUMN version_id SET NOT NULL"
VERSIONS = """
    SELECT count(*), count(*) FILTER (WHERE e.version_id = c.version_id)
    FROM retrieval_embedding e JOIN documents_chunk c ON c.id = e.chunk_id
"""


def test_vectors_that_are_there_get_their_versions_and_keep_their_graph(settings: Any) -> None:
    settings.RAGSITE_HNSW_MIN_ROWS = 1
    version, _ = make.ready_version(), make.ready_version()
    generation = IndexGeneration.objects.get(knowledge_base=version.document.knowledge_base)
    generation_index_if_large(generation)
    graph = f"{generation.partition}_hnsw"
    # All in one transaction, as a migration is, and none of it stays.
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner:
        number, _ = owner.execute(VERSIONS).fetchone() or (0, 0)
        owner.execute(MIGRATION.NO_TRIGGER)
        owner.execute("ALTER TABLE retrieval_embedding DROP COLUMN version_id")
        for statement in (MIGRATION.COLUMN, MIGRATION.FILL, NOT_NULL, MIGRATION.TRIGGER):
            owner.execute(statement)
        assert owner.execute(VERSIONS).fetchone() == (number, number)
        assert number > 1
        assert owner.execute("SELECT to_regclass(%s) IS NOT NULL", [graph]).fetchone() == (True,)
        owner.rollback()
