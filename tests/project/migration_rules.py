"""What a migration may do to a table that has rows, while the release before it goes on working.

Two questions of each operation. Does it keep others from a large table for longer than a moment? And can code that does not know
of it go on reading and writing? docs/adr/0087-expand-and-contract.md says why, and what is done instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    NotInTransactionMixin,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

RELEASED: Mapping[str, str] = {
    "core": "0015_settings",
    "documents": "0026_stage_begun",
    "gateway": "0019_settings_manage",
    "model_registry": "0012_folders",
    "monitoring": "0003_webhooks",
    "retrieval": "0029_experiments",
}
"""The last migration of each app that installations have. It moves on with a release; what came before is looked at no more."""

SMALL = {
    "core.scheduledjob", "core.settingchange", "core.walk", "core.workerpresence",
    "documents.knowledgebase", "documents.knowledgebasedeletion", "documents.maskingchange",
    "gateway.apikey", "gateway.membership", "gateway.tenant", "gateway.worklimit",
    "model_registry.model", "model_registry.modeltask", "model_registry.modelversion",
    "monitoring.healthcheck", "monitoring.webhook",
    "retrieval.evaluationset", "retrieval.evaluationrun", "retrieval.indexgeneration", "retrieval.reindex",
}  # fmt: skip
"""Tables of as many rows as there are tenants, keys, models or knowledge bases: a look at each takes milliseconds. All others are
taken for large.
"""

EXCUSED: Mapping[str, str] = {}
"""Operations that are refused and stand all the same, as `app.migration: operation`, each with what keeps them from harm."""

CONTRACTS: Mapping[str, str] = {}
"""Migrations that take away what an earlier release used, by `app.migration`: the release from which on nothing uses it."""

TAKES = "takes away"
REWRITING_SQL = (
    (r"\bCREATE (UNIQUE )?INDEX (?!CONCURRENTLY)", "makes an index while nobody writes"),
    (r"\bADD (CONSTRAINT \w+ )?(CHECK|FOREIGN KEY)\b(?![^;]*NOT VALID)", "reads the table while nobody writes"),
    (r"\bALTER (COLUMN )?\w+ (SET DATA )?TYPE\b", "writes the whole table anew"),
    (r"\bSET NOT NULL\b", "reads the table while nobody uses it"),
    (r"\bLOCK TABLE \w+", "keeps others from the table"),
    (r"\b(VACUUM FULL|CLUSTER|REINDEX (?!.*CONCURRENTLY))", "writes the whole table anew"),
    (r"\bDROP (TABLE|COLUMN)\b|\bRENAME\b", "takes away what the release before it uses"),
)
_FUNCTION = re.compile(r"CREATE (?:OR REPLACE )?FUNCTION .*?(\$\w*\$).*?\1", re.IGNORECASE | re.DOTALL)
_ABOUT = re.compile(r"\b(?:ON|TABLE)(?: ONLY| IF EXISTS| IF NOT EXISTS)* (\w+)", re.IGNORECASE)
_CREATED = re.compile(r"\bCREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)


@dataclass
class Rules:
    """The rules for some migrations in their order; `made` are the tables that they make, which are empty."""

    made: set[str] = field(default_factory=set)

    def faults(self, migration: migrations.Migration, state: ProjectState) -> list[str]:
        """What is against them, with the name of the migration. The state is that before it, and becomes that after it."""
        name = f"{migration.app_label}.{migration.name}"
        found = []
        for operation in migration.operations:
            kind = type(operation).__name__
            faults = self._of(operation, migration, state) if f"{name}: {kind}" not in EXCUSED else ()
            found += [f"{name}: {kind} {one}" for one in faults if not (one.startswith(TAKES) and name in CONTRACTS)]
            operation.state_forwards(migration.app_label, state)
        return found

    def _of(self, operation: Any, migration: migrations.Migration, state: ProjectState) -> Iterator[str]:
        if isinstance(operation, NotInTransactionMixin) and migration.atomic:
            yield "needs `atomic = False`"
        if isinstance(operation, ValidateConstraint) and migration.atomic and _has(migration, AddConstraintNotValid):
            yield "reads the table under the lock of what stands before it; give it a migration without a transaction"
        match operation:
            case migrations.CreateModel():
                self.made.add(f"{migration.app_label}.{operation.name_lower}")
            case migrations.RunSQL():
                yield from self._of_sql(operation)
            case migrations.SeparateDatabaseAndState():
                for one in operation.database_operations:
                    yield from self._of(one, migration, state)
            case _ if self._is_light(operation, migration.app_label):
                return
            case _:
                yield from _of_table(operation, migration.app_label, state)

    def _is_light(self, operation: Any, app: str) -> bool:
        """Whether the table is new; what is taken away is missed all the same."""
        name = getattr(operation, "model_name_lower", "") or getattr(operation, "name_lower", "")
        table = f"{app}.{name}"
        small = SMALL if not isinstance(operation, TAKING_AWAY) else set()
        return table in self.made or table in small

    def _of_sql(self, operation: migrations.RunSQL) -> Iterator[str]:
        for statement in _statements(operation.sql):
            self.made |= {name.lower() for name in _CREATED.findall(statement)}
            about = _ABOUT.search(statement)
            if about is None or about[1].lower() not in self.made:
                found = ((what, re.search(pattern, statement, re.IGNORECASE)) for pattern, what in REWRITING_SQL)
                yield from (f"{what} (`{match[0].strip()}`)" for what, match in found if match)


TAKING_AWAY = (migrations.DeleteModel, migrations.RemoveField, migrations.RenameField, migrations.RenameModel)


def _of_table(operation: Any, app: str, state: ProjectState) -> Iterator[str]:
    """Of an operation on a table that has many rows."""
    match operation:
        case AddConstraintNotValid() | AddIndexConcurrently() | RemoveIndexConcurrently():
            return
        case migrations.AddIndex():
            yield "makes an index while nobody writes; take AddIndexConcurrently"
        case migrations.AddConstraint():
            yield "reads the table while nobody writes; take AddConstraintNotValid, and ValidateConstraint in the next migration"
        case migrations.AddField():
            yield from _of_new_field(operation.field)
        case migrations.AlterField():
            before = state.models[app, operation.model_name_lower].fields[operation.name]
            yield from _of_changed_field(before, operation.field)
        case migrations.AlterUniqueTogether() | migrations.AlterModelTable():
            yield "changes the table while nobody uses it"
        case migrations.DeleteModel() | migrations.RemoveField():
            yield "takes away what the release before it uses; name the migration in CONTRACTS once that is history"
        case migrations.RenameField() | migrations.RenameModel():
            yield "takes away what the release before it uses; add the new one beside it"


def _of_new_field(new: models.Field[Any, Any]) -> Iterator[str]:
    if not new.null and not new.has_db_default() and not new.many_to_many:
        yield "is not known to the release before it, whose rows have no value for it; give it a db_default or null=True"
    if new.has_db_default() and "random" in repr(new.db_default).lower():
        yield "writes the whole table anew, as each row gets a value of its own"
    if (new.db_index or new.unique) and not new.many_to_many:
        yield "makes an index while nobody writes; add it with db_index=False, and the index by AddIndexConcurrently"


def _of_changed_field(before: models.Field[Any, Any], after: models.Field[Any, Any]) -> Iterator[str]:
    if before.null and not after.null:
        yield "reads the table while nobody uses it; add a check that it is not null, not valid at first"
    if (after.db_index or after.unique) and not (before.db_index or before.unique):
        yield "makes an index while nobody writes; take AddIndexConcurrently"
    if _type_of(before) != _type_of(after) and not _is_wider(before, after):
        yield "writes the whole table anew; add a column beside it"


def _type_of(one: models.Field[Any, Any]) -> tuple[Any, ...]:
    kind = type(one).__name__
    base = getattr(one, "base_field", None)
    return (kind, getattr(one, "max_length", None), getattr(one, "max_digits", None), base and _type_of(base))


def _is_wider(before: models.Field[Any, Any], after: models.Field[Any, Any]) -> bool:
    """A longer text, or one without an end, is what it was to PostgreSQL."""
    texts = (models.CharField, models.TextField)
    if not (isinstance(before, texts) and isinstance(after, texts)):
        return False
    return (after.max_length or 10**9) >= (before.max_length or 10**9)


def _has(migration: migrations.Migration, kind: type[Any]) -> bool:
    return any(isinstance(one, kind) for one in migration.operations)


def _statements(sql: Any) -> list[str]:
    """One by one, in single spaces. What a function does is done when it is called."""
    texts = [sql] if isinstance(sql, str) else [one if isinstance(one, str) else one[0] for one in sql]
    whole = ";".join(" ".join(_FUNCTION.sub("", text).split()) for text in texts)
    return [one for one in whole.split(";") if one.strip()]


def unreleased(loader: MigrationLoader, released: Mapping[str, str] = RELEASED) -> list[migrations.Migration]:
    """The migrations of ours that came after the last release, in an order in which they can run."""
    found: list[migrations.Migration] = []
    for leaf in loader.graph.leaf_nodes():
        for key in loader.graph.forwards_plan(leaf):
            migration = loader.graph.nodes[key]
            if key[0] in RELEASED and key[1] > released.get(key[0], "") and migration not in found:
                found.append(migration)
    return found


def faults_since(released: Mapping[str, str] = RELEASED) -> list[str]:
    """What is against the rules in the migrations since those."""
    loader = MigrationLoader(None)
    rules, found = Rules(), []
    for migration in unreleased(loader, released):
        state = loader.project_state((migration.app_label, migration.name), at_end=False)
        found += rules.faults(migration, state)
    return found
