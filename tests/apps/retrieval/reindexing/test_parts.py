"""A knowledge base comes to be kept in parts, or whole again, by a re-index like any other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.documents.models import KnowledgeBase, PartsBy
from apps.models.installed_model import EmbeddingModel
from apps.retrieval.index import parts
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import IndexPart, Reindex, ReindexState, SwitchMode
from apps.retrieval.reindexing import services
from apps.retrieval.reindexing.asking import reindex_request, request_plan
from apps.retrieval.reindexing.dropping import generation_drop
from apps.retrieval.reindexing.services import reindex_rollback, reindex_start
from ragsite.core.errors import ConflictError
from ragsite.core.models import OutboxEvent
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, library
from tests.apps.retrieval.index.test_indexing import Watched
from tests.apps.retrieval.reindexing.rebuilding import assert_whole, started, worked
from tests.apps.retrieval.reindexing.test_dropping import long_ago

pytestmark = pytest.mark.django_db
UseTransport = Callable[[Any], None]


def found(base: KnowledgeBase) -> list[str]:
    base.refresh_from_db()
    return [make.found(make.scope(base), text)[0] for text in TEXTS.values()]


def assert_same(base: KnowledgeBase, by: PartsBy) -> None:
    """It answers in these parts, and as ever."""
    live = generation_ensure(base)
    assert (live.parts, base.parts) == (by, by)
    assert_whole(live)
    assert found(base) == list(TEXTS.values())


def test_a_knowledge_base_is_divided_and_made_whole_again_without_a_model(
    base: KnowledgeBase, use_transport: UseTransport
) -> None:
    use_transport(watched := Watched())
    steps = [PartsBy.NONE, PartsBy.TYPE, PartsBy.MONTH, PartsBy.NONE]
    for _, by in pairwise(steps):
        assert worked(started(base, parts=by)).state == ReindexState.SWITCHED
        assert watched.texts == []
        base.refresh_from_db()
        assert (generation_ensure(base).parts, base.parts) == (by, by)
        assert_whole(generation_ensure(base))
    changes = OutboxEvent.objects.filter(type="knowledge_base.updated").order_by("pk").values_list("payload", flat=True)
    assert [one["changed"] for one in changes] == 3 * [["parts"]]


@pytest.mark.parametrize(("first", "then"), [("none", "type"), ("type", "none"), ("type", "month")])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_worker_that_is_killed_on_the_way_loses_no_vector_and_leaves_none_twice(
    first: str,
    then: str,
    at: int,
    smaller: EmbeddingModel,
    use_transport: UseTransport,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = make.knowledge_base(parts=first)
    for number, kind in enumerate(["txt", "md", "txt"]):
        make.ready_version(base, f"Berth {number} costs {number} euros.", filename=f"{number}.{kind}")
    monkeypatch.setattr("apps.retrieval.index.embeddings.BATCH", 1)
    reindex = started(base, model=smaller, parts=PartsBy(then))
    use_transport(Watched(fails_at=at, error=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        worked(reindex)
    use_transport(Watched())
    Reindex.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert worked(reindex).state == ReindexState.SWITCHED
    assert_whole(generation_ensure(base))
    assert generation_ensure(base).embeddings.count() == 3


def test_a_worker_that_is_killed_while_it_makes_a_part_is_followed_by_one_that_makes_it(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(part: Any) -> None:
        raise KeyboardInterrupt

    reindex = started(base, parts=PartsBy.TYPE)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(parts, "partition_create", dies)
        worked(reindex)
    assert not IndexPart.objects.exists()
    Reindex.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert worked(reindex).state == ReindexState.SWITCHED
    assert_same_parts(base, {"txt"})


def assert_same_parts(base: KnowledgeBase, keys: set[str]) -> None:
    live = generation_ensure(base)
    assert set(IndexPart.objects.filter(generation=live).values_list("key", flat=True)) == keys
    assert_whole(live)


def test_documents_that_come_after_the_switch_and_a_rollback_are_in_both(base: KnowledgeBase) -> None:
    whole = generation_ensure(base)
    worked(started(base, parts=PartsBy.TYPE))
    make.ready_version(base, "# Ferry\n\nThe ferry leaves at eight.", filename="ferry.md")
    assert_same_parts(base, {"md", "txt"})
    divided = generation_ensure(base)
    worked(reindex_rollback(base, actor=ACTOR))
    base.refresh_from_db()
    assert (generation_ensure(base), base.parts) == (whole, "none")
    assert_whole(whole)
    assert make.found(make.scope(base), "When does the ferry leave?")[0].endswith("The ferry leaves at eight.")
    generation_drop(long_ago(divided), actor=ACTOR)
    assert not IndexPart.objects.exists()


@pytest.mark.parametrize("then", ["type", "none"])
def test_generations_with_and_without_parts_are_compared_on_the_questions_of_a_set(then: str) -> None:
    base = library(parts="none" if then == "type" else "type")
    asked(base)
    reindex = worked(started(base, parts=PartsBy(then), switch=SwitchMode.MANUAL))
    (compared,) = reindex.comparison
    assert (reindex.state, compared["before"], compared["after"]) == (ReindexState.READY, 1, 1)


def test_what_is_not_said_keeps_its_parts_and_nothing_is_rebuilt_for_the_same_ones(smaller: EmbeddingModel) -> None:
    base = make.knowledge_base(parts="type")
    make.ready_version(base, TEXTS["tides"], filename="a.txt")
    for by in (None, PartsBy.TYPE):
        with pytest.raises(ConflictError, match="already"):
            started(base, parts=by)
    assert worked(started(base, model=smaller)).state == ReindexState.SWITCHED
    assert_same_parts(base, {"txt"})


def test_a_plan_counts_the_vectors_of_all_parts(base: KnowledgeBase) -> None:
    worked(started(base, parts=PartsBy.TYPE))
    plan = request_plan(base, reindex_request(base, parts="none"))
    assert (plan.vectors, plan.reused, plan.chunks) == (0, 3, 3)


def test_parts_are_not_asked_for_where_another_store_searches(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "store_chosen", lambda at: services.VectorStore.MILVUS)
    with pytest.raises(ConflictError, match="not kept in parts"):
        reindex_start(base, reindex_request(base, parts="month"), actor=ACTOR)
    assert not Reindex.objects.exists()
