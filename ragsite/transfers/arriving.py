"""Rows of an export as they are inserted: with the ids of here, the people of here, and the states that a worker goes on from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import AutoField, Model

from apps.documents.models import (
    VERSION_STOPPED,
    Document,
    DocumentVersion,
    Grant,
    KnowledgeBase,
    TextEdit,
    VersionStatus,
)
from ragsite.core.actors import Actor, ActorKind
from ragsite.gateway.models import Tenant
from ragsite.transfers.ids import Ids
from ragsite.transfers.people import Kind, People
from ragsite.transfers.reading import Census, Row
from ragsite.transfers.tables import Table

NOT_INDEXED = "imported"
NOT_INDEXED_TEXT = (
    "It came with an import, in which only the version that answers is indexed. Retry it to be able to go back to it."
)


@dataclass(frozen=True, slots=True)
class Lost:
    """A grant that was not given, or a setting that was not set, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """What all rows of an import go by. `blobs` are their names here by those there; `names` those of knowledge bases."""

    tenant: Tenant
    ids: Ids
    census: Census
    people: People
    blobs: Mapping[str, str]
    names: Mapping[str, str]
    actor: Actor
    lost: list[Lost] = field(default_factory=list)

    def row(self, table: Table, row: Row) -> Row | None:
        """A row of the table as it is inserted; None for one that is left out."""
        settle = _SETTLED.get(table.model)
        settled = settle(self, dict(row)) if settle else dict(row)
        return None if settled is None else self._placed(table, settled)

    def _placed(self, table: Table, row: Row) -> Row:
        for name, model in table.references.items():
            if row.get(name) is not None:
                row[name] = self._reference(model, row[name])
        if table.has_ids:
            row[table.model._meta.pk.attname] = self.ids.of(row[table.model._meta.pk.attname])
        if table.names_ids:
            row = {name: self.ids.within(value) if _is_json(value) else value for name, value in row.items()}
        if table.has_tenant:
            row["tenant_id"] = str(self.tenant.pk)
        return row

    def _reference(self, model: type[Model], old: Any) -> Any:
        if model is User:
            return self.people.here.get((Kind.USER, str(old)))
        if model is Group:
            return self.people.here.get((Kind.GROUP, str(old)))
        return self.ids.of(old)


def _is_json(value: Any) -> bool:
    return isinstance(value, (list, dict))


def _base(arrival: Arrival, row: Row) -> Row:
    return {**row, "name": arrival.names[row["id"]]}


def _document(arrival: Arrival, row: Row) -> Row:
    """None of its versions answers before it is indexed."""
    del row["current_version_id"]
    return row


def _version(arrival: Arrival, row: Row) -> Row:
    """The one that answers is taken up where its input stands, as is an upload after it. An earlier one has no vectors here, so
    that nobody can go back to it before it is retried; a re-chunked one must not come to answer in place of the current one.
    """
    start = VersionStatus.PARSED if row["id"] in arrival.census.texts else VersionStatus.UPLOADED
    row |= {
        "blob": arrival.blobs[row["blob"]], "actor": arrival.actor.as_dict(), "chunk_count": 0, "ready_at": None,
    }  # fmt: skip
    current = arrival.census.current[row["document_id"]]
    answers_from = arrival.census.newest[row["document_id"]].number if current else 0
    is_current = current == row["id"]
    if row["status"] in VERSION_STOPPED and not is_current:
        return {**row, "retry_status": start.value}
    is_upload = row["status"] != VersionStatus.READY and row["rechunk_of_id"] is None
    if is_current or (is_upload and row["number"] >= answers_from):
        return {**row, "status": start.value, "retry_status": "", "error_code": "", "error": ""}
    stopped = {"status": VersionStatus.CANCELLED.value, "retry_status": start.value}
    return {**row, **stopped, "error_code": NOT_INDEXED, "error": NOT_INDEXED_TEXT}


def _edit(arrival: Arrival, row: Row) -> Row:
    """Who made it keeps the name; the id there is somebody else's here."""
    if row["actor"] is not None:
        kept = Actor.from_dict(row["actor"])
        is_user = kept.kind is ActorKind.USER
        here = arrival.people.user(kept.id) if is_user else None
        row["actor"] = {**kept.as_dict(), "id": "" if here is None else str(here)} if is_user else kept.as_dict()
    return row


def _grant(arrival: Arrival, row: Row) -> Row | None:
    """A grant to somebody who is nobody here is left out, and told."""
    kind, old = next((kind, row[name]) for kind, name in _SUBJECTS.items() if row[name] is not None)
    if (kind, str(old)) in arrival.people.here:
        return row
    base, document = row["knowledge_base_id"], row["document_id"]
    on = f"knowledge base {arrival.names[base]!r}" if base else f"document {arrival.ids.of(document)}"
    person = arrival.census.people[kind, str(old)]
    arrival.lost.append(Lost(f"grant on {on} to {person.text}", arrival.people.nobody[kind, str(old)]))
    return None


_SUBJECTS: Mapping[Kind, str] = {Kind.USER: "user_id", Kind.GROUP: "group_id", Kind.KEY: "api_key_id"}
_SETTLED: Mapping[Any, Callable[[Arrival, Row], Row | None]] = {
    KnowledgeBase: _base,
    Document: _document,
    DocumentVersion: _version,
    TextEdit: _edit,
    Grant: _grant,
}


def rows_put(model: type[Model], rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns, as they are; the others get what a new row has.

    Raises:
        IntegrityError, DataError: one of them is not possible.
    """
    if not rows:
        return
    fields = {field.attname: field for field in model._meta.concrete_fields}
    fresh = _defaults(model, rows[0])
    given = [fields[name] for name in (*fresh, *rows[0])]
    columns = ", ".join(f'"{field.column}"' for field in given)
    types = ", ".join(f'"{field.column}" {field.db_type(connection)}' for field in given)
    document = [{fields[name].column: value for name, value in {**fresh, **row}.items()} for row in rows]
    statement = f"""
        INSERT INTO "{model._meta.db_table}" ({columns})
        SELECT {columns} FROM json_to_recordset(%s::json) AS given ({types})
    """  # noqa: S608 - the names are those of the model's own columns
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(document)])


def _defaults(model: type[Model], row: Row) -> Row:
    """Of columns that the row lacks and that have a default, but not one of the database."""
    fields: list[Any] = [one for one in model._meta.concrete_fields if not isinstance(one, AutoField)]
    lacking = [one for one in fields if one.attname not in row]
    return {one.attname: one.get_default() for one in lacking if not one.has_db_default()}
