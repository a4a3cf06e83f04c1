"""Backups that are interrupted, repeated, kept and removed; in a folder and in a bucket."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from apps.documents.blobs import blob_path, blob_write
from apps.documents.models import DocumentVersion
from apps.models.checkpoint import file_sha256
from apps.models.installed_model import ModelKind
from apps.models.models import Model, ModelStatus, ModelVersion
from apps.models.services.digests import KeptFile
from ragsite.backups.keeping import backups_list
from ragsite.backups.model_files import ModelsKept
from ragsite.backups.places import FolderPlace
from ragsite.backups.snapshots import backups_locked
from ragsite.core.errors import ConflictError
from ragsite.core.storage.places import S3Place
from ragsite.stack.local import PROJECT_DIR
from tests import factories as make
from tests import s3
from tests.ragsite.backups.system import backed_up
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
MANY = 300


def told(*words: str, code: int = 0) -> Any:
    """The document that a command prints; it ends with this exit code."""
    out, ended = io.StringIO(), 0
    try:
        call_command(*words, "--json", stdout=out)
    except SystemExit as end:
        ended = int(str(end.code or 0))
    assert ended == code, out.getvalue()
    return json.loads(out.getvalue())


def blobs_made(count: int) -> None:
    """One document with so many versions."""
    version = make.upload(make.knowledge_base(), "One.").version
    rows = []
    for number in range(2, count + 1):
        blob = blob_write([f"Version {number}.".encode()], tenant_id=version.tenant_id, filename="one.txt")
        rows.append(
            DocumentVersion(
                document=version.document, tenant_id=version.tenant_id, number=number, filename="one.txt", document_type="txt",
                content_hash=blob.sha256, blob=blob.name, size=blob.size, status="cancelled", retry_status="uploaded",
            )
        )  # fmt: skip
    DocumentVersion.objects.bulk_create(rows)


def test_a_killed_backup_is_unfinished_and_the_next_one_copies_the_rest(tmp_path: Path) -> None:
    blobs_made(MANY)
    place = FolderPlace(tmp_path / "backups")
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "ragsite.settings"}
    given["RAGSITE_DATA_DIR"] = str(Path(django_settings.RAGSITE_BLOB_DIR).parent)
    command = [sys.executable, "manage.py", "backup", "create", str(place.folder)]
    with subprocess.Popen(command, cwd=PROJECT_DIR, env=given, stdout=subprocess.DEVNULL) as process:
        begun = place.folder / "blobs"
        wait_for(lambda: begun.exists() or process.poll() is not None, seconds=60, what="the first copy", every=0.005)
        process.kill()
    (unfinished,) = backups_list(place)
    assert unfinished.manifest is None, "it ended before it was killed"
    there = len(list(place.entries("blobs")))
    assert told("backup", "list", str(place.folder)) == [{"id": unfinished.id, "state": "unfinished"}]
    with pytest.raises(CommandError, match="no finished backup"):
        told("backup", "verify", str(place.folder))
    done = told("backup", "create", str(place.folder), "--keep", "1")
    assert (done["blobs"]["files"], done["blobs"]["copied"]) == (MANY, MANY - there)
    assert done["removed"] == [unfinished.id]
    assert told("backup", "verify", str(place.folder))["faults"] == []


def test_a_bucket_keeps_as_many_backups_as_are_asked_for_and_no_more_blobs(bucket: S3Place, settings: Any) -> None:
    s3.blobs_at(settings, None)
    address = f"s3://{bucket.bucket}/kept?endpoint_url={bucket.endpoint_url}&region={bucket.region}"
    base = make.knowledge_base()
    first, second = make.upload(base, "One.").version, make.upload(base, "Two.", filename="two.txt").version
    would = told("backup", "create", address, "--dry-run")
    assert (would["dry_run"], would["blobs"], would["missing"]) == (True, 2, 2)
    assert s3.keys_in(bucket) == []
    one = told("backup", "create", address)
    DocumentVersion.objects.filter(pk=first.pk).update(
        blob=second.blob, content_hash=second.content_hash, size=second.size
    )
    two = told("backup", "create", address, "--keep", "2")
    assert (one["blobs"]["copied"], two["blobs"], two["removed"]) == (2, {"files": 1, "bytes": 4, "copied": 0}, [])
    key = f"kept/blobs/{second.blob}"
    s3.client_of(bucket).put_object(Bucket=bucket.bucket, Key=key, Body=b"Too.")
    faults = told("backup", "verify", address, "--backup", one["id"], code=1)["faults"]
    assert faults == [{"name": f"blobs/{second.blob}", "what": "its bytes are others than they must be"}]
    three = told("backup", "create", address, "--keep", "1")
    assert three["removed"] == [one["id"], two["id"]]
    assert [one for one in s3.keys_in(bucket) if "/blobs/" in one] == [key]
    assert told("backup", "remove", address, three["id"])["files"] == 1
    assert s3.keys_in(bucket) == []


def test_what_is_missing_or_damaged_already_is_said_and_does_not_stop_a_backup(tmp_path: Path) -> None:
    base = make.knowledge_base()
    gone, other, whole = (
        make.upload(base, text, filename=f"{text}.txt").version for text in ("gone", "other", "whole")
    )
    blob_path(gone.blob).unlink()
    blob_path(other.blob).write_text("rehto")
    done = told("backup", "create", str(tmp_path / "backups"), code=1)
    assert sorted((one["name"], one["what"]) for one in done["faults"]) == sorted(
        [
            (f"blobs/{gone.blob}", "it is missing"),
            (f"blobs/{other.blob}", "its bytes are others than they must be"),
        ]
    )
    assert [entry.name for entry in FolderPlace(tmp_path / "backups").entries("blobs")] == [f"blobs/{whole.blob}"]
    checked = told("backup", "verify", str(tmp_path / "backups"))
    assert (checked["faults"], len(checked["lacking"])) == ([], 2)


def test_two_backups_at_once_are_one_too_many(tmp_path: Path) -> None:
    with backups_locked(), pytest.raises(ConflictError, match="Another backup of this database"):
        backed_up(FolderPlace(tmp_path / "backups"))
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_registered_folder_are_kept_once(tmp_path: Path) -> None:
    folder = tmp_path / "tuned"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "twin.json"):
        (folder / name).write_text("{}" if name.endswith("json") else "weights")
    files = [asdict(KeptFile(path.name, path.stat().st_size, file_sha256(path))) for path in sorted(folder.iterdir())]
    model = Model.objects.create(name="tuned", kind=ModelKind.EMBEDDING)
    ModelVersion.objects.create(
        model=model, kind=model.kind, revision="1", source=str(folder), path=str(folder), sha256="0" * 64, dimensions=4,
        max_tokens=8, status=ModelStatus.READY, files=files,
    )  # fmt: skip
    place = FolderPlace(tmp_path / "backups")
    made, again = (backed_up(place, models=ModelsKept.OWN) for _ in range(2))
    assert (made.models.files, made.models.copied, made.faults) == (3, 2, [])
    assert (again.models.files, again.models.copied, again.faults) == (3, 0, [])
