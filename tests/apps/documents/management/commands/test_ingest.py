from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.documents.intake import ingestion as ingesting
from apps.documents.lifecycle.versions import version_cancel
from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from tests import factories as make
from tests.acting import ACTOR
from tests.waiting import wait_for
from workers.celery import app
from workers.queues import Queue

pytestmark = pytest.mark.django_db
PROJECT = Path(__file__).resolve().parents[5]


@pytest.fixture
def base() -> KnowledgeBase:
    return make.knowledge_base(name="Handbooks")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.txt").write_text(f"Text {name}.")
    return folder


def run(*words: str | Path, code: int = 0) -> str:
    """What the command prints; `code` is what it must exit with."""
    output, exited = StringIO(), 0
    try:
        call_command("ingest", *map(str, words), "--knowledge-base", "Handbooks", stdout=output)
    except SystemExit as end:
        exited = int(end.code or 0)
    assert exited == code, output.getvalue()
    return output.getvalue().strip()


def report(*words: str | Path, code: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run(*words, "--json", code=code).splitlines()[-1])
    return told


def test_documents_are_restricted_from_their_first_moment_if_asked_for(base: KnowledgeBase, docs: Path) -> None:
    run(docs, "--restricted")
    assert set(Document.objects.values_list("restricted", flat=True)) == {True}


def test_a_folder_is_ingested_and_summed_up_in_one_line(base: KnowledgeBase, docs: Path) -> None:
    assert run(docs) == "3 files: 3 created, 0 new version, 0 unchanged, 0 refused."
    assert Document.objects.filter(knowledge_base=base).count() == 3
    (docs / "a.txt").write_text("Text a, revised.")
    assert run(docs) == "3 files: 0 created, 1 new version, 2 unchanged, 0 refused."


def test_a_refused_file_is_reported_in_words_and_by_the_exit_code(
    base: KnowledgeBase, docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (docs / "b.exe").write_bytes(b"MZ")
    told = report(docs, code=1)
    assert told["counts"] == {"files": 4, "created": 3, "new_version": 0, "unchanged": 0, "refused": 1}
    ((failure),) = told["failures"]
    assert (failure["file"], failure["code"]) == ("b.exe", "unknown_type")
    assert "'.exe'" in failure["error"]
    assert f"b.exe: {failure['error']}" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(base: KnowledgeBase, docs: Path) -> None:
    assert run(docs, "--dry-run").startswith("Dry run, nothing was written: 3 files: 3 created")
    assert report(docs, "--dry-run", "--wait")["dry_run"] is True
    assert not Document.objects.exists()


def test_several_paths_and_patterns_go_in_one_run(base: KnowledgeBase, docs: Path) -> None:
    assert report(docs / "[ab].txt", docs / "c.txt")["counts"]["created"] == 3
    assert set(Document.objects.values_list("external_id", flat=True)) == {"a.txt", "b.txt", "c.txt"}


def test_an_interruption_tells_what_was_done_and_resuming_does_the_rest(
    base: KnowledgeBase, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = ingesting.document_upload

    def interrupted(request: Any, **about: Any) -> Any:
        if request.filename == "b.txt":
            raise KeyboardInterrupt
        return upload(request, **about)

    monkeypatch.setattr(ingesting, "document_upload", interrupted)
    told = report(docs, code=130)
    assert told["interrupted"] is True
    assert told["counts"]["created"] == told["counts"]["files"] == 1
    monkeypatch.undo()
    rest = report(docs, "--resume")
    assert (rest["counts"]["created"], rest["counts"]["unchanged"], rest["interrupted"]) == (2, 1, False)


def test_waiting_tells_which_became_ready_which_failed_and_which_were_cancelled(
    base: KnowledgeBase, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (docs / "broken.pdf").write_bytes(make.BROKEN_PDF)
    settle = ingesting.versions_settle

    def working(ids: Any) -> Any:
        version_cancel(version=DocumentVersion.objects.get(filename="c.txt"), actor=ACTOR)
        make.run_stages()
        return settle(ids)

    monkeypatch.setattr("apps.documents.management.commands.ingest.versions_settle", working)
    told = report(docs, "--wait", code=1)
    counts = told["counts"]
    assert (counts["ready"], counts["failed"], counts["cancelled"], counts["refused"]) == (2, 1, 1, 0)
    assert [(failure["file"], failure["code"]) for failure in told["failures"]] == [("broken.pdf", "damaged_file")]


def test_waiting_without_workers_ends_with_a_word_on_it(
    base: KnowledgeBase, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "STALLED_SECONDS", 0.0)
    monkeypatch.setattr(ingesting, "POLL_SECONDS", 0.01)
    told = report(docs, "--wait", code=1)
    assert [failure["code"] for failure in told["failures"]] == ["stalled"]
    assert told["counts"]["created"] == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["missing", "--knowledge-base", "Handbooks"], "There is no file or folder 'missing'"),
        ([".", "--knowledge-base", "Nothing"], "There is no knowledge base 'Nothing'"),
        ([".", "--knowledge-base", "Handbooks", "--tenant", "Nobody"], "of tenant 'Nobody'"),
    ],
)
def test_a_wrong_argument_is_reported_and_nothing_is_done(base: KnowledgeBase, words: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("ingest", *words)
    assert not Document.objects.exists()


def test_a_terminal_shows_how_far_it_is(
    base: KnowledgeBase, docs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(docs, "--dry-run")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    (docs / "b.exe").write_bytes(b"MZ")
    run(docs, "--dry-run", code=1)
    shown = capsys.readouterr().err
    assert "4/4" in shown
    assert "b.exe: The extension" in shown


@pytest.fixture
def _no_rings_left() -> Iterator[None]:
    """A command of its own rings for real; nobody answers here."""
    yield
    with app.connection_for_write() as connection, connection.channel() as channel:
        channel.queue_purge(Queue.PARSING.value)


@pytest.mark.usefixtures("_no_rings_left")
@pytest.mark.django_db(transaction=True)
def test_control_c_ends_a_running_command_with_its_summary_and_nothing_half_done(
    base: KnowledgeBase, tmp_path: Path, settings: Any
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(2_000):
        (folder / f"{number:04}.txt").write_text(f"Text {number}.")
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "ragsite.settings"}
    command = [sys.executable, "manage.py", "ingest", str(folder), "--knowledge-base", "Handbooks", "--json"]
    # A suite that runs in the background may have been started with Ctrl-C switched off.
    with_control_c = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    running = subprocess.Popen(
        command, cwd=PROJECT, env=environ, stdout=subprocess.PIPE, text=True, preexec_fn=with_control_c
    )
    wait_for(lambda: Document.objects.count() > 5, seconds=60, what="some documents")
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=60)
    told = json.loads(output.splitlines()[-1])
    assert (running.returncode, told["interrupted"]) == (130, True)
    documents = Document.objects.count()
    assert 5 < documents < 2_000
    assert told["counts"]["created"] in (documents, documents - 1), "the last one may have been interrupted at its end"
    assert DocumentVersion.objects.count() == documents


def test_new_documents_get_the_tags_and_known_ones_keep_theirs(base: KnowledgeBase, docs: Path) -> None:
    run(docs / "a.txt", docs / "b.txt", "--tags", "old, shelf")
    run(docs, "--tags", "new")
    told = {document.external_id: document.tags for document in Document.objects.all()}
    assert told == {"a.txt": ["old", "shelf"], "b.txt": ["old", "shelf"], "c.txt": ["new"]}


def test_invalid_tags_are_refused_before_anything_is_accepted(base: KnowledgeBase, docs: Path) -> None:
    with pytest.raises(CommandError, match="is invalid"):
        run(docs, "--tags", "x" * 61)
    assert not Document.objects.exists()
