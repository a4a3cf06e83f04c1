"""The audit log cannot be changed unnoticed: the database refuses it, and whoever gets around that is found out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from ragsite.core.actors import Actor, change_log
from ragsite.core.audit.codes import canonical, plain, text_digest
from ragsite.core.audit.models import AuditEntry, AuditSeal, AuditWaiting
from ragsite.core.audit.recording import Act, AuditObject, acts_record
from ragsite.core.audit.sealing import ACTOR as SEALING
from ragsite.core.audit.sealing import next_seal
from ragsite.core.audit.verifying import Fault, Head, Verified, audit_verify
from ragsite.core.models import OutboxEvent
from tests.acting import user

TABLES = ("core_auditentry", "core_auditseal", "core_auditcheckpoint")


@pytest.fixture
def owner() -> Iterator[psycopg.Connection[Any]]:
    """Somebody with the rights of the owner of the tables, who takes the triggers away."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as session:
        for table in TABLES:
            session.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
        yield session
        for table in TABLES:
            session.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")


def entries(number: int, *, tenant_id: UUID) -> list[UUID]:
    acts = (
        Act("thing.done", AuditObject("thing", str(n), f"Thing {n} Ä", tenant_id), {"n": n, "of": {"share": 0.5}})
        for n in range(number)
    )
    return acts_record((act, user("ada")) for act in acts)


def sealed(*numbers: int) -> UUID:
    """A tenant with a seal for so many entries each."""
    tenant_id = uuid4()
    for number in numbers:
        entries(number, tenant_id=tenant_id)
        assert next_seal() is not None
    return tenant_id


def faults(verified: Verified) -> set[Fault]:
    return {one.fault for one in verified.findings}


@pytest.mark.django_db(transaction=True)
def test_entries_become_links_of_their_tenants_chain_whose_head_is_published() -> None:
    ours, theirs = uuid4(), uuid4()
    mixed = [entries(2, tenant_id=ours), entries(1, tenant_id=theirs), entries(1, tenant_id=ours)]
    while next_seal():
        pass
    assert [list(one.entry_ids) for one in AuditSeal.objects.filter(tenant_id=ours)] == [[*mixed[0], *mixed[2]]]
    event = OutboxEvent.objects.get(type="audit.sealed", tenant_id=ours)
    assert (event.key, event.payload["number"], event.payload["count"]) == (str(ours), 1, 3)
    assert event.actor == SEALING.as_dict()
    verified = audit_verify(ours, head=Head(1, event.payload["hash"]))
    assert (verified.is_whole, verified.entries, verified.seals, verified.waiting) == (True, 3, 1, 0)
    assert audit_verify(theirs).head != verified.head


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_late_is_sealed_late_and_never_missed() -> None:
    tenant_id = uuid4()
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as late:
        with transaction.atomic():
            (first,) = entries(1, tenant_id=tenant_id)
            row = AuditEntry.objects.filter(pk=first).values_list().get()
            transaction.set_rollback(True)
        names = ", ".join(field.column for field in AuditEntry._meta.concrete_fields)
        values = [psycopg.types.json.Jsonb(one) if isinstance(one, dict) else one for one in row]
        late.execute(f"INSERT INTO core_auditentry ({names}) VALUES ({', '.join(['%s'] * len(values))})", values)  # noqa: S608 - columns
        late.execute("INSERT INTO core_auditwaiting (entry_id, tenant_id) VALUES (%s, %s)", [first, tenant_id])
        (second,) = entries(1, tenant_id=tenant_id)
        assert next_seal().entry_ids == [second]
        late.commit()
    assert next_seal().entry_ids == [first]
    assert audit_verify(tenant_id).is_whole


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", TABLES)
def test_the_application_may_read_and_add_and_nothing_else(table: str) -> None:
    remove = f"DELETE FROM {table}"  # noqa: S608 - a table of ours
    for statement in (f"UPDATE {table} SET key_id = ''", remove, f"TRUNCATE {table}"):  # noqa: S608 - likewise
        with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(statement)
        with (
            psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as owner,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
        ):
            owner.execute(statement)
    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('ragsite.audit_pruning', 'on', false)")
        cursor.execute(remove)
    with connection.cursor() as cursor:
        cursor.execute("RESET ragsite.audit_pruning")


EDITS = {
    "an edited column": ("UPDATE core_auditentry SET object_name = 'x' WHERE id = %(second)s", Fault.EDITED),
    "edited details": ("UPDATE core_auditentry SET details = '{}' WHERE id = %(second)s", Fault.EDITED),
    "an edited code": ("UPDATE core_auditentry SET mac = sha256('x') WHERE id = %(second)s", Fault.EDITED),
    "another key": ("UPDATE core_auditentry SET key_id = 'x' WHERE id = %(second)s", Fault.KEY_UNKNOWN),
    "another tenant": ("UPDATE core_auditentry SET tenant_id = NULL WHERE id = %(second)s", Fault.EDITED),
    "an entry removed": ("DELETE FROM core_auditentry WHERE id = %(second)s", Fault.MISSING),
    "one that waits removed": ("DELETE FROM core_auditentry WHERE id = %(waiting)s", Fault.MISSING),
    "one that waits removed with its place": (
        "DELETE FROM core_auditwaiting WHERE entry_id = %(waiting)s", Fault.INSERTED,
    ),
    "places that are swapped": (
        "UPDATE core_auditseal SET entry_ids = ARRAY[entry_ids[2], entry_ids[1]] || entry_ids[3:] "
        "WHERE tenant_id = %(tenant)s AND number = 1", Fault.OUT_OF_ORDER,
    ),
    "a seal removed": ("DELETE FROM core_auditseal WHERE tenant_id = %(tenant)s AND number = 1", Fault.MISSING),
    "a seal and its entries removed": (
        "WITH gone AS (DELETE FROM core_auditseal WHERE tenant_id = %(tenant)s AND number = 2 RETURNING entry_ids) "
        "DELETE FROM core_auditentry WHERE id IN (SELECT unnest(entry_ids) FROM gone)", Fault.MISSING,
    ),
    "the last seal removed": (
        "DELETE FROM core_auditseal WHERE tenant_id = %(tenant)s AND number = 3", Fault.INSERTED,
    ),
    "an edited seal": (
        "UPDATE core_auditseal SET until = now() WHERE tenant_id = %(tenant)s AND number = 2", Fault.OUT_OF_ORDER,
    ),
    "a copy": (
        "INSERT INTO core_auditentry SELECT gen_random_uuid(), tenant_id, at, action, actor_kind, actor_id, actor_name, door, "
        "request_id, object_type, object_id, object_name, outcome, details, commitments, salts, key_id, mac "
        "FROM core_auditentry WHERE id = %(second)s", Fault.EDITED,
    ),
    "the end cut off": (
        "WITH gone AS (DELETE FROM core_auditseal WHERE tenant_id = %(tenant)s AND number = 3 RETURNING entry_ids) "
        "DELETE FROM core_auditentry WHERE id IN (SELECT unnest(entry_ids) FROM gone)", Fault.CUT,
    ),
}  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_what_somebody_changes_with_the_owners_rights_is_found(owner: psycopg.Connection[Any]) -> None:
    for what, (statement, fault) in EDITS.items():
        tenant_id = sealed(3, 2, 2)
        (waiting,) = entries(1, tenant_id=tenant_id)
        whole = audit_verify(tenant_id)
        assert whole.is_whole, what
        second = AuditSeal.objects.get(tenant_id=tenant_id, number=1).entry_ids[1]
        owner.execute(statement, {"second": second, "waiting": waiting, "tenant": tenant_id})
        assert fault in faults(audit_verify(tenant_id, head=whole.head)), what
        owner.execute("DELETE FROM core_auditwaiting")


@pytest.mark.django_db(transaction=True)
def test_earlier_keys_verify_what_they_made_as_long_as_they_are_given(settings: Any) -> None:
    tenant_id = sealed(2)
    before, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 8
    entries(1, tenant_id=tenant_id)
    next_seal()
    assert faults(audit_verify(tenant_id)) == {Fault.KEY_UNKNOWN}
    settings.RAGSITE_AUDIT_EARLIER_KEYS = (before,)
    assert audit_verify(tenant_id).is_whole


@pytest.mark.django_db
def test_a_change_without_a_name_of_its_own_is_kept_in_words_and_waits_for_its_seal() -> None:
    change_log("a thing was moved", actor=Actor.of_command("manage.py things"))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.details, entry.actor_kind, entry.door) == (
        "change.made", {"what": "a thing was moved"}, "service", "command",
    )  # fmt: skip
    assert AuditWaiting.objects.get().entry_id == entry.pk
    change_log("told by its events", actor=Actor.of_command("manage.py things"), action=None)
    assert AuditEntry.objects.count() == 1


def test_what_is_kept_is_what_the_database_gives_back() -> None:
    given = {"a": 0.1, 1: [UUID(int=0), None, True], "nul\0": "\ud800", "z": {"y": 10**30}}
    kept = {"a": "0.1", "1": [str(UUID(int=0)), None, True], "nul�": "?", "z": {"y": 10**30}}
    assert plain(given) == kept
    assert canonical({"b": "ä", "a": 1}) == '{"a":1,"b":"ä"}'.encode()


def test_a_question_is_recognised_within_its_tenant_alone() -> None:
    one, other = uuid4(), uuid4()
    assert text_digest("when?", tenant_id=one) == text_digest("when?", tenant_id=one)
    assert text_digest("when?", tenant_id=one) != text_digest("when?", tenant_id=other)
