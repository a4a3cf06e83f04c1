"""What the DAGs do, by the client and the views themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from ragsite_batch.asking import NeedsPeopleError, once
from ragsite_batch.evaluating import Begun, Wanted, outcomes_raise, runs_begin, runs_compare, runs_have_ended
from ragsite_batch.purging import Asked, deletions_resume, generations_drop, purges_ask, purges_have_run
from ragsite_batch.reindexing import Finding, Kind, findings_raise, indexes_check, reindexes_resume
from ragsite_client import Client

from apps.documents.models import DeletionState, KnowledgeBase, KnowledgeBaseDeletion
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.models.models import ModelVersion
from apps.retrieval.models import EvaluationResult, EvaluationRun, GenerationState, IndexGeneration, Reindex
from ragsite.core.models import ScheduledJob
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import asked, library
from tests.client.serving import client_of

pytestmark = pytest.mark.django_db
RUN = "ragsite_purge/scheduled__2026-11-28T05:00:00+00:00"


@pytest.fixture
def base() -> KnowledgeBase:
    return library(name="Harbour")


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return client_of(make.api_key(base.tenant))


def worked(job: str) -> None:
    while make.work_once(job):
        pass


def test_the_same_parts_make_the_same_key_and_others_another() -> None:
    assert once(RUN, "purge", "a") == once(RUN, "purge", "a") != once(RUN, "purge", "b")


def test_an_index_that_is_as_it_should_be_is_not_told_of(client: Client) -> None:
    assert indexes_check(client) == []
    findings_raise([])


def test_what_is_the_matter_with_indexes_is_told_in_sentences(client: Client, base: KnowledgeBase) -> None:
    live = IndexGeneration.objects.get(knowledge_base=base, state=GenerationState.LIVE)
    Reindex.objects.create(
        knowledge_base=base, state="failed", error="The disk is full.", asked_by="ada", previous=live
    )
    make.upload(base, make.BROKEN_PDF, filename="broken.pdf")
    make.run_stages()
    ModelVersion.objects.filter(pk=live.model_version_id).update(status="retired")
    found = indexes_check(client)
    assert [one.kind for one in found] == [Kind.FAILED, Kind.VERSIONS_FAILED]
    assert "The disk is full." in found[0].text
    assert reindexes_resume(client, found, run=RUN) == [str(base.pk)]
    assert Reindex.objects.get().state == "building"
    with pytest.raises(NeedsPeopleError, match="Harbour: 1 versions"):
        findings_raise(found, resumed=[str(base.pk)])
    Reindex.objects.update(state="cancelled", ended_at=timezone.now())
    assert [one.kind for one in indexes_check(client)] == [Kind.BEHIND, Kind.VERSIONS_FAILED]


def test_a_re_index_that_ended_meanwhile_is_not_resumed(client: Client, base: KnowledgeBase) -> None:
    stale = Finding(str(base.pk), "Harbour", Kind.FAILED, "It failed.")
    assert reindexes_resume(client, [stale], run=RUN) == []
    with pytest.raises(NeedsPeopleError, match="It failed"):
        findings_raise([stale], resumed=[])


def test_each_set_is_run_once_a_run_and_compared_with_the_run_before(client: Client, base: KnowledgeBase) -> None:
    made = asked(base)
    first = runs_begin(client, Wanted(), run="night 1")
    assert runs_begin(client, Wanted(), run="night 1") == first, "a task that is tried again begins nothing"
    assert [(one.set, one.before) for one in first] == [(str(made.pk), "")]
    assert not runs_have_ended(client, first)
    worked("evaluate")
    assert runs_have_ended(client, first)
    (second,) = runs_begin(client, Wanted(), run="night 2")
    assert second.before == first[0].run
    (otherwise,) = runs_begin(client, Wanted(mode="lexical"), run="night 2, by words")
    assert otherwise.before == "", "runs of another kind are not compared"
    worked("evaluate")
    (outcome,) = runs_compare(client, [second], Wanted())
    assert (outcome.fell, outcome.error, outcome.figures["map"]) == ("", "", 1.0)
    outcomes_raise([outcome])


def test_quality_that_fell_by_more_than_chance_is_told(client: Client, base: KnowledgeBase) -> None:
    made = asked(base)
    runs = [EvaluationRun.objects.create(evaluation_set=made, mode="hybrid", asked_by="ada") for _ in range(2)]
    for run, value in zip(runs, (1.0, 0.5), strict=True):
        for question in made.questions.all():
            EvaluationResult.objects.create(
                run=run, question=question, text=question.text, metrics={"ndcg@10": value}, milliseconds=1.0
            )
        EvaluationRun.objects.filter(pk=run.pk).update(state="done", metrics={"ndcg@10": value})
    begun = Begun(str(made.pk), "Set", str(runs[1].pk), str(runs[0].pk))
    (by_chance,) = runs_compare(client, [begun], Wanted())
    assert by_chance.fell == "", "three questions may differ by chance: p = 0.25"
    (outcome,) = runs_compare(client, [begun], Wanted(level=0.3))
    assert outcome.fell.startswith("ndcg@10 fell from 1.000 to 0.500 (p = 0.250)")
    with pytest.raises(NeedsPeopleError, match="Set: ndcg@10 fell"):
        outcomes_raise([outcome])


def test_a_run_that_failed_is_told_with_its_reason(client: Client, base: KnowledgeBase) -> None:
    run = EvaluationRun.objects.create(
        evaluation_set=asked(base), mode="hybrid", asked_by="ada", state="failed", error="It was dropped."
    )
    (outcome,) = runs_compare(client, [Begun("", "Set", str(run.pk))], Wanted())
    with pytest.raises(NeedsPeopleError, match=r"Set: It was dropped\."):
        outcomes_raise([outcome])


def test_a_set_that_is_not_there_is_told() -> None:
    nobody = client_of(make.api_key(make.tenant()))
    with pytest.raises(NeedsPeopleError, match="no evaluation sets"):
        runs_begin(nobody, Wanted(sets=("0198",)), run=RUN)


def test_a_setting_that_there_is_not_is_refused() -> None:
    assert Wanted.of({"k": 5}) == Wanted(k=5)
    with pytest.raises(ValueError, match="margins"):
        Wanted.of({"margins": 0.1})


def test_purges_have_run_once_each_ended_after_it_was_asked_for(client: Client) -> None:
    asked_for = purges_ask(client, run=RUN)
    assert len(asked_for) == 6
    assert purges_ask(client, run=RUN) == asked_for
    assert not purges_have_run(client, asked_for)
    for one in asked_for:
        make.work_once(one.name)
    assert purges_have_run(client, asked_for)
    later = [Asked(one.name, (datetime.now(UTC) + timedelta(minutes=1)).isoformat()) for one in asked_for]
    assert not purges_have_run(client, later)
    ScheduledJob.objects.filter(name="blobs-purge").update(error="The disk is gone.")
    with pytest.raises(NeedsPeopleError, match="blobs-purge") as told:
        purges_have_run(client, later)
    assert "disk" not in str(told.value)


def test_deletions_that_stopped_go_on(client: Client, base: KnowledgeBase) -> None:
    knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert deletions_resume(client, run=RUN) == []
    KnowledgeBaseDeletion.objects.update(state=DeletionState.FAILED, error="It was in use.")
    deletion = KnowledgeBaseDeletion.objects.get()
    assert deletions_resume(client, run=RUN) == [str(deletion.pk)]
    deletion.refresh_from_db()
    assert deletion.state == DeletionState.REMOVING


def test_only_indexes_that_have_not_answered_for_so_long_are_dropped(client: Client, base: KnowledgeBase) -> None:
    live = IndexGeneration.objects.get(knowledge_base=base, state=GenerationState.LIVE)
    fields: dict[str, Any] = {
        "knowledge_base": base, "model_version": live.model_version, "chunking": live.chunking,
        "chunking_key": live.chunking_key, "dimensions": live.dimensions, "state": GenerationState.RETIRED,
    }  # fmt: skip
    now = datetime.now(UTC)
    old, new = (
        IndexGeneration.objects.create(**fields, retired_at=now - timedelta(days=days)) for days in (31, 29)
    )  # fmt: skip
    assert generations_drop(client, days=30, now=now) == [f"/knowledge-bases/{base.pk}/generations/{old.pk}/"]
    states = dict(IndexGeneration.objects.values_list("pk", "state"))
    assert (states.get(old.pk, "dropped"), states[new.pk], states[live.pk]) == ("dropped", "retired", "live")
