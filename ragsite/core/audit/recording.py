"""Writing entries: in the transaction of what they tell of, in one statement, whether one entry or many."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from ragsite.core.audit.codes import entry_code, key_in_use, plain
from ragsite.core.audit.models import AuditEntry, Outcome
from ragsite.core.audit.words import words_commit

if TYPE_CHECKING:
    from ragsite.core.actors import Actor  # which writes entries itself

_LEADS_TO_TENANT = ("knowledge_base", "evaluation_set", "question", "document", "version", "query", "tenant")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class AuditObject:
    """What an act was done to; empty for nothing in particular. `tenant_id` is whose it is, None for the installation's."""

    type: str = ""
    id: str = ""
    name: str = ""
    tenant_id: UUID | None = None

    @classmethod
    def of(cls, row: Model, *, tenant_id: UUID | None = None) -> AuditObject:
        """A row, by the name of its model; its tenant is found where it says one."""
        return replace(cls.unnamed(row, tenant_id=tenant_id), name=str(row))

    @classmethod
    def unnamed(cls, row: Model, *, tenant_id: UUID | None = None) -> AuditObject:
        """As `of`, for a row whose name is what somebody asked: that is told to nobody here."""
        kind = _CAPITAL.sub("_", type(row).__name__).lower()
        return cls(kind, str(row.pk), tenant_id=tenant_id or tenant_of(row))


NOTHING = AuditObject()


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did: `action` is two words with a full stop between, such as `api_key.created`."""

    action: str
    on: AuditObject = NOTHING
    details: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome = Outcome.SUCCESS


def act_record(act: Act, *, actor: Actor) -> UUID:
    """Write an entry; its id. Outside of a transaction it is committed at once."""
    return acts_record([(act, actor)])[0]


def acts_record(acts: Iterable[tuple[Act, Actor]]) -> list[UUID]:
    """As `act_record`, for several."""
    entries = [_entry(act, actor) for act, actor in acts]
    if entries:
        _insert(entries)
    return [entry.pk for entry in entries]


def tenant_of(row: Model) -> UUID | None:
    """The tenant of a row that says one, or belongs to a row that does; None for any other."""
    if row._meta.label == "gateway.Tenant":
        itself: UUID = row.pk
        return itself
    named: UUID | None = getattr(row, "tenant_id", None)
    if named is not None:
        return named
    names = {one.name for one in row._meta.concrete_fields if one.is_relation}
    above = next((getattr(row, name) for name in _LEADS_TO_TENANT if name in names), None)
    return tenant_of(above) if above is not None else None


def _entry(act: Act, actor: Actor) -> AuditEntry:
    key, on = key_in_use(), act.on
    entry = AuditEntry(
        tenant_id=on.tenant_id,
        at=timezone.now(),
        action=act.action,
        actor_kind=actor.kind.value,
        actor_id=_short(actor.id, 120),
        actor_name=_short(actor.name, 120),
        door=actor.door.value,
        request_id=_short(actor.request_id, 128),
        object_type=on.type,
        object_id=_short(on.id, 120),
        object_name=_short(on.name, 200),
        outcome=act.outcome.value,
        details=plain(act.details),
        key_id=key.id,
    )
    words_commit(entry, key)
    entry.mac = entry_code(entry, key)
    return entry


def _short(text: str, most: int) -> str:
    kept: str = plain(text)
    return kept if len(kept) <= most else f"{kept[: most - 1]}…"


def _insert(entries: Sequence[AuditEntry]) -> None:
    statement, names = _insertion()
    rows = [{name: getattr(entry, name) for name in names} for entry in entries]
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows, default=_text)])


@functools.cache
def _insertion() -> tuple[str, tuple[str, ...]]:
    """The statement, and the columns that it takes: an entry, and that it waits for its seal, at once."""
    fields = AuditEntry._meta.concrete_fields
    columns = ", ".join(f'"{field.column}"' for field in fields)
    types = ", ".join(f'"{field.column}" {field.db_type(connection)}' for field in fields)
    statement = f"""
        WITH entries AS (
            INSERT INTO core_auditentry ({columns}) SELECT {columns} FROM json_to_recordset(%s::json) AS given ({types})
            RETURNING id, tenant_id
        )
        INSERT INTO core_auditwaiting (entry_id, tenant_id) SELECT id, tenant_id FROM entries
    """  # noqa: S608 - the names are those of the model's own columns
    return statement, tuple(field.column for field in fields)


def _text(value: Any) -> str:
    return (
        f"\\x{value.hex()}"
        if isinstance(value, bytes)
        else value.isoformat()
        if hasattr(value, "isoformat")
        else str(value)
    )
