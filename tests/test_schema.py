"""The schema that tests begin with."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.schema import PROJECT, sources


@pytest.mark.django_db
def test_the_copied_database_has_every_migration() -> None:
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []


def test_it_is_made_again_once_a_migration_changes_or_what_one_imports() -> None:
    names = {path.relative_to(PROJECT).as_posix() for path in sources()}
    assert {"requirements/lock.txt", "ragsite/core/migrations/0001_initial.py", "ragsite/stack/databases.py"} <= names
    assert {"ragsite/core/row_security.py", "ragsite/core/bounds.py", "apps/documents/languages.py"} <= names
    assert len(names) < 300, "most changes of the code leave the schema as it is"
