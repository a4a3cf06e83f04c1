"""Long commands whose process is killed go on when they are started again, and do nothing twice."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command

from apps.documents.blobs import blob_store
from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.retrieval.models import EvaluationRun, IndexGeneration, Reindex
from ragsite.core.ids import new_id
from ragsite.core.storage.places import S3Place
from ragsite.core.storage.store import Parts
from ragsite.stack.local import PROJECT_DIR
from tests import factories as make
from tests import s3
from tests.waiting import wait_for
from tests.workers.beir import beir_write
from workers.celery import app
from workers.queues import Queue

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 120


@pytest.fixture(autouse=True)
def _no_rings_left() -> Iterator[None]:
    """A command of its own rings for real; nobody answers here."""
    yield
    with app.connection_for_write() as connection, connection.channel() as channel:
        for queue in (Queue.PARSING, Queue.MAINTENANCE):
            channel.queue_purge(queue.value)


def killed(*words: str, at: Callable[[], bool]) -> None:
    """Run a command in a process of its own, and kill it where it stands as soon as that is so."""
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "ragsite.settings", "RAGSITE_LEASE_SECONDS": "5"}
    given["RAGSITE_DATA_DIR"] = str(Path(django_settings.RAGSITE_BLOB_DIR).parent)
    with subprocess.Popen(
        [sys.executable, "manage.py", *words], cwd=PROJECT_DIR, env=given, stdout=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: at() or process.poll() is not None, seconds=60, what=words[0], every=0.01)
        assert process.poll() is None, "it ended before it was killed"
        process.kill()


def told(*words: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(*words, "--json", stdout=out)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


def test_an_ingestion_that_was_killed_takes_the_rest(tmp_path: Path) -> None:
    make.knowledge_base(name="Handbooks")
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(MANY):
        (folder / f"{number:04}.txt").write_text(f"Text {number}.")
    words = ["ingest", str(folder), "--knowledge-base", "Handbooks"]
    killed(*words, at=lambda: Document.objects.count() > 5)
    there = Document.objects.count()
    assert there < MANY
    counts = told(*words)["counts"]
    assert counts == {"files": MANY, "created": MANY - there, "new_version": 0, "unchanged": there, "refused": 0}
    assert Document.objects.count() == DocumentVersion.objects.count() == MANY


def test_an_evaluation_that_was_killed_goes_on_and_leaves_nothing(tmp_path: Path) -> None:
    make.embedding_model()
    folder = beir_write(tmp_path / "harbour")
    with gzip.open(folder / "corpus.jsonl.gz", "at", encoding="utf-8") as corpus:
        corpus.writelines(json.dumps({"_id": f"d{n}", "title": "", "text": f"Text {n}."}) + "\n" for n in range(MANY))
    killed("evaluate", str(folder), "--resume", at=lambda: Document.objects.count() > 5)
    there = Document.objects.count()
    assert (there < MANY, KnowledgeBase.objects.count()) == (True, 1)
    figures = told("evaluate", str(folder), "--resume")
    assert (figures["documents"], figures["ndcg@10"]) == (MANY + 3, 1)
    assert (KnowledgeBase.objects.count(), Document.objects.count(), EvaluationRun.objects.count()) == (0, 0, 0)


def test_a_reindex_that_was_killed_goes_on_with_the_same_generation() -> None:
    base = make.knowledge_base(name="Handbooks")
    for number in range(10):
        make.upload(base, make.HANDBOOK * 10 + f"\n{number}\n")
    make.run_stages()
    words = ["reindex", "--knowledge-base", "Handbooks", "--chunking", "size=48,overlap=0"]
    killed(*words, at=lambda: Reindex.objects.exists())
    generation = Reindex.objects.get().generation_id
    assert told(*words)["state"] == "switched"
    assert Reindex.objects.get().generation_id == generation
    assert sorted(IndexGeneration.objects.values_list("state", flat=True)) == ["live", "retired"]


def test_a_copy_of_blobs_that_was_killed_copies_the_rest(bucket: S3Place, settings: Any) -> None:
    s3.blobs_at(settings, None)
    contents = {f"{new_id()}/{new_id()}": str(number).encode() for number in range(MANY)}
    for name, content in contents.items():
        blob_store().save(name, Parts([content]))
    target = f"s3://{bucket.bucket}/{bucket.prefix}?endpoint_url={bucket.endpoint_url}&region={bucket.region}"
    copied = s3.store_at(bucket)
    killed("blobs_copy", target, at=lambda: bool(copied.names_after("", limit=5)))
    there = len(copied.names_after("", limit=MANY))
    assert there < MANY
    assert told("blobs_copy", target) == {"dry_run": False, "copied": MANY - there, "there": there}
    assert copied.names_after("", limit=MANY) == sorted(contents)
