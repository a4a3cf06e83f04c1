from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.retrieval.models import Embedding, EvaluationRun, EvaluationSet, IndexGeneration
from ragsite.stack.local import PROJECT_DIR
from tests import factories as make
from tests.servers import own_folder
from tests.workers.beir import beir_write
from workers.management.commands import evaluate


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return beir_write(tmp_path / "harbour")


@pytest.fixture
def _model(transactional_db: None) -> None:
    make.embedding_model()


def evaluated(folder: Path, *options: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("evaluate", str(folder), *options, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return told


def left() -> list[int]:
    kinds = (KnowledgeBase, Document, DocumentVersion, IndexGeneration, Embedding, EvaluationSet, EvaluationRun)
    return [kind.objects.count() for kind in kinds]


@pytest.mark.parametrize("mode", ["", "dense", "lexical"])
@pytest.mark.usefixtures("_model")
def test_a_folder_is_evaluated_and_leaves_nothing(folder: Path, capfd: pytest.CaptureFixture[str], mode: str) -> None:
    told = evaluated(folder, *(["--mode", mode] if mode else []))
    about = ("dataset", "mode", "ndcg@10", "recall@100", "map", "queries", "documents", "refused", "chunks")
    assert [told[name] for name in about] == ["harbour", mode or "hybrid", 1, 1, 1, 3, 3, 1, 3]
    assert told["p50_ms"] > 0
    assert "empty: The file 'empty.txt' is empty" in " ".join(capfd.readouterr().err.split())
    assert left() == [0] * 7
    assert not [path for path in settings.RAGSITE_BLOB_DIR.rglob("*") if path.is_file()]
    assert "pool" not in connection.settings_dict["OPTIONS"]


@pytest.mark.usefixtures("_model")
def test_what_is_kept_can_be_looked_at_and_run_again(folder: Path) -> None:
    evaluated(folder, "--keep", "--k", "3", "--depth", "5")
    base = KnowledgeBase.objects.get()
    assert (base.tenant.name, base.name) == ("Evaluation", "harbour 1")
    run = EvaluationRun.objects.get()
    assert (run.state, run.metrics["ndcg@3"], run.metrics["recall@5"]) == ("done", 1, 1)
    evaluated(folder, "--keep")
    assert KnowledgeBase.objects.filter(name="harbour 2").exists()


@pytest.mark.usefixtures("_model")
def test_documents_of_others_are_left_to_others(folder: Path) -> None:
    waiting = make.upload(make.knowledge_base()).version
    evaluated(folder)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.attempts) == ("uploaded", 0)


@pytest.mark.usefixtures("_model")
def test_the_chunking_can_be_chosen(folder: Path) -> None:
    assert evaluated(folder, "--chunk-size", "16", "--chunk-overlap", "0")["chunks"] > 3
    with pytest.raises(CommandError, match="The chunk size 3 is invalid"):
        evaluated(folder, "--chunk-size", "3")
    assert left() == [0] * 7


@pytest.mark.usefixtures("_model")
def test_an_interruption_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def interrupted(base: KnowledgeBase, document: Any, **about: Any) -> Any:
        taken.append(document.id)
        if len(taken) == 3:
            raise KeyboardInterrupt
        return upload(base, document, **about)

    upload = evaluate.corpus_document_upload
    monkeypatch.setattr(evaluate, "corpus_document_upload", interrupted)
    with pytest.raises(SystemExit) as ended:
        evaluated(folder)
    assert ended.value.code == 130
    assert left() == [0] * 7


@pytest.mark.usefixtures("_model")
def test_what_an_evaluation_left_that_was_killed_is_removed_a_day_later(folder: Path) -> None:
    left_behind = make.ready_version(make.knowledge_base(of=make.tenant("Evaluation"), name="Temporary: x 1"))
    KnowledgeBase.objects.update(created_at="2020-01-01T00:00:00Z")
    evaluated(folder)
    assert left() == [0] * 7
    assert not DocumentVersion.objects.filter(pk=left_behind.pk).exists()


@pytest.mark.parametrize("options", [["--rerank"], ["--k", "0"], ["--depth", "5"]], ids=str)
@pytest.mark.usefixtures("_model")
def test_what_cannot_be_is_refused_in_words_and_leaves_nothing(folder: Path, options: list[str]) -> None:
    with pytest.raises(CommandError, match=r"No reranker is registered|is invalid|k=0 with"):
        evaluated(folder, *options)
    assert left() == [0] * 7


@pytest.mark.usefixtures("_model")
def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a folder"):
        evaluated(tmp_path / "nothing")


@pytest.mark.servers
@pytest.mark.weights
def test_without_any_server_the_command_brings_its_own(folder: Path) -> None:
    given = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "RAGSITE_MODEL_TRANSPORT")
    environ = {name: value for name, value in os.environ.items() if name not in given}
    with own_folder() as data:
        environ["RAGSITE_DATA_DIR"] = str(data)
        done = subprocess.run(
            [sys.executable, "manage.py", "evaluate", str(folder), "--json"],
            cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        running = [path for path in (data / "stack").rglob("*.pid") if path.read_text().strip().isdigit()]
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    told = json.loads(done.stdout)
    assert (told["queries"], told["ndcg@10"], told["recall@100"]) == (3, 1, 1)
    assert running == []
