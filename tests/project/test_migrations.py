"""A migration that keeps others from a large table, or that the release before it can't live with, is refused."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Now

from ragsite import VERSION
from ragsite.stack.local import PROJECT_DIR
from tests.project.migration_rules import CONTRACTS, EXCUSED, RELEASED, SMALL, Rules, faults_since

CHECK = models.CheckConstraint(condition=models.Q(size__gt=0), name="size_positive")
INDEX = models.Index(fields=["size"], name="by_size")
ADD = {"model_name": "document", "name": "new"}
ALTER = {"model_name": "document", "name": "title"}


def told(*operations: Any, atomic: bool = True) -> list[str]:
    """What is said against a migration that does this to a table of documents."""
    fields = {
        "id": models.BigAutoField(primary_key=True), "title": models.CharField(max_length=100, null=True),
        "size": models.IntegerField(null=True),
    }  # fmt: skip
    state = ProjectState({("shop", "document"): ModelState("shop", "Document", list(fields.items()))})
    migration = migrations.Migration("0002_new", "shop")
    migration.operations, migration.atomic = list(operations), atomic
    return Rules().faults(migration, state)


def test_no_migration_since_the_last_release_is_against_the_rules() -> None:
    assert faults_since() == [], "docs/adr/0087-expand-and-contract.md says what is done instead"


def test_the_rules_find_what_earlier_migrations_did() -> None:
    """They were made before the first release, when no installation had rows."""
    found = faults_since({})
    assert any(one.startswith("core.0014_outbox_days: RunSQL keeps others from the table") for one in found)
    assert not [one for one in found if one.startswith("documents.0025_by_title")]


def test_what_is_named_is_there() -> None:
    graph = MigrationLoader(None).graph
    assert [(app, name) for app, name in RELEASED.items() if (app, name) not in graph.nodes] == []
    named = {one.partition(":")[0] for one in (*EXCUSED, *CONTRACTS)}
    assert named <= {f"{app}.{name}" for app, name in graph.nodes}
    state = MigrationLoader(None).project_state()
    assert {f"{app}.{name}" for app, name in state.models} >= SMALL
    with (PROJECT_DIR / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["version"] == VERSION


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (migrations.AddIndex("document", INDEX), "makes an index while nobody writes"),
        (migrations.AddConstraint("document", CHECK), "reads the table while nobody writes"),
        (migrations.AddField(**ADD, field=models.IntegerField(default=0)), "give it a db_default or null=True"),
        (migrations.AddField(**ADD, field=models.IntegerField(null=True, db_index=True)), "makes an index"),
        (
            migrations.AddField(**ADD, field=models.ForeignKey("self", models.CASCADE, null=True)), "makes an index",
        ),
        (migrations.AlterField(**ALTER, field=models.CharField(max_length=100)), "reads the table while nobody uses it"),
        (migrations.AlterField(**ALTER, field=models.CharField(max_length=50, null=True)), "writes the whole table anew"),
        (migrations.AlterField(**ALTER, field=models.IntegerField(null=True)), "writes the whole table anew"),
        (migrations.AlterField(**ALTER, field=models.CharField(max_length=100, null=True, unique=True)), "makes an index"),
        (migrations.RemoveField("document", "title"), "takes away"),
        (migrations.RenameField("document", "title", "name"), "takes away"),
        (migrations.RenameModel("Document", "Paper"), "takes away"),
        (migrations.DeleteModel("Document"), "takes away"),
        (AddIndexConcurrently("document", INDEX), "needs `atomic = False`"),
        (migrations.RunSQL("CREATE INDEX by_size ON shop_document (size)"), "makes an index"),
        (migrations.RunSQL("ALTER TABLE shop_document ADD CONSTRAINT c CHECK (size > 0)"), "reads the table"),
        (migrations.RunSQL("ALTER TABLE shop_document ALTER COLUMN size TYPE bigint"), "writes the whole table anew"),
        (migrations.RunSQL("ALTER TABLE shop_document ALTER size SET NOT NULL"), "reads the table"),
        (migrations.RunSQL(["LOCK TABLE shop_document", "SELECT 1"]), "keeps others from the table"),
        (migrations.RunSQL("ALTER TABLE shop_document DROP COLUMN size"), "takes away"),
    ],
)  # fmt: skip
def test_what_would_hold_a_large_table_or_break_the_release_before_is_refused(operation: Any, why: str) -> None:
    found = told(operation)
    assert len(found) == 1, found
    assert found[0].startswith(f"shop.0002_new: {type(operation).__name__} ")
    assert why in found[0]


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField(**ADD, field=models.IntegerField(null=True)),
        migrations.AddField(**ADD, field=models.DateTimeField(db_default=Now())),
        migrations.AlterField(**ALTER, field=models.CharField(max_length=200, null=True)),
        migrations.AlterField(**ALTER, field=models.TextField(null=True, help_text="Other words.")),
        AddConstraintNotValid("document", CHECK),
        migrations.RemoveConstraint("document", "old"),
        migrations.RunSQL("CREATE INDEX CONCURRENTLY by_size ON shop_document (size)"),
        migrations.RunSQL("ALTER TABLE shop_document ADD CONSTRAINT c CHECK (size > 0) NOT VALID"),
        migrations.RunSQL("CREATE TABLE shop_new (id int); CREATE INDEX new_id ON shop_new (id)"),
    ],
)
def test_what_takes_a_moment_is_not_refused(operation: Any) -> None:
    if isinstance(operation, migrations.RemoveConstraint):
        operation = migrations.SeparateDatabaseAndState(database_operations=[operation])
    assert told(operation) == []


def test_a_new_table_is_empty_and_a_constraint_is_validated_by_itself() -> None:
    fields = [("id", models.BigAutoField(primary_key=True)), ("size", models.IntegerField())]
    assert told(migrations.CreateModel("New", fields), migrations.AddIndex("new", INDEX)) == []
    both = AddConstraintNotValid("document", CHECK), ValidateConstraint("document", "size_positive")
    assert told(*both, atomic=False) == []
    (one,) = told(*both)
    assert "under the lock of what stands before it" in one
