"""Random changes to an audit log, by somebody who owns its tables: what each is, and whether verifying finds it."""
# ruff: noqa: S608 - chance need not be secret, and the statements are made of columns of ours

from __future__ import annotations

import os
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from benchmarks.acting import ACTOR
from benchmarks.place import say
from ragsite.core.audit.erasing import words_erase
from ragsite.core.audit.models import ERASED, AuditCheckpoint, AuditEntry, AuditSeal
from ragsite.core.audit.recording import Act, AuditObject, act_record
from ragsite.core.audit.sealing import next_seal
from ragsite.core.audit.verifying import Head, audit_verify
from ragsite.core.audit.words import words_kept
from ragsite.gateway.auditing.retention import log_prune
from ragsite.gateway.tenants import tenant_audit_keep, tenant_get_or_create

ENTRIES, SEALS, CHECKPOINTS, WAITING = "core_auditentry", "core_auditseal", "core_auditcheckpoint", "core_auditwaiting"
TABLES = (ENTRIES, SEALS, CHECKPOINTS)
MODELS = {ENTRIES: AuditEntry, SEALS: AuditSeal, CHECKPOINTS: AuditCheckpoint}
SEALED = 12
OF_EACH = 5
LOOKED_AT = 20
"""After each so many changes it is looked at whether the log is whole again."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Log:
    """A tenant's log as it was written, and the session that changes it."""

    owner: psycopg.Connection[Row]
    tenant_id: UUID
    head: Head
    dice: random.Random

    def row(self, table: str) -> Row:
        """Any row of the tenant's."""
        found = self.owner.execute(
            f"SELECT * FROM {table} WHERE tenant_id = %s ORDER BY id", [self.tenant_id]
        ).fetchall()
        return self.dice.choice(found)

    def do(self, statement: str, *values: Any) -> int:
        return self.owner.execute(statement, values).rowcount


def tampered(edits: int) -> float:
    """The share of so many random changes that are found."""
    tenant_id, head = _written()
    missed: Counter[str] = Counter()
    with _owner() as owner:
        log = Log(owner, tenant_id, head, random.Random(5))
        _copied(owner)
        for number in range(edits):
            name = list(EDITS)[number % len(EDITS)]
            changed = EDITS[name](log)
            if not changed:
                raise AssertionError(f"{name} changed nothing")
            if audit_verify(tenant_id, head=head).is_whole:
                missed[name] += 1
            _undone(owner)
            if number % LOOKED_AT == 0 and not audit_verify(tenant_id, head=head).is_whole:
                raise AssertionError(f"{name} was not undone")
    say(f"{edits} changes of {len(EDITS)} kinds, missed: {dict(missed) or 'none'}")
    return 1 - missed.total() / edits


def _written() -> tuple[UUID, Head]:
    """A log of `SEALED` seals, of which the first two were pruned."""
    with _at(timedelta(days=40)):
        tenant = tenant_get_or_create(name="Tampered", actor=ACTOR)
        tenant_audit_keep(tenant=tenant, days=30, actor=ACTOR)
    while next_seal():
        pass
    for number in range(SEALED):
        with _at(timedelta(days=40 if number < 2 else 1)):
            for place in range(OF_EACH):
                on = AuditObject("thing", str(place), f"Thing {place}", tenant.pk)
                act_record(Act("thing.done", on, {"number": number, "of": ["a", "b"]}), actor=ACTOR)
        next_seal()
    log_prune(tenant.pk, actor=ACTOR)
    _erased(tenant.pk)
    while next_seal():
        pass
    verified = audit_verify(tenant.pk)
    if not verified.is_whole or verified.head is None:
        raise AssertionError(f"The log is not whole: {verified.findings}")
    return tenant.pk, verified.head


def _erased(tenant_id: UUID) -> None:
    """Of every third entry that is left the words are erased."""
    entries = AuditEntry.objects.filter(tenant_id=tenant_id, action="thing.done").order_by("id")[::3]
    words = {entry.pk: list(words_kept(entry)) for entry in entries}
    words_erase(words, tenant_id=tenant_id, erasure_id=uuid.uuid4(), actor=ACTOR)


@contextmanager
def _at(age: timedelta) -> Iterator[None]:
    """Entries are written as if it were so long ago."""
    with patch("ragsite.core.audit.recording.timezone.now", lambda: datetime.now(tz=UTC) - age):
        yield


@contextmanager
def _owner() -> Iterator[psycopg.Connection[Row]]:
    """With the triggers away."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True, row_factory=psycopg.rows.dict_row) as owner:
        for table in TABLES:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
        yield owner
        for table in TABLES:
            owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")


def _copied(owner: psycopg.Connection[Row]) -> None:
    for table in (*TABLES, WAITING):
        owner.execute(f"CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table}")


def _undone(owner: psycopg.Connection[Row]) -> None:
    with owner.transaction():
        for table in (*TABLES, WAITING):
            owner.execute(f"DELETE FROM {table}")
            owner.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")


def _edit(table: str) -> Callable[[Log], int]:
    """Another value in any column of any row."""

    def edit(log: Log) -> int:
        row = log.row(table)
        column = log.dice.choice([field.column for field in MODELS[table]._meta.concrete_fields])
        value = _other(row[column], log.dice)
        try:
            return log.do(f"UPDATE {table} SET {column} = %s WHERE id = %s", value, row["id"])
        except psycopg.errors.UniqueViolation:
            return edit(log)  # Another seal has the number.

    return edit


def _other(value: Any, dice: random.Random) -> Any:
    """A value of the same type that is another one."""
    match value:
        case str():
            return f"{value[:8]}x" if value else "x"
        case int():
            return value + dice.choice([1_000, 2_000])
        case UUID():
            return uuid.uuid4()
        case datetime():
            return value + timedelta(microseconds=dice.choice([-1, 1, 10**9]))
        case bytes():
            place = dice.randrange(len(value))
            return value[:place] + bytes([value[place] ^ (1 << dice.randrange(8))]) + value[place + 1 :]
        case list():
            return dice.choice([value[1:], value[::-1], [*value, uuid.uuid4()], [*value, value[0]]])
        case dict():
            return Jsonb(dice.choice([value | {"number": -1}, value | {"more": None}, *([{}] if value else [])]))
        case _:
            raise TypeError(f"{value!r}")


def _remove(table: str) -> Callable[[Log], int]:
    return lambda log: log.do(f"DELETE FROM {table} WHERE id = %s", log.row(table)["id"])


def _remove_seal_with_entries(log: Log) -> int:
    seal = log.row(SEALS)
    log.do(f"DELETE FROM {ENTRIES} WHERE id = ANY(%s)", seal["entry_ids"])
    return log.do(f"DELETE FROM {SEALS} WHERE id = %s", seal["id"])


def _cut_the_tail(log: Log) -> int:
    """The last seals with their entries, and all that could wait."""
    least = log.head.number - log.dice.randrange(3)
    log.do(
        f"DELETE FROM {ENTRIES} WHERE id IN (SELECT unnest(entry_ids) FROM {SEALS} WHERE tenant_id = %s AND number >= %s)",
        log.tenant_id, least,
    )  # fmt: skip
    return log.do(f"DELETE FROM {SEALS} WHERE tenant_id = %s AND number >= %s", log.tenant_id, least)


def _cut_the_beginning(log: Log) -> int:
    first = log.do(
        f"DELETE FROM {SEALS} WHERE tenant_id = %s AND number = (SELECT min(number) FROM {SEALS} WHERE tenant_id = %s)",
        log.tenant_id, log.tenant_id,
    )  # fmt: skip
    return first + log.do(
        f"UPDATE {CHECKPOINTS} SET number = number + 1 WHERE tenant_id = %s", log.tenant_id
    )  # fmt: skip


def _exchange(log: Log) -> int:
    """Two entries exchange their ids: each stands where the other stood."""
    one, other = log.row(ENTRIES), log.row(ENTRIES)
    while one["id"] == other["id"]:
        other = log.row(ENTRIES)
    aside = uuid.uuid4()
    for was, becomes in ((one["id"], aside), (other["id"], one["id"]), (aside, other["id"])):
        log.do(f"UPDATE {ENTRIES} SET id = %s WHERE id = %s", becomes, was)
    return 2


def _exchange_places(log: Log) -> int:
    """Two entries exchange their places in their seal."""
    seal = log.row(SEALS)
    while len(seal["entry_ids"]) < 2:
        seal = log.row(SEALS)
    ids = list(seal["entry_ids"])
    one, other = log.dice.sample(range(len(ids)), 2)
    ids[one], ids[other] = ids[other], ids[one]
    return log.do(f"UPDATE {SEALS} SET entry_ids = %s WHERE id = %s", ids, seal["id"])


def _exchange_seals(log: Log) -> int:
    one, other = log.row(SEALS), log.row(SEALS)
    while one["id"] == other["id"]:
        other = log.row(SEALS)
    for seal, number in ((one, -1), (other, one["number"]), (one, other["number"])):
        log.do(f"UPDATE {SEALS} SET number = %s WHERE id = %s", number, seal["id"])
    return 2


def _copy(log: Log) -> int:
    """An entry once more, under an id of its own."""
    return _inserted(log, log.row(ENTRIES) | {"id": uuid.uuid4()})


def _forge(log: Log) -> int:
    """An entry that nobody wrote, as if it waited for its seal."""
    made = log.row(ENTRIES) | {"id": uuid.uuid4(), "actor_name": "mallory", "mac": log.dice.randbytes(32)}
    log.do(f"INSERT INTO {WAITING} (entry_id, tenant_id) VALUES (%s, %s)", made["id"], log.tenant_id)
    return _inserted(log, made)


def _forge_seal(log: Log) -> int:
    last = log.owner.execute(
        f"SELECT * FROM {SEALS} WHERE tenant_id = %s ORDER BY number DESC LIMIT 1", [log.tenant_id]
    ).fetchone()
    assert last is not None
    made = last | {"id": uuid.uuid4(), "number": last["number"] + 1, "hash": log.dice.randbytes(32)}
    names = ", ".join(made)
    return log.do(f"INSERT INTO {SEALS} ({names}) VALUES ({', '.join(['%s'] * len(made))})", *made.values())


def _fake_erasing(log: Log) -> int:
    """Words are emptied as if they had been erased, without their salt or as an entry tells of others."""
    told = log.owner.execute(f"SELECT id::text FROM {ENTRIES} WHERE action = %s", [ERASED]).fetchone()
    assert told is not None
    row = log.row(ENTRIES)
    while not row["object_name"]:
        row = log.row(ENTRIES)
    salts = {name: salt for name, salt in row["salts"].items() if name != "object_name"}
    faked = log.dice.choice([salts, *(salts | {"object_name": one} for one in ("", told["id"], str(uuid.uuid4())))])
    return log.do(f"UPDATE {ENTRIES} SET object_name = '', salts = %s WHERE id = %s", Jsonb(faked), row["id"])


def _fill_in(log: Log) -> int:
    """A word that was erased is written anew, with a salt of its own or without."""
    row = log.row(ENTRIES)
    while "-" not in row["salts"].get("object_name", ""):
        row = log.row(ENTRIES)
    salt = log.dice.choice([row["salts"]["object_name"], log.dice.randbytes(16).hex()])
    salts = Jsonb(row["salts"] | {"object_name": salt})
    return log.do(f"UPDATE {ENTRIES} SET object_name = 'Thing', salts = %s WHERE id = %s", salts, row["id"])


def _take_back_what_tells(log: Log) -> int:
    """What tells of an erasing is removed."""
    return log.do(f"DELETE FROM {ENTRIES} WHERE tenant_id = %s AND action = %s", log.tenant_id, ERASED)


def _inserted(log: Log, row: Row) -> int:
    values = [Jsonb(value) if isinstance(value, dict) else value for value in row.values()]
    return log.do(f"INSERT INTO {ENTRIES} ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(values))})", *values)


EDITS: Mapping[str, Callable[[Log], int]] = {
    "an entry edited": _edit(ENTRIES),
    "a seal edited": _edit(SEALS),
    "an entry edited, again": _edit(ENTRIES),
    "the checkpoint edited": _edit(CHECKPOINTS),
    "an entry removed": _remove(ENTRIES),
    "a seal removed": _remove(SEALS),
    "the checkpoint removed": _remove(CHECKPOINTS),
    "a seal removed with its entries": _remove_seal_with_entries,
    "two entries exchanged": _exchange,
    "two places exchanged": _exchange_places,
    "two seals exchanged": _exchange_seals,
    "an entry copied": _copy,
    "an entry forged": _forge,
    "a seal forged": _forge_seal,
    "an erasing faked": _fake_erasing,
    "an erased word filled in": _fill_in,
    "what tells of an erasing removed": _take_back_what_tells,
    "the end cut off": _cut_the_tail,
    "the beginning cut off": _cut_the_beginning,
}
