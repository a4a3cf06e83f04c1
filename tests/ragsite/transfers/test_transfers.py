"""A tenant, or a knowledge base, that was exported and imported: nothing is missing, nothing is twice, nobody sees more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth.models import User

from apps.documents.blobs import blob_open
from apps.documents.models import Chunk, Document, DocumentVersion, Grant, KnowledgeBase, ParsedText
from apps.documents.rights.access import documents_visible
from apps.documents.services import purging
from apps.documents.services.documents import document_delete
from apps.retrieval.models import Answer, Citation, Query
from ragsite.core.audit.models import AuditEntry
from ragsite.core.dynamic.models import SettingChange
from ragsite.core.ids import new_id
from ragsite.core.models import OutboxEvent
from ragsite.core.storage.places import S3Place
from ragsite.gateway.members import principal_of_user
from ragsite.gateway.models import Tenant
from ragsite.stack.local import PROJECT_DIR
from ragsite.transfers import exporting
from ragsite.transfers.ids import Ids
from ragsite.transfers.tables import LEFT_OUT, TABLES, Table
from tests import factories as make
from tests import turns
from tests.acting import ACTOR
from tests.emptying import tables_empty
from tests.ragsite.transfers.world import changed, people_made, rows_exported, told, without, world_made
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
OURS = {"core", "gateway", "documents", "retrieval", "monitoring", "model_registry"}
MADE_ANEW = {
    "documents": {"updated_at"},
    "versions": {"blob", "ready_at", "status", "retry_status", "error", "error_code"},
}
"""Columns of an export that are others in an export of what was imported."""


@pytest.mark.django_db(transaction=False)
def test_each_table_travels_or_stays_behind_for_a_reason() -> None:
    travelling = {table.model._meta.label for table in TABLES}
    known = {model._meta.label for model in apps.get_models() if model._meta.app_label in OURS}
    assert travelling | set(LEFT_OUT) == known
    assert not travelling & set(LEFT_OUT)


def test_an_export_of_what_was_imported_is_the_same_again(tmp_path: Path) -> None:
    world = world_made()
    folder = tmp_path / "harbour"
    made = told("export", str(folder), "--tenant", "harbour")
    assert (made["is_whole"], made["faults"]) == (True, [])
    before = rows_exported(folder)
    assert all(before.values()), [name for name, rows in before.items() if not rows]
    tables_empty(None)
    make.embedding_model()
    people_made(make.tenant("Elsewhere"))
    done = told("import", str(folder))
    assert (done["tenant"], done["is_new_tenant"], done["ids_kept"]) == ("harbour", True, True)
    assert [(one["what"], one["why"]) for one in done["lost"]] == [
        ("grant on knowledge base 'Handbooks' to API key keyed", "API keys stay behind")
    ]
    events = OutboxEvent.objects.filter(type="document.created").values_list("key", flat=True)
    assert sorted(events) == sorted(row["id"] for row in before["documents"])
    make.run_stages()
    told("export", str(tmp_path / "again"), "--tenant", "harbour")
    after = rows_exported(tmp_path / "again")
    before["grants"] = [row for row in before["grants"] if row["api_key_id"] is None]
    before, after = _comparable(folder, before), _comparable(tmp_path / "again", after)
    for table in TABLES:
        assert before[table.name] == after[table.name], table.name
    assert _found(Document.objects.get(external_id="hb-1").current_version) == "The quay opens at seven"
    assert SettingChange.objects.get(knowledge_base_id=world.base.pk).value == 7
    assert blob_open(DocumentVersion.objects.get(pk=world.edited.pk).blob).read().startswith(b"The pier opens at seven")
    assert AuditEntry.objects.filter(action="export.imported", object_name="Harbour").exists()


def _comparable(folder: Path, tables: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Without what is made anew, and people by their names."""
    lines = map(json.loads, (folder / "people.jsonl").read_bytes().splitlines())
    names = {(row["kind"], row["id"]): row["name"] for row in lines}
    for table, rows in tables.items():
        for row in rows:
            for name in MADE_ANEW.get(table, ()):
                del row[name]
            for name in row.keys() & {"user_id", "group_id"}:
                row[name] = row[name] and names[name.removesuffix("_id"), str(row[name])]
            if row.get("actor"):
                row["actor"]["id"] = ""
    return tables


def _found(version: DocumentVersion | None) -> str:
    """What a chunk of the version says, up to its first full stop."""
    assert version is not None
    return Chunk.objects.filter(version=version).order_by("ordinal")[0].text.partition(".")[0]


def test_a_knowledge_base_goes_to_another_tenant_with_ids_and_rights_of_its_own(tmp_path: Path) -> None:
    world = world_made()
    make.upload(world.base, "It waits.", filename="waiting.txt")
    folder = str(tmp_path / "handbooks")
    made = told("export", folder, "--tenant", "harbour", "--knowledge-base", "Handbooks")
    assert (made["is_whole"], list(made["knowledge_bases"].values())) == (False, ["Handbooks"])
    assert [row["question"] for row in rows_exported(tmp_path / "handbooks")["questions"]] == ["When?"]
    pilots = make.tenant("Pilots")
    stranger = make.member(pilots, name="stranger")
    before = _counts()
    assert told("import", folder, "--into", "pilots", "--dry-run")["rows"]["documents"] == 3
    assert _counts() == before, "a dry run writes nothing"
    done = told("import", folder, "--into", "pilots")
    assert (done["is_new_tenant"], done["ids_kept"], done["rows"]["grants"]) == (False, False, 0)
    assert [one["why"] for one in done["lost"]] == [
        "is no member of the tenant", "has no member of the tenant in it", "API keys stay behind"
    ]  # fmt: skip
    make.run_stages()
    (base,) = KnowledgeBase.objects.filter(tenant=pilots)
    assert Document.objects.get(knowledge_base=base, title="waiting.txt").current_version is not None
    assert not documents_visible(principal_of_user(stranger, tenant_id=pilots.pk)).exists(), "it is restricted"
    assert not Query.objects.filter(tenant=pilots, user__isnull=False).exists()
    citation = Citation.objects.select_related("version__document", "answer").get(answer__query__tenant=pilots)
    assert citation.version.document.knowledge_base_id == base.pk
    assert ParsedText.objects.get(version=citation.version).text[citation.start : citation.end] == citation.quote
    assert citation.answer.passages[0]["version"] == str(citation.version_id)
    assert citation.answer.query.knowledge_base_ids == [str(base.pk)]
    assert citation.answer.query.knowledge_base_ids != world.answer.query.knowledge_base_ids
    again = told("import", folder, "--into", "pilots", code=1)
    assert (again["error"]["code"], again["error"]["message"].startswith("Tenant 'pilots' has")) == ("conflict", True)
    assert KnowledgeBase.objects.filter(tenant=pilots).count() == 1


def _counts() -> list[int]:
    return [
        model.objects.count()
        for model in (Tenant, KnowledgeBase, Document, DocumentVersion, Answer, OutboxEvent, AuditEntry)
    ]


def test_grants_go_to_members_of_the_same_name_and_never_to_somebody_else(tmp_path: Path) -> None:
    world = world_made()
    told("export", str(tmp_path / "one"), "--tenant", "harbour", "--knowledge-base", str(world.base.pk))
    elsewhere = make.tenant("Elsewhere")
    User.objects.all().delete()
    people_made(elsewhere, email="another.anna@example.org")
    done = told(
        "import", str(tmp_path / "one"), "--into", "elsewhere", "--rename", "Handbooks=Handbooks of the harbour"
    )
    assert {one["why"] for one in done["lost"]} == {"has another e-mail address here", "API keys stay behind"}
    grant = Grant.objects.get(tenant=elsewhere)
    assert grant.group is not None
    assert grant.group.name == "Pilots"
    events = OutboxEvent.objects.filter(type="grant.created", tenant_id=elsewhere.pk)
    assert [event.payload["group_id"] for event in events] == [grant.group_id]
    make.run_stages()
    seen = {
        name: [
            one.title
            for one in documents_visible(principal_of_user(User.objects.get(username=name), tenant_id=elsewhere.pk))
        ]
        for name in ("anna", "ben")
    }
    assert seen == {"anna": [], "ben": ["handbook.txt"]}


def test_a_damaged_or_made_up_export_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    world_made()
    folder = tmp_path / "harbour"
    told("export", str(folder), "--tenant", "harbour")
    foreign = make.ready_version(make.knowledge_base(of=make.tenant("Foreign")))
    before = _counts()

    def refused(words: str, code: str = "export_damaged") -> None:
        error = told("import", str(folder), "--new-tenant", "Copy", code=1)["error"]
        assert (error["code"], words in error["message"]) == (code, True), error
        assert _counts() == before

    def with_column(table: str, **columns: Any) -> None:
        changed(folder, table, lambda rows: ({**row, **columns} for row in rows))

    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def whole() -> None:
        for path, content in kept.items():
            path.unlink(missing_ok=True)
            path.write_bytes(content)

    blob = next(path for path in kept if path.parts[-3] == "blobs")
    blob.write_bytes(b"?" + kept[blob][1:])
    refused("its bytes are others")
    blob.unlink()
    refused("it is missing")
    blob.symlink_to("/etc/hostname")
    refused("it is a link")
    whole()
    with_column("citations", version_id=str(foreign.pk))
    refused("version_id names a row that is not in the export")
    whole()
    with_column("grants", user_id=User.objects.create_user("late").pk)
    refused("names somebody who is not listed")
    whole()
    with_column("versions", blob="../../etc/passwd")
    refused("a value is of another form")
    whole()
    with_column("versions", number="one")
    refused("a value is of another form")
    whole()
    with_column("answers", text="x\0")
    refused("The database refuses a row")
    whole()
    with_column("documents", added=1)
    refused("line 1 has other columns")
    whole()
    (folder / "manifest.json").write_text('{"format": 2, "sha256": ""}\n{}\n')
    refused("is of the form 2", code="invalid_input")
    (folder / "manifest.json").write_text("[" * 100_000)
    refused("manifest.json")
    whole()
    assert told("verify", str(folder))["rows"] > 0
    without(folder, "versions", "blob")
    refused("which writes other tables or columns", code="invalid_input")
    whole()
    without(folder, "knowledge_bases", "description")
    assert told("import", str(folder), "--new-tenant", "Copy")["rows"]["knowledge_bases"] == 2, "it is an older one"


def test_a_tenant_that_is_there_or_has_no_room_is_refused(tmp_path: Path, settings: Any) -> None:
    world_made()
    folder = str(tmp_path / "harbour")
    told("export", folder, "--tenant", "harbour")
    assert told("export", folder, "--tenant", "harbour", code=1)["error"]["message"].endswith("has an export already.")
    assert "--new-tenant NAME" in told("import", folder, code=1)["error"]["action"]
    settings.RAGSITE_LIMITS_OF_TENANT = "upload_bytes=100/day"
    refused = told("import", folder, "--new-tenant", "Copy", code=1)["error"]
    assert (refused["code"], "may upload 100 more" in refused["message"]) == ("quota_exceeded", True)
    assert told("import", str(tmp_path / "nothing"), code=1)["error"]["code"] == "not_found"
    assert not Tenant.objects.filter(slug="copy").exists()


def test_a_killed_import_leaves_nothing_and_the_next_one_brings_all(tmp_path: Path) -> None:
    base = make.knowledge_base(of=make.tenant("Harbour"))
    for number in range(30):
        make.upload(base, f"Document {number}.", filename=f"{number}.txt")
    folder = tmp_path / "harbour"
    told("export", str(folder), "--tenant", "harbour")
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "ragsite.settings"}
    given["RAGSITE_DATA_DIR"] = str(Path(django_settings.RAGSITE_BLOB_DIR).parent)
    stored = Path(django_settings.RAGSITE_BLOB_DIR)
    there = set(stored.iterdir())
    command = [sys.executable, "manage.py", "transfer", "import", str(folder), "--new-tenant", "Copy"]
    with subprocess.Popen(command, cwd=PROJECT_DIR, env=given, stdout=subprocess.DEVNULL) as process:
        wait_for(
            lambda: set(stored.iterdir()) != there or process.poll() is not None,
            seconds=60, what="the first blob", every=0.002,
        )  # fmt: skip
        process.kill()
    assert not Tenant.objects.filter(slug="copy").exists(), "it ended before it was killed"
    assert told("import", str(folder), "--new-tenant", "Copy")["rows"]["documents"] == 30
    assert Document.objects.filter(tenant__slug="copy").count() == 30


def test_an_export_is_of_one_moment_whatever_is_written_meanwhile(
    bucket: S3Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = make.knowledge_base(of=make.tenant("Harbour"))
    doomed = make.upload(base, "It is deleted meanwhile.", filename="doomed.txt").version
    make.upload(base, "It stays.", filename="stays.txt")
    write = exporting._table_write

    def meanwhile(place: Any, table: Table, scope: Any) -> Any:
        """Once documents are written, and before their versions are, one is deleted and purged, and another one uploaded."""
        told_of = write(place, table, scope)
        if table.name == "documents":
            with ThreadPoolExecutor(1) as pool:
                pool.submit(make.closing(change)).result()
        return told_of

    def change() -> None:
        document_delete(document=doomed.document, actor=ACTOR)
        assert purging.documents_purge(turns.long()) is False
        make.upload(base, "It came too late.", filename="late.txt")

    monkeypatch.setattr(exporting, "_table_write", meanwhile)
    place = f"s3://{bucket.bucket}/moved?endpoint_url={bucket.endpoint_url}&region={bucket.region}"
    assert told("export", place, "--tenant", "harbour")["faults"] == []
    assert not Document.objects.filter(pk=doomed.document_id).exists()
    assert told("import", place, "--new-tenant", "Copy")["rows"]["versions"] == 2
    titles = Document.objects.filter(tenant__slug="copy").order_by("title").values_list("title", flat=True)
    assert list(titles) == ["doomed.txt", "stays.txt"]
    copied = DocumentVersion.objects.get(document__tenant__slug="copy", filename="doomed.txt")
    assert blob_open(copied.blob).read() == b"It is deleted meanwhile."


def test_ids_that_are_taken_become_others_of_the_same_time() -> None:
    old = [str(new_id()) for _ in range(3)]
    ids = Ids(tenant_id=new_id(), kept=False, known=frozenset(old))
    new = [ids.of(one) for one in old]
    assert [one[:18] for one in new] == [one[:18] for one in old]
    assert not set(new) & set(old)
    assert ids.within({"a": [old[0], "x"], "b": {"c": old[1]}}) == {"a": [new[0], "x"], "b": {"c": new[1]}}
