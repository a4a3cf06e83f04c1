"""Dry runs: what is said, and that not a row, a blob or a file of the manual is another afterwards."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from apps.documents.lifecycle.versions import version_cancel, version_retry
from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.models.models import ModelTask, ModelVersion
from apps.models.services.registry import model_register
from apps.models.services.tasks import model_verify
from apps.retrieval.answers.cache import store
from apps.retrieval.models import GenerationState, IndexGeneration
from ragsite.core.actors import Actor
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.models.conftest import checkpoint_make
from tests.apps.retrieval.reindexing.rebuilding import other_model, started, worked
from tests.workers.beir import beir_write

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class World:
    """A knowledge base with a ready, a failed, a cancelled and a waiting document, and what else commands are about."""

    base: KnowledgeBase
    default: str
    other: str
    folder: Path

    @property
    def named(self) -> list[str]:
        return ["--knowledge-base", str(self.base.pk)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    base = make.knowledge_base(name="Handbooks")
    make.ready_version(base, tags=["old"])
    make.upload(base, make.BROKEN_PDF, filename="broken.pdf")
    make.run_stages()
    version_cancel(version=make.upload(base, "Never mind.", filename="cancelled.txt").version, actor=ACTOR)
    make.upload(base, "It waits.", filename="waiting.txt")
    other = other_model(tmp_path)
    default = ModelVersion.objects.exclude(pk=other.version_id).get()
    beir_write(tmp_path / "harbour")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "new.txt").write_text("New.")
    return World(base, str(default.pk), str(other.version_id), tmp_path)


def kept() -> dict[str, Any]:
    """All rows, and the names of all blobs."""
    rows = {model._meta.label: sorted(map(repr, model._base_manager.values_list())) for model in apps.get_models()}
    blobs = sorted(str(path) for path in Path(django_settings.RAGSITE_BLOB_DIR).rglob("*") if path.is_file())
    return rows | {"blobs": blobs}


def told(*words: str, code: int = 0) -> dict[str, Any]:
    """The document that a command prints; it ends with this exit code."""
    out, ended = io.StringIO(), 0
    try:
        call_command(*words, "--json", stdout=out)
    except SystemExit as end:
        ended = int(str(end.code or 0))
    assert ended == code, out.getvalue()
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


Row = tuple[Callable[[World], list[str]], dict[str, Any]]
ROWS: dict[str, Row] = {
    "apikey": (lambda _: ["apikey", "ci", "--tenant", "New"], {"name": "ci", "tenant": "New"}),
    "bootstrap": (lambda _: ["bootstrap"], {"missing": ["the tenant Default", "the first admin login"]}),
    "ingest": (lambda w: ["ingest", str(w.folder / "new"), *w.named], {}),
    "evaluate": (lambda w: ["evaluate", str(w.folder / "harbour")], {"documents": 4, "queries": 5}),
    "reread": (lambda w: ["documents", "reread", *w.named], {"counts": {"chosen": 1, "read anew": 1, "refused": 0}}),
    "retry": (lambda w: ["documents", "retry", *w.named], {"counts": {"chosen": 2, "retried": 2, "refused": 0}}),
    "cancel": (lambda w: ["documents", "cancel", *w.named], {"counts": {"chosen": 1, "cancelled": 1, "refused": 0}}),
    "delete": (
        lambda w: ["documents", "delete", *w.named, "--all"], {"counts": {"chosen": 4, "deleted": 4, "refused": 0}},
    ),
    "delete by tag": (
        lambda w: ["documents", "delete", *w.named, "--tag", "old"], {"counts": {"chosen": 1, "deleted": 1, "refused": 0}},
    ),
    "activate": (lambda w: ["models", "activate", w.other], {"status": "active"}),
    "default": (lambda w: ["models", "default", w.other], {"default": True}),
    "fallback": (lambda w: ["models", "fallback", w.default, w.other], {}),
    "verify": (lambda w: ["models", "verify", w.other], {}),
    "remove": (lambda w: ["models", "remove", w.other], {"model": "other-24"}),
    "load": (lambda w: ["models", "load", w.other], {"workers": []}),
    "pull": (lambda _: ["models", "pull", "owner/name", "--revision", "0" * 40], {"state": "open"}),
    "reindex": (lambda w: ["reindex", *w.named, "--model", "other-24"], {"documents": 1, "reused": 0}),
    "prune": (lambda _: ["audit", "prune"], {"logs": []}),
    "set": (lambda w: ["settings", "set", "documents.ocr", "true", *w.named], {"value": True, "level": "knowledge_base"}),
    "unset": (lambda _: ["settings", "unset", "rewriting"], {"value": None, "level": "installation"}),
    "answers": (lambda _: ["answers", "warm"], {"questions": []}),
}  # fmt: skip


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(world: World, settings: Any) -> None:
    """One world for all of them: none changes it."""
    settings.RAGSITE_ANSWER_CACHE_SECONDS = 600
    before = kept()
    for name, (words, expected) in ROWS.items():
        document = told(*words(world), "--dry-run")
        assert document["dry_run"] is True, name
        assert {key: document[key] for key in expected} == expected, name
        after = kept()
        assert {label for label in before if before[label] != after[label]} == set(), name
    store.PROCESS.clear()


def test_a_dry_run_of_registering_and_cancelling_writes_nothing(tmp_path: Path) -> None:
    version = model_register(source=checkpoint_make(tmp_path / "one"), actor=ACTOR)
    task = model_verify(version_id=version.pk, actor=ACTOR)
    before = kept()
    assert told("models", "register", str(checkpoint_make(tmp_path / "two", seed=1)), "--dry-run")["model"] == "two"
    assert told("models", "cancel", str(task.pk), "--dry-run")["id"] == str(task.pk)
    assert kept() == before
    assert ModelTask.objects.get().state == "open"


def test_a_dry_run_of_going_back_and_dropping_switches_and_drops_nothing(world: World) -> None:
    worked(started(world.base, model=other_model(world.folder, name="third")))
    IndexGeneration.objects.filter(state=GenerationState.RETIRED).update(retired_at="2020-01-01T00:00:00Z")
    old = IndexGeneration.objects.get(state=GenerationState.RETIRED)
    before = kept()
    assert told("reindex", *world.named, "--rollback", "--dry-run")["generation_id"] == old.pk
    dropped = told("reindex", *world.named, "--drop", "--dry-run")
    assert (dropped["dropped"], dropped["vectors"]) == ([old.pk], old.embeddings.count())
    with pytest.raises(CommandError, match="No re-index of 'Handbooks' is under way"):
        told("reindex", *world.named, "--cancel", "--dry-run")
    assert kept() == before
    under_way = started(world.base, model=other_model(world.folder, name="fourth"))
    before = kept()
    assert told("reindex", *world.named, "--cancel", "--dry-run")["generation_id"] == under_way.generation_id
    assert told("reindex", *world.named, "--resume", "--dry-run")["state"] == "building"
    assert kept() == before


# Documents


def listed(world: World, *words: str) -> list[tuple[str, str]]:
    out = io.StringIO()
    call_command("documents", "list", *world.named, *words, "--json", stdout=out)
    return [(one["title"], one["status"]) for one in map(json.loads, out.getvalue().splitlines())]


def test_documents_are_listed_line_by_line_by_what_they_are(world: World) -> None:
    everything = [
        ("handbook.md", "ready"),
        ("broken.pdf", "failed"),
        ("cancelled.txt", "cancelled"),
        ("waiting.txt", "uploaded"),
    ]
    assert listed(world) == everything
    assert listed(world, "--limit", "2") == everything[:2]
    assert listed(world, "--status", "failed") == listed(world, "--error-code", "damaged_file") == [everything[1]]
    assert listed(world, "--tag", "old") == listed(world, "--named", "HANDBOOK") == [everything[0]]
    one = Document.objects.get(title="waiting.txt")
    assert listed(world, "--id", str(one.pk)) == [everything[3]]
    out = io.StringIO()
    call_command("documents", "list", *world.named, "--status", "failed", stdout=out)
    assert out.getvalue().startswith(f"{Document.objects.get(title='broken.pdf').pk}  broken.pdf  v1  failed  ")


def test_documents_are_retried_cancelled_read_anew_and_deleted_once(world: World) -> None:
    assert told("documents", "retry", *world.named, "--status", "failed")["counts"]["retried"] == 1
    assert told("documents", "retry", *world.named, "--status", "failed")["counts"]["chosen"] == 0
    assert told("documents", "cancel", *world.named)["counts"]["cancelled"] == 2
    statuses = DocumentVersion.objects.values_list("filename", "status")
    assert dict(statuses)["broken.pdf"] == dict(statuses)["waiting.txt"] == "cancelled"
    assert told("documents", "reread", *world.named, "--read-before", "2020-01-01")["counts"]["chosen"] == 0
    assert told("documents", "reread", *world.named)["counts"]["read anew"] == 1
    assert told("documents", "reread", *world.named)["counts"]["chosen"] == 0
    assert told("documents", "delete", *world.named, "--tag", "old")["counts"]["deleted"] == 1
    assert told("documents", "delete", *world.named, "--all")["counts"] == {"chosen": 3, "deleted": 3, "refused": 0}
    assert listed(world) == []


def test_what_is_refused_is_named_and_the_exit_code_is_1(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken_up_meanwhile(*, version: DocumentVersion, actor: Actor) -> None:
        DocumentVersion.objects.filter(pk=version.pk).update(status="uploaded")
        version_retry(version=version, actor=actor)

    monkeypatch.setattr("apps.documents.management.commands.documents.version_retry", taken_up_meanwhile)
    for words in (["--dry-run"], []):
        document = told("documents", "retry", *world.named, "--status", "cancelled", *words, code=1)
        assert document["counts"] == {"chosen": 1, "retried": 0, "refused": 1}
        assert document["refused"][0]["code"] == "conflict"


@pytest.mark.parametrize(
    ("words", "why"),
    [(["delete"], "Nothing says which documents"), (["list", "--id", "7"], "'7' is no id of a document")],
)
def test_a_choice_that_makes_no_sense_is_refused_in_words(world: World, words: list[str], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        call_command("documents", *words, *world.named)
    assert Document.objects.filter(deleted_at=None).count() == 4


def test_a_large_choice_is_walked_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.documents.services.choosing.PAGE", 1)
    assert told("documents", "delete", *world.named, "--all")["counts"]["deleted"] == 4
    assert Document.objects.filter(deleted_at__lte=Now()).count() == 4
