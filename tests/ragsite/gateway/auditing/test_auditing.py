"""The audit log of a tenant: who signs in, who is shown what, who reads it, and how long it is kept."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from apps.documents.models import DocumentVersion
from ragsite.core.audit.codes import entry_code, key_in_use, text_digest
from ragsite.core.audit.models import AuditCheckpoint, AuditEntry, AuditSeal
from ragsite.core.audit.recording import Act, AuditObject, act_record
from ragsite.core.audit.sealing import next_seal
from ragsite.core.audit.verifying import audit_verify
from ragsite.core.work import Turn
from ragsite.gateway.auditing import retention
from ragsite.gateway.auditing.ocsf import ocsf_event
from ragsite.gateway.models import Permission, Role, Tenant
from ragsite.gateway.tenants import tenant_audit_keep
from tests import factories as make
from tests.acting import ACTOR, user
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.apps.retrieval.streaming.reading import events_read, streamed

ENTRIES, QUESTION = "/api/v1/audit-entries/", "How many berths for guests has the harbour?"


@pytest.fixture
def version(db: None) -> DocumentVersion:
    return make.ready_version()


def shown(tenant_id: Any) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(tenant_id=tenant_id, action="passages.shown").order_by("id"))


def posted(client: Client, path: str, **body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


def called(*words: str) -> tuple[int, str]:
    out, code = io.StringIO(), 0
    try:
        call_command("audit", *words, stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        code = int(str(end.code))
    return code, out.getvalue()


def test_every_door_tells_which_passages_it_shows_to_whom_and_keeps_no_question(version: DocumentVersion) -> None:
    tenant = version.document.tenant
    key, client = make.keyed(tenant, Permission.QUERY, Permission.READ)
    found = posted(client, "/api/v1/search", query=QUESTION).json()["passages"]
    answer = posted(client, "/api/v1/ask", question=QUESTION).json()
    with runs_inline():
        events_read(streamed(posted(client, "/api/v1/ask", question=QUESTION, stream=True)))
    model = client.get("/v1/models").json()["data"][0]["id"]
    posted(client, "/v1/chat/completions", model=model, messages=[{"role": "user", "content": QUESTION}])
    entries = shown(tenant.pk)
    assert [(one.actor_id, one.door, one.object_type) for one in entries] == [
        (str(key.pk), "api", kind) for kind in ("search", "answer", "answer", "answer")
    ]
    first, asked = entries[0].details, entries[1]
    assert [(one["version"], one["start"], one["end"]) for one in first["passages"]] == [
        (one["version"], one["start"], one["end"]) for one in found
    ]
    digest = text_digest(QUESTION, tenant_id=tenant.pk)
    assert all(one.details["question"] == {"digest": digest, "length": len(QUESTION)} for one in entries)
    assert (asked.object_id, asked.request_id != "") == (answer["id"], True)
    assert QUESTION not in json.dumps([one.details for one in AuditEntry.objects.all()])


def test_what_is_around_a_passage_counts_as_shown_and_what_programs_search_for_does_not(
    version: DocumentVersion,
) -> None:
    tenant = version.document.tenant
    client = make.client(tenant)
    passages = posted(client, "/api/v1/search", query="berths", neighbours=1, section=True, top_k=1).json()["passages"]
    around = [*passages[0]["neighbours"], passages[0]["section"]]
    told = {(one["start"], one["end"]) for one in shown(tenant.pk)[0].details["passages"]}
    assert told == {(one["start"], one["end"]) for one in (passages[0], *around)}
    make.found(make.scope(version.document.knowledge_base), "berths")
    assert len(shown(tenant.pk)) == 1


def test_a_file_that_is_downloaded_is_told_once_with_who_got_it(version: DocumentVersion) -> None:
    document = version.document
    key, client = make.keyed(document.tenant, Permission.READ)
    address = f"/api/v1/documents/{document.pk}/file/"
    b"".join(client.get(address))
    client.head(address)
    entry = AuditEntry.objects.get(action="document.downloaded")
    assert (entry.actor_id, entry.object_id, entry.object_name) == (str(key.pk), str(document.pk), document.title)
    assert entry.details == {"version_id": str(version.pk), "number": 1, "filename": version.filename}


@pytest.mark.django_db
def test_signing_in_and_out_is_told_in_each_tenant_and_of_an_unknown_name_no_more_than_a_code(client: Client) -> None:
    tenant = make.tenant()
    ada = make.member(tenant, name="ada")
    ada.set_password("a long password")
    ada.save()
    for name, password in (("ada", "wrong"), ("hunter2 is my password", "x"), ("ada", "a long password")):
        client.post("/admin/login/", {"username": name, "password": password})
    client.post("/admin/logout/")
    told = AuditEntry.objects.filter(action__startswith="account.").order_by("id")
    assert [(one.tenant_id, one.action, one.outcome, one.actor_id, one.actor_name) for one in told] == [
        (tenant.pk, "account.signed_in", "failure", "", "ada"),
        (None, "account.signed_in", "failure", "", ""),
        (tenant.pk, "account.signed_in", "success", str(ada.pk), "ada"),
        (tenant.pk, "account.signed_out", "success", str(ada.pk), "ada"),
    ]
    assert all(one.details["address"] == "127.0.0.1" for one in told)
    assert "hunter2" not in json.dumps([one.details for one in told])


@pytest.mark.django_db
def test_a_key_that_may_reads_its_tenants_entries_by_what_is_asked_of_them() -> None:
    tenant, other = make.tenant(), make.tenant()
    act_record(Act("thing.done", AuditObject("thing", "7", "Thing", tenant.pk), {"n": 1}), actor=user("ada"))
    act_record(Act("thing.done", AuditObject("thing", "8", "Theirs", other.pk)), actor=user("ada"))
    _key, client = make.keyed(tenant, Permission.AUDIT)
    listed = client.get(ENTRIES, {"actor": "ada"}).json()
    (entry,) = listed["results"]
    assert (listed["count"], entry["object"]) == (1, {"type": "thing", "id": "7", "name": "Thing"})
    assert entry["actor"] == {"kind": "user", "id": "id of ada", "name": "ada"}
    assert client.get(f"{ENTRIES}{entry['id']}/").json() == entry
    for query in (
        {"action": "thing.done"}, {"object": "7", "object_type": "thing"}, {"outcome": "success", "actor": "id of ada"},
        {"since": "2026-01-01T00:00:00Z", "object": "7"},
    ):  # fmt: skip
        assert client.get(ENTRIES, query).json()["results"] == [entry], query
    for query in (
        {"object": "8"}, {"request": "x"}, {"until": "2026-01-01T00:00:00Z"}, {"actor": "ada", "before": entry["id"]},
        {"knowledge_base": str(uuid4())},
    ):  # fmt: skip
        assert client.get(ENTRIES, query).json()["count"] == 0, query
    theirs = AuditEntry.objects.get(object_id="8")
    assert client.get(f"{ENTRIES}{theirs.pk}/").status_code == 404
    assert client.delete(f"{ENTRIES}{entry['id']}/").status_code == 405
    assert make.client(tenant, Permission.READ, Permission.GRANTS).get(ENTRIES).status_code == 403
    assert client.get(ENTRIES, {"actr": "ada"}).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_old_seals_leave_by_the_tenants_own_time_and_the_rest_still_verifies(monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = timezone.now() - timedelta(days=40)
    with monkeypatch.context() as patched:
        patched.setattr("ragsite.core.audit.recording.timezone.now", lambda: long_ago)
        tenant = make.tenant()
        act_record(Act("thing.done", AuditObject("thing", "1", tenant_id=tenant.pk)), actor=ACTOR)
    next_seal()
    act_record(Act("thing.done", AuditObject("thing", "2", tenant_id=tenant.pk)), actor=ACTOR)
    next_seal()
    assert retention.days_kept(tenant.pk) == 365
    assert retention.log_prunable(tenant.pk).entries == 0
    with pytest.raises(DatabaseError, match="kept for 365 days"):
        _prune_sql(tenant, days=1)
    tenant_audit_keep(tenant=tenant, days=None, actor=ACTOR)
    with pytest.raises(DatabaseError, match="kept for ever"):
        _prune_sql(tenant, days=1)
    assert retention.log_prune(tenant.pk, actor=ACTOR) == 0
    tenant_audit_keep(tenant=tenant, days=30, actor=ACTOR)
    before = audit_verify(tenant.pk)
    code, out = called("prune", "--tenant", tenant.slug, "--dry-run", "--json")
    assert (code, json.loads(out)["logs"][0]["entries"]) == (0, 2)
    retention.audit_prune(Turn.of(10))
    kept = AuditSeal.objects.filter(tenant_id=tenant.pk).values_list("number", flat=True)
    assert list(kept) == list(range(before.seals, 1, -1))
    verified = audit_verify(tenant.pk, head=before.head)
    assert (verified.is_whole, verified.entries, verified.waiting) == (True, before.entries - 2 + 1, before.waiting + 1)
    assert AuditEntry.objects.get(action="audit.pruned").details["entries"] == 2
    assert AuditCheckpoint.objects.get(tenant_id=tenant.pk).entries == 2


def _prune_sql(tenant: Tenant, *, days: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT gateway_audit_prune(%s, 1, %s)", [tenant.pk, days])


@pytest.mark.django_db(transaction=True)
def test_the_command_verifies_with_a_published_head_and_says_what_is_wrong() -> None:
    tenant = make.tenant()
    next_seal()
    head = audit_verify(tenant.pk).head
    assert head is not None
    assert called("verify", "--tenant", tenant.slug, "--head", f"{head.number}:{head.hash}")[0] == 0
    code, out = called("verify", "--tenant", str(tenant.pk), "--head", f"{head.number + 1}:{head.hash}", "--json")
    (told,) = json.loads(out)
    assert (code, told["whole"], told["findings"][0]["fault"]) == (1, False, "cut")
    assert AuditEntry.objects.filter(action="audit.verified", outcome="failure", tenant_id=tenant.pk).count() == 1
    assert called("verify")[0] == 0
    with pytest.raises(CommandError, match="A head is of one tenant"):
        called("verify", "--head", f"1:{head.hash}")
    with pytest.raises(CommandError, match="There is no tenant 'nowhere'"):
        called("verify", "--tenant", "nowhere")


@pytest.mark.django_db
def test_entries_are_exported_as_they_are_kept_and_as_ocsf() -> None:
    tenant = make.tenant()
    act_record(Act("thing.done", AuditObject("thing", "7", tenant_id=tenant.pk)), actor=user("ada"))
    lines = [json.loads(line) for line in called("export", "--tenant", tenant.slug)[1].splitlines()]
    assert [one["action"] for one in lines] == ["tenant.created", "thing.done"]
    kept = AuditEntry.objects.get(pk=lines[1]["id"])
    assert lines[1]["mac"] == entry_code(kept, key_in_use()).hex()
    events = [
        json.loads(line) for line in called("export", "--tenant", tenant.slug, "--format", "ocsf")[1].splitlines()
    ]
    assert [(one["class_uid"], one["type_uid"]) for one in events] == [(6003, 600301), (6003, 600399), (6003, 600302)]
    assert called("export", "--until", "2020-01-01")[1] == ""


@pytest.mark.parametrize(
    ("action", "object_type", "outcome", "expected"),
    [
        ("account.signed_in", "user", "failure", (3002, 1, 2)),
        ("account.signed_out", "user", "success", (3002, 2, 1)),
        ("api_key.created", "api_key", "success", (3001, 1, 1)),
        ("form.deleted", "user", "success", (3001, 6, 1)),
        ("grant.created", "document", "success", (3005, 1, 1)),
        ("passages.shown", "answer", "success", (6005, 1, 1)),
        ("document.downloaded", "document", "success", (6006, 3, 1)),
        ("model.updated", "model", "success", (6003, 3, 1)),
        ("change.unheard_of", "", "success", (6003, 99, 1)),
    ],
)
def test_each_act_has_its_class_of_ocsf(action: str, object_type: str, outcome: str, expected: tuple[int, ...]) -> None:
    entry = AuditEntry(
        at=timezone.now(), action=action, actor_kind="user", actor_id="7", actor_name="ada", door="admin",
        object_type=object_type, object_id="9", outcome=outcome, details={"user_id": 3}, mac=b"", key_id="k",
    )  # fmt: skip
    event = ocsf_event(entry)
    assert (event["class_uid"], event["activity_id"], event["status_id"]) == expected
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert {"time", "severity_id", "category_uid", "metadata", "actor", "message"} <= event.keys()
    assert json.loads(json.dumps(event)) == event


@pytest.mark.django_db
def test_who_has_the_permission_says_how_long_a_log_is_kept_and_an_owner_does_not(admin_client: Client) -> None:
    tenant = make.tenant()
    address = f"/admin/gateway/tenant/{tenant.pk}/change/"
    assert admin_client.post(address, {"audit_days": 0}).status_code == 200
    assert admin_client.post(address, {"audit_days": 90}).status_code == 302
    tenant.refresh_from_db()
    entry = AuditEntry.objects.get(action="tenant.updated")
    assert (tenant.audit_days, entry.tenant_id, entry.details["audit_days"]) == (90, tenant.pk, 90)
    owner = Client()
    owner.force_login(make.member(tenant, Role.OWNER))
    owner.post(address, {"audit_days": 1})
    tenant.refresh_from_db()
    assert (tenant.audit_days, User.objects.filter(is_superuser=True).count()) == (90, 1)
