from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.documents.models import KnowledgeBase
from apps.models.gateway.calls import TRANSPORTS
from apps.models.installed_model import EmbeddingModel
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import IndexGeneration, Reindex, ReindexState
from tests.apps.retrieval.evaluation.asking import asked, library
from tests.apps.retrieval.reindexing.rebuilding import SMALLER, assert_whole, other_model, started
from tests.apps.retrieval.reindexing.test_dropping import long_ago
from tests.apps.retrieval.reindexing.test_reindexing import Worse

pytestmark = pytest.mark.django_db


@pytest.fixture
def base() -> KnowledgeBase:
    return library()


@pytest.fixture
def smaller(base: KnowledgeBase, tmp_path: Path) -> EmbeddingModel:
    return other_model(tmp_path)


def reindex(base: KnowledgeBase, *arguments: str, code: int = 0) -> dict[str, Any]:
    """What the command prints as JSON; it ends with this exit code."""
    output = io.StringIO()
    try:
        call_command("reindex", "--knowledge-base", str(base.pk), "--json", *arguments, stdout=output)
        ended = 0
    except SystemExit as ended_with:
        ended = int(str(ended_with.code))
    assert ended == code, output.getvalue()
    printed: dict[str, Any] = json.loads(output.getvalue().splitlines()[-1])
    return printed


def test_where_no_worker_runs_the_command_does_it_all(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    old = generation_ensure(base)
    told = reindex(base, "--model", smaller.name, "--chunking", "size=32,overlap=0")
    assert (told["state"], told["previous_id"]) == ("switched", old.pk)
    live = generation_ensure(base)
    assert (live.dimensions, live.chunking["size"], live.chunking["strategy"]) == (SMALLER, 32, "sentence")
    assert_whole(live)
    status = reindex(base, "--status")
    assert [(one["state"], one["vectors"]) for one in status["generations"]] == [
        ("live", told["embedded"]),
        ("retired", 3),
    ]
    assert reindex(base, "--rollback")["state"] == "switched"
    assert generation_ensure(base) == old
    long_ago(live)
    assert reindex(base, "--drop") == {"dropped": [live.pk], "text": f"Dropped: {live.pk}."}
    assert list(IndexGeneration.objects.all()) == [old]


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    told = reindex(base, "--model", smaller.name, "--dry-run")
    known = ("documents", "versions", "chunks", "vectors", "reused", "is_estimate", "dimensions")
    assert {name: told[name] for name in known} == {
        "documents": 3, "versions": 3, "chunks": 3, "vectors": 3, "reused": 0, "is_estimate": False, "dimensions": SMALLER,
    }  # fmt: skip
    assert told["rate"] > 0
    assert told["megabytes"] >= 0
    assert "Nothing was written" in told["text"]
    assert not Reindex.objects.exists()


def test_vectors_that_a_kept_generation_has_are_reported_as_reused(
    base: KnowledgeBase, smaller: EmbeddingModel
) -> None:
    name = generation_ensure(base).model_version.model.name
    reindex(base, "--model", smaller.name)
    told = reindex(base, "--model", name, "--dry-run")
    assert (told["chunks"], told["reused"], told["vectors"], told["seconds"]) == (3, 3, 0, 0)


def test_what_was_interrupted_is_resumed(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    started(base, model=smaller)
    with pytest.raises(CommandError, match="has not ended"):
        reindex(base, "--model", smaller.name, "--chunking", "size=48,overlap=0")
    told = reindex(base, "--resume", "--dry-run")
    assert (told["dry_run"], told["state"], Reindex.objects.get().state) == (True, "building", "building")
    assert reindex(base, "--model", smaller.name)["state"] == "switched"
    assert Reindex.objects.count() == 1


def test_an_interruption_leaves_it_to_be_resumed(
    base: KnowledgeBase, smaller: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("workers.management.commands.reindex.job_run", interrupted)
    with pytest.raises(SystemExit) as ended:
        call_command("reindex", "--knowledge-base", str(base.pk), "--model", smaller.name)
    assert ended.value.code == 130
    assert Reindex.objects.get().state == ReindexState.BUILDING


def test_a_refused_switch_is_exit_code_1_and_can_be_made_all_the_same(
    base: KnowledgeBase, smaller: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By words too, the questions would be answered although the model tells nothing apart.
    KnowledgeBase.objects.filter(pk=base.pk).update(retrieval={"mode": "dense"})
    asked(base)
    monkeypatch.setitem(TRANSPORTS, "fake", Worse)
    monkeypatch.setattr("apps.models.gateway.calls._made", {})
    told = reindex(base, "--model", smaller.name, code=1)
    assert told["state"] == "refused"
    assert told["comparison"][0]["after"] < told["comparison"][0]["before"]
    assert reindex(base, "--switch", "now")["state"] == "switched"


def test_it_can_wait_for_a_person_and_be_cancelled(base: KnowledgeBase, smaller: EmbeddingModel) -> None:
    assert reindex(base, "--model", smaller.name, "--switch", "manual")["state"] == "ready"
    assert reindex(base, "--cancel")["state"] == "cancelled"
    assert IndexGeneration.objects.count() == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--model", "nobody/knows"], "There is no embedding model 'nobody/knows'; registered: other-24, sentence"),
        (["--chunking", "size=9"], "The chunk size 9 is invalid"),
        (["--chunking", "{size"], "is not JSON"),
        (["--chunking", "colour=red"], "no chunking setting called 'colour'"),
        (["--margin", "2", "--chunking", "size=64,overlap=0"], "A margin of 2 is invalid"),
        ([], "with this chunking already"),
        (["--drop"], "keeps no generation to drop"),
        (["--drop", "7"], "keeps no generation 7 to drop"),
        (["--resume"], "No re-index"),
        (["--switch", "now"], "No re-index"),
        (["--rollback"], "No earlier generation is kept"),
    ],
)
def test_invalid_options_are_refused_in_words(
    base: KnowledgeBase, smaller: EmbeddingModel, arguments: list[str], why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        reindex(base, *arguments)
    assert (Reindex.objects.count(), IndexGeneration.objects.count()) == (0, 1)
