"""Words of the audit log can be erased for a reason that is told there, and in no other way; it still verifies."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import DatabaseError, connection

from ragsite.core.actors import Actor
from ragsite.core.audit.erasing import words_erase
from ragsite.core.audit.models import ERASED, AuditEntry, AuditSeal
from ragsite.core.audit.recording import Act, AuditObject, acts_record
from ragsite.core.audit.sealing import next_seal
from ragsite.core.audit.verifying import Fault, audit_verify
from ragsite.core.audit.words import is_wordless, words_kept
from tests.acting import user
from tests.ragsite.core.audit.test_log import faults
from tests.ragsite.core.audit.test_log import owner as owner

NAME = "wilhelmina"
ERASING = Actor.of_command("manage.py erase")


def written(number: int, tenant_id: UUID) -> list[UUID]:
    details = {"what": f"{NAME} moved it", "n": 7, "by": [{"name": NAME}], "of": str(tenant_id)}
    on = AuditObject("thing", "7", f"The thing of {NAME}", tenant_id)
    return acts_record([(Act("thing.done", on, details), user(NAME))] * number)


def erased(ids: list[UUID], tenant_id: UUID) -> int:
    words = {one.pk: list(words_kept(one)) for one in AuditEntry.objects.filter(pk__in=ids)}
    return words_erase(words, tenant_id=tenant_id, erasure_id=uuid4(), actor=ERASING)


def rows_with(text: str, ids: list[UUID]) -> int:
    with connection.cursor() as cursor:
        says = "SELECT count(*) FROM core_auditentry e WHERE (to_jsonb(e) - 'actor_id')::text LIKE %s AND id = ANY(%s)"
        cursor.execute(says, [f"%{text}%", ids])
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_of_entries_in_seals_and_on_the_way_there_words_are_erased_and_the_log_verifies() -> None:
    tenant_id = uuid4()
    ids = written(3, tenant_id)
    next_seal()
    ids += written(2, tenant_id)
    before, macs = audit_verify(tenant_id), dict(AuditEntry.objects.values_list("pk", "mac"))
    assert (before.is_whole, before.erased, rows_with(NAME, ids)) == (True, 0, 5)
    assert erased(ids[:4], tenant_id) == 4
    assert erased(ids[4:], tenant_id) == 1
    assert rows_with(NAME, ids) == 0
    while next_seal():
        pass
    after = audit_verify(tenant_id, head=before.head)
    assert (after.findings, after.erased, after.entries) == ([], 5, 5 + 2)
    entry = AuditEntry.objects.get(pk=ids[0])
    assert entry.details == {"what": None, "n": 7, "by": None, "of": str(tenant_id)}
    assert (entry.actor_id, entry.object_id, macs[entry.pk]) == (f"id of {NAME}", "7", entry.mac)
    assert words_kept(entry) == {}
    told = AuditEntry.objects.filter(action=ERASED).order_by("id")
    assert [(one.details["entries"], one.actor_name) for one in told] == [(4, ERASING.name), (1, ERASING.name)]


FAKES = {
    "a word that is emptied": "UPDATE core_auditentry SET object_name = '' WHERE id = %(kept)s",
    "a word that is emptied without its salt": (
        "UPDATE core_auditentry SET object_name = '', salts = salts - 'object_name' WHERE id = %(kept)s"
    ),
    "an erasing that nothing tells of": (
        "UPDATE core_auditentry SET object_name = '', salts = salts || '{\"object_name\": \"\"}' WHERE id = %(kept)s"
    ),
    "an erasing that is told of another entry": (
        "UPDATE core_auditentry SET actor_name = '', salts = salts || jsonb_build_object('actor_name', %(told)s::text) "
        "WHERE id = %(kept)s"
    ),
    "an erasing that is told of by an edited entry": (
        "UPDATE core_auditentry SET details = jsonb_set(details, '{erased,actor_name}', "
        "to_jsonb(ARRAY[%(gone)s::text, %(kept)s::text])) WHERE id = %(told)s; "
        "UPDATE core_auditentry SET actor_name = '', salts = salts || jsonb_build_object('actor_name', %(told)s::text) "
        "WHERE id = %(kept)s"
    ),
    "an erased word that is written anew": "UPDATE core_auditentry SET object_name = 'x' WHERE id = %(gone)s",
    "an erased detail that is taken out": "UPDATE core_auditentry SET details = details - 'what' WHERE id = %(kept)s",
    "another word": "UPDATE core_auditentry SET actor_name = 'mallory' WHERE id = %(kept)s",
    "a word more": "UPDATE core_auditentry SET details = details || '{\"more\": \"x\"}' WHERE id = %(gone)s",
    "another commitment": (
        "UPDATE core_auditentry SET commitments = commitments || jsonb_build_object('actor_name', commitments -> 'object_name') "
        "WHERE id = %(gone)s"
    ),
    "another salt": (
        "UPDATE core_auditentry SET salts = salts || jsonb_build_object('actor_name', upper(salts ->> 'actor_name')) "
        "WHERE id = %(kept)s"
    ),
    "commitments that are no object": "UPDATE core_auditentry SET commitments = 'null' WHERE id = %(kept)s",
    "salts that are no object": "UPDATE core_auditentry SET salts = '[1]' WHERE id = %(kept)s",
    "details that are no object": "UPDATE core_auditentry SET details = '[1]' WHERE id = %(gone)s",
    "what tells of it removed": "DELETE FROM core_auditentry WHERE id = %(told)s",
}  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_an_erasing_that_is_faked_with_the_owners_rights_is_found(owner: psycopg.Connection[Any]) -> None:
    for what, statements in FAKES.items():
        tenant_id = uuid4()
        gone, kept = written(2, tenant_id)
        next_seal()
        erased([gone], tenant_id)
        next_seal()
        told = AuditEntry.objects.get(action=ERASED, tenant_id=tenant_id).pk
        assert audit_verify(tenant_id).is_whole, what
        for statement in statements.split("; "):
            owner.execute(statement, {"gone": gone, "kept": kept, "told": told})
        assert Fault.EDITED in faults(audit_verify(tenant_id)), what
        owner.execute("DELETE FROM core_auditwaiting")


@pytest.mark.django_db(transaction=True)
def test_the_application_erases_by_an_entry_alone_and_a_forged_one_is_found() -> None:
    tenant_id, other = uuid4(), uuid4()
    (first, second), (theirs,) = written(2, tenant_id), written(1, other)
    erased([first], tenant_id)
    told = AuditEntry.objects.get(action=ERASED)
    while next_seal():
        pass
    for entry_id in (told.pk, second, uuid4()):
        with pytest.raises(DatabaseError, match="no entry that waits"), connection.cursor() as cursor:
            cursor.execute("SELECT core_audit_erase(%s)", [entry_id])
    with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('ragsite.audit_erasing', 'on', false)")
        cursor.execute("UPDATE core_auditentry SET actor_name = ''")
    with connection.cursor() as cursor:
        cursor.execute("RESET ragsite.audit_erasing")
    for words, of in (
        ({theirs: ["actor_name"]}, tenant_id),
        ({first: ["actor_name"]}, tenant_id),
        ({second: ["n"]}, tenant_id),
    ):
        with pytest.raises(DatabaseError, match="what is not there"):
            words_erase(words, tenant_id=of, erasure_id=uuid4(), actor=ERASING)
    assert audit_verify(tenant_id).is_whole
    forged = AuditEntry.objects.get(pk=told.pk)
    forged.pk, forged.details = uuid4(), {"erased": {"actor_name": [str(second)]}}
    forged.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO core_auditwaiting (entry_id, tenant_id) VALUES (%s, %s)", [forged.pk, tenant_id])
        cursor.execute("SELECT core_audit_erase(%s)", [forged.pk])
    found = {one.where for one in audit_verify(tenant_id).findings}
    assert found == {f"entry {second}", f"entry {forged.pk}"}
    assert AuditSeal.objects.filter(tenant_id=tenant_id).count() == 1


def test_numbers_ids_and_codes_are_no_words() -> None:
    plain = {"n": [1, None, True], "id": str(uuid4()), "digest": "0a" * 32, "none": ""}
    assert is_wordless(plain)
    for words in ("ada", "10.0.0.1", "1.5", ["ada"], {"of": {"name": "ada"}}):
        assert not is_wordless({**plain, "more": words}), words
