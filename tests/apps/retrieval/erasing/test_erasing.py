"""All traces of a document, a user or a tenant are found and erased, whatever happens meanwhile, and what stays is said."""

from __future__ import annotations

import io
import json
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from apps.documents.blobs import blobs_after
from apps.documents.models import Document, DocumentVersion, Grant, KnowledgeBase
from apps.documents.rights.access import access_scope
from apps.retrieval.erasing import services
from apps.retrieval.erasing.services import ERASE, erasure_ask, erasure_find
from apps.retrieval.models import Answer, Conversation, Erasure, ErasureState, Query
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from ragsite.core.actors import Actor, Door, change_log
from ragsite.core.audit.models import AuditEntry, Outcome
from ragsite.core.audit.recording import Act, AuditObject, act_record
from ragsite.core.audit.sealing import next_seal
from ragsite.core.audit.verifying import audit_verify
from ragsite.core.audit.words import words_kept
from ragsite.core.errors import NotFoundError
from ragsite.core.models import OutboxEvent
from ragsite.gateway.accounts import account_tell
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import IdempotencyRecord, Permission, Role, Tenant
from ragsite.gateway.sign_ins import SignIn, sign_in_begin
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.documents.masking.test_doors import tables_with

pytestmark = pytest.mark.django_db

QUESTION = "How many berths for guests has the harbour?"
NAME = "wilhelmina.quist"


def asked_by(user: User, base: KnowledgeBase) -> Answer:
    principal = principal_of_user(user, tenant_id=base.tenant_id)
    scope = access_scope(principal, knowledge_base_ids=[base.pk])
    return ask(SearchRequest(QUESTION), scope=scope, actor=principal.actor(Door.ADMIN), deadline=make.soon())


def told_of(user: User, tenant: Tenant) -> None:
    """Entries with the user's name in each place."""
    actor = Actor.of_user(user, door=Door.ADMIN)
    change_log(f"{user.username} was made a reader", actor=ACTOR, of=AuditObject(tenant_id=tenant.pk))
    change_log("a model was moved", actor=actor)
    account_tell("account.signed_in", user, address="10.1.2.3", outcome=Outcome.FAILURE)
    message = [{"added": {"name": "membership", "object": f"{user.username} in Harbour"}}]
    act_record(
        Act("form.changed", AuditObject("group", "1", user.username, tenant.pk), {"message": message}), actor=ACTOR
    )


def erased(subject: str, subject_id: object, tenant: Tenant) -> Erasure:
    asked = erasure_ask(subject=subject, subject_id=str(subject_id), tenant_id=tenant.pk, actor=ACTOR)
    while asked.state == ErasureState.ERASING:
        assert make.work_once(ERASE)
        make.run_deletions()
        Erasure.objects.filter(pk=asked.pk).update(not_before="2020-01-01T00:00Z")
        asked.refresh_from_db()
    return asked


def test_of_a_document_nothing_is_left_but_the_event_that_says_so(django_capture_on_commit_callbacks: Any) -> None:
    version, other = make.ready_version(), make.ready_version()
    base, tenant = version.document.knowledge_base, version.document.tenant
    client = make.client(tenant)
    body = {"question": QUESTION, "knowledge_bases": [str(base.pk)]}
    client.post("/api/v1/ask", body, content_type="application/json", headers={"Idempotency-Key": "k1"})
    with django_capture_on_commit_callbacks(execute=True):
        report = erased("document", version.document_id, tenant)
    assert report.state == ErasureState.DONE
    assert report.erased["questions"] == report.found["questions"] == 1
    assert report.erased["documents"] == 1
    assert not Document.objects.filter(pk=version.document_id).exists()
    assert not Query.objects.exists()
    assert version.blob not in blobs_after("", limit=100)
    assert Document.objects.filter(pk=other.document_id).exists()
    types = OutboxEvent.objects.filter(key=str(version.document_id)).order_by("id").values_list("type", flat=True)
    assert [one.removesuffix(".v1") for one in types] == ["document.deleted", "erasure.done"]
    assert {one["what"] for one in report.kept} >= {"backups", "published_events"}
    entries = AuditEntry.objects.filter(object_id=str(version.document_id)).exclude(action="erasure.done")
    assert entries.exists()
    assert not {place for one in entries for place in words_kept(one)} - {"actor_name"}
    assert audit_verify(tenant.pk).is_whole


def test_of_a_user_no_table_has_the_name_and_what_others_asked_stays() -> None:
    version = make.ready_version()
    base, tenant = version.document.knowledge_base, version.document.tenant
    user, other = make.member(tenant, Role.EDITOR, name=NAME), make.member(tenant)
    DocumentVersion.objects.filter(pk=version.pk).update(actor=Actor.of_user(user, door=Door.ADMIN).as_dict())
    asked_by(user, base)
    stays = asked_by(other, base)
    Conversation.objects.create(tenant=tenant, user=user, begun_by=f"{NAME}, admin", title="Mine")
    make.grant(base, user)
    Grant.objects.update(granted_by=f"{NAME}, admin")
    make.grant(version.document, other)
    Grant.objects.filter(user=other).update(granted_by=f"{NAME}, admin")
    with patch("ragsite.gateway.sign_ins.logger"):
        sign_in_begin(SignIn(NAME, ""))
    IdempotencyRecord.objects.create(tenant=tenant, key="k", fingerprint="f", body=f'"by {NAME}"'.encode(), status=200)
    next_seal()
    told_of(user, tenant)
    assert len(tables_with(NAME)) > 4 - 1
    report = erased("user", user.pk, tenant)
    assert tables_with(NAME) <= {"retrieval_idempotencyrecord"}
    logs = [audit_verify(one) for one in (tenant.pk, None)]
    assert [one.findings for one in logs] == [[], []]
    assert sum(one.erased for one in logs) == report.erased["audit_entries"] == 5
    people = AuditEntry.objects.filter(actor_kind="user").exclude(actor_id="").values_list("actor_id", "actor_name")
    assert set(people) == {(str(user.pk), ""), (str(other.pk), other.username)}
    assert list(Answer.objects.all()) == [stays]
    assert not User.objects.filter(pk=user.pk).exists()
    assert report.erased["sign_in_tries"] == 1
    version.refresh_from_db()
    assert version.actor is not None
    assert version.actor["name"] == "an erased user"
    again = Erasure.objects.count()
    assert again == 1


def test_an_account_stays_where_it_belongs_to_another_tenant() -> None:
    base = make.knowledge_base()
    user = make.member(base.tenant, name=NAME)
    elsewhere = make.tenant()
    user.memberships.create(tenant=elsewhere, role=Role.READER)
    erased("user", user.pk, base.tenant)
    assert [one.tenant for one in user.memberships.all()] == [elsewhere]


def test_of_others_with_a_longer_name_and_of_programs_named_alike_the_words_stay() -> None:
    base = make.knowledge_base()
    tenant, user = base.tenant, make.member(base.tenant, name="ada")
    act_record(Act("thing.done", AuditObject("thing", "1", "ada", tenant.pk)), actor=Actor.of_command("ada"))
    act_record(Act("thing.done", AuditObject("thing", "2", "adamant", tenant.pk), {"of": "ada2"}), actor=ACTOR)
    erased("user", user.pk, tenant)
    kept = AuditEntry.objects.filter(action="thing.done").order_by("id").values_list("actor_name", "object_name")
    assert list(kept) == [("ada", ""), (ACTOR.name, "adamant")]
    theirs = make.member(make.tenant(), name="adamant")
    with pytest.raises(NotFoundError):
        erasure_find(subject="user", subject_id=str(theirs.pk), tenant_id=tenant.pk, actor=ACTOR)


def test_a_worker_that_dies_between_two_steps_costs_one_bite() -> None:
    version = make.ready_version()
    tenant = version.document.tenant
    asked_by(make.member(tenant), version.document.knowledge_base)
    asked = erasure_ask(subject="document", subject_id=str(version.document_id), tenant_id=tenant.pk, actor=ACTOR)
    with patch.object(services, "_progressed", side_effect=SystemExit), pytest.raises(SystemExit):
        make.work_once(ERASE)
    assert Query.objects.count() == 1
    Erasure.objects.update(lease_owner="", lease_until=None)
    same = erasure_ask(subject="document", subject_id=str(version.document_id), tenant_id=tenant.pk, actor=ACTOR)
    assert same.pk == asked.pk
    report = erased("document", version.document_id, tenant)
    assert report.erased["questions"] == 1


def test_of_a_tenant_only_rows_without_a_name_are_left() -> None:
    tenant = make.tenant("Velvet Harbour")
    base = make.knowledge_base(of=tenant, name="Crimson handbook")
    version = make.ready_version(base)
    user = make.member(tenant, name=NAME)
    asked_by(user, base)
    _, client = make.keyed(tenant)
    report = erased("tenant", tenant.pk, tenant)
    assert report.state == ErasureState.DONE
    assert tables_with("Velvet", "Crimson", NAME, "42 berths") == set()
    assert audit_verify(tenant.pk).is_whole
    assert not DocumentVersion.objects.filter(pk=version.pk).exists()
    assert client.get("/api/v1/documents/").status_code == 401


def test_who_manages_grants_erases_over_rest_and_first_sees_what_there_is() -> None:
    version = make.ready_version()
    tenant, path = version.document.tenant, "/api/v1/erasures/"
    said = {"subject": "document", "id": str(version.document_id)}
    editor = make.client(tenant, Permission.READ, Permission.WRITE, Permission.QUERY)
    assert editor.post(path, said, content_type="application/json").status_code == 403
    owner, stranger = make.client(tenant), make.client(make.tenant())
    assert stranger.post(path, said, content_type="application/json").status_code == 404
    dry = owner.post(path, {**said, "dry_run": True}, content_type="application/json")
    assert (dry.status_code, dry.json()["found"]["documents"]) == (200, 1)
    assert not Erasure.objects.exists()
    asked = owner.post(path, said, content_type="application/json")
    assert asked.status_code == 202
    seen = owner.get(f"{path}{asked.json()['id']}/").json()
    assert (seen["state"], seen["subject_id"]) == ("erasing", str(version.document_id))
    assert stranger.get(f"{path}{asked.json()['id']}/").status_code == 404


def test_a_key_for_named_knowledge_bases_erases_nothing_and_reads_no_audit_log() -> None:
    base = make.knowledge_base()
    tenant, user = base.tenant, make.member(base.tenant)
    may = {"permissions": list(Permission), "knowledge_base_ids": [base.pk]}
    _, text = api_key_create(tenant=tenant, name="narrowed", **may, actor=ACTOR)
    client, path = Client(headers={"Authorization": f"Bearer {text}"}), "/api/v1/erasures/"
    document = make.upload(base).version.document
    for subject, pk in (("tenant", tenant.pk), ("user", user.pk), ("document", document.pk)):
        for dry_run in (True, False):
            said = {"subject": subject, "id": str(pk), "dry_run": dry_run}
            assert client.post(path, said, content_type="application/json").status_code == 403
    assert not Erasure.objects.exists()
    refused = [client.get(address).json()["code"] for address in (path, "/api/v1/audit-entries/")]
    assert refused == ["permission_denied"] * 2


def test_the_command_erases_and_reports() -> None:
    version = make.ready_version()
    args = ("erase", "document", str(version.document_id), "--tenant", version.document.tenant.name, "--json")
    told: list[Any] = []
    for more in (("--dry-run",), ()):
        out = io.StringIO()
        call_command(*args, *more, stdout=out)
        told.append(json.loads(out.getvalue()))
    assert told[0]["found"]["documents"] == 1
    assert (told[1]["state"], told[1]["erased"]["documents"]) == ("done", 1)
    assert not Document.objects.exists()
