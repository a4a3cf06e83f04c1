from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from apps.documents.retrieval_settings import RetrievalSettings
from apps.models.gateway.fake import FakeTransport
from apps.retrieval.evaluation import runs
from apps.retrieval.evaluation.runs import (
    EVALUATION_RUNS,
    evaluation_run_start,
)
from apps.retrieval.evaluation.selectors import results_worst_first
from apps.retrieval.evaluation.sets import (
    NewJudgement,
    evaluation_set_create,
    passage_mark,
    question_add,
    question_delete,
)
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import (
    WRONG,
    EvaluationResult,
    EvaluationRun,
    EvaluationSet,
    GenerationState,
    IndexGeneration,
    RunState,
)
from apps.retrieval.models.modes import Mode, Searching
from ragsite.core.errors import ConflictError, ModelUnavailableError, PermanentError
from ragsite.core.leases import lease_claim
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.evaluation.asking import TEXTS, asked, document, done, library, started

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> EvaluationSet:
    return asked(library())


def dead(run: EvaluationRun) -> None:
    """The run is claimed, and its worker is gone without a word."""
    lease_claim(EvaluationRun.objects.filter(pk=run.pk), limit=1)
    EvaluationRun.objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))


def test_questions_in_the_words_of_their_documents_are_answered_perfectly(made: EvaluationSet) -> None:
    run = done(made)
    assert run.state == RunState.DONE
    figures = {name: run.metrics[name] for name in ("ndcg@10", "recall@10", "recall@100", "mrr", "map", "queries")}
    assert figures == {"ndcg@10": 1, "recall@10": 1, "recall@100": 1, "mrr": 1, "map": 1, "queries": 3}
    assert run.metrics["p95_ms"] >= run.metrics["p50_ms"] > 0
    assert run.started_at is not None
    assert run.finished_at is not None
    assert run.generation is not None
    assert (run.parameters["documents"], run.parameters["chunks"]) == (3, 3)


def test_a_run_is_the_mean_over_its_questions_and_the_worst_come_first(made: EvaluationSet) -> None:
    base = made.knowledge_base
    question_add(
        evaluation_set=made,
        text=TEXTS["tides"],
        relevant=[NewJudgement(document_id=document(base, "harbour").pk)],
        actor=ACTOR,
    )
    run = done(made)
    worst = results_worst_first(run)[0]
    assert worst.text == TEXTS["tides"]
    assert worst.metrics["mrr"] in (1 / 2, 1 / 3)
    assert run.metrics["mrr"] == pytest.approx((3 + worst.metrics["mrr"]) / 4, abs=1e-6)
    assert [place["grade"] for place in worst.ranking].index(1) == round(1 / worst.metrics["mrr"]) - 1
    assert worst.metrics["ndcg@10"] == pytest.approx(1 / math.log2(1 / worst.metrics["mrr"] + 1))


def test_a_marked_span_is_measured_as_a_span(made: EvaluationSet) -> None:
    tides = document(made.knowledge_base, "tides")
    empty = evaluation_set_create(knowledge_base=made.knowledge_base, name="Marked", actor=ACTOR)
    span = NewJudgement(version_id=tides.current_version_id, start=0, end=10)
    passage_mark(evaluation_set=empty, text=TEXTS["tides"], judged=span, actor=ACTOR)
    assert done(empty).metrics["map"] == 1


def test_what_was_judged_wrong_is_named_in_the_ranking_and_changes_no_figure(made: EvaluationSet) -> None:
    before, tides = done(made), document(made.knowledge_base, "tides")
    wrong = NewJudgement(version_id=tides.current_version_id, start=0, end=10, grade=WRONG)
    for text in (TEXTS["berths"], "Who wrote it?"):
        passage_mark(evaluation_set=made, text=text, judged=wrong, actor=ACTOR)
    after = done(made)
    figures = [{name: one.metrics[name] for name in before.metrics if "ms" not in name} for one in (before, after)]
    assert figures[0] == figures[1]
    marked = {one["document"] for one in after.results.get(text=TEXTS["berths"]).ranking if one["wrong"]}
    assert marked == {str(tides.pk)}


@pytest.mark.parametrize("mode", Mode)
def test_each_mode_is_measured(made: EvaluationSet, mode: Mode) -> None:
    run = evaluation_run_start(evaluation_set=made, how=Searching(mode=mode), actor=ACTOR)
    assert make.work_once("evaluate", run)
    run.refresh_from_db()
    assert (run.state, run.mode, run.metrics["ndcg@10"]) == (RunState.DONE, mode, 1)
    usual = RetrievalSettings().to_dict()
    assert {name: run.parameters[name] for name in ("fusion", "weight", "names", "same_page")} == {
        name: usual[name] for name in ("fusion", "weight", "names", "same_page")
    }


def test_a_generation_that_is_still_built_can_be_measured(made: EvaluationSet) -> None:
    base = made.knowledge_base
    live = generation_ensure(base)
    IndexGeneration.objects.filter(pk=live.pk).update(state=GenerationState.BUILDING)
    empty = generation_ensure(base)
    for measured, generation, chunks in ((live, live, 3), (empty, None, 0)):
        how = Searching(mode=Mode.DENSE)
        run = evaluation_run_start(evaluation_set=made, how=how, actor=ACTOR, generation=generation)
        assert make.work_once("evaluate", run)
        run.refresh_from_db()
        assert (run.generation, run.parameters["chunks"]) == (measured, chunks)
        assert run.metrics["ndcg@10"] == (1 if chunks else 0)


def test_a_run_whose_generation_was_dropped_fails_and_says_so(made: EvaluationSet) -> None:
    run = evaluation_run_start(evaluation_set=made, how=Searching(), actor=ACTOR)
    EvaluationRun.objects.filter(pk=run.pk).update(state=RunState.RUNNING)
    assert make.work_once("evaluate", run)
    run.refresh_from_db()
    assert (run.state, "was dropped" in run.error) == (RunState.FAILED, True)


def test_an_evaluation_never_falls_back_on_words(made: EvaluationSet, use_transport: Callable[[Any], None]) -> None:
    class Silent(FakeTransport):
        def embed(self, *_: Any, **__: Any) -> Any:
            raise ModelUnavailableError("No worker.")

    use_transport(Silent())
    run = evaluation_run_start(evaluation_set=made, how=Searching(), actor=ACTOR)
    assert make.work_once("evaluate", run)
    run.refresh_from_db()
    assert (run.state, run.results.count(), "No worker." in run.error) == (RunState.RUNNING, 0, True)


def test_reranking_is_refused_while_nothing_can_rerank(made: EvaluationSet) -> None:
    with pytest.raises(PermanentError) as error:
        evaluation_run_start(evaluation_set=made, how=Searching(rerank=True), actor=ACTOR)
    assert error.value.error_code == "no_reranker"
    assert not EvaluationRun.objects.exists()


@pytest.mark.parametrize(("k", "depth"), [(0, 100), (10, 9), (10, 1_001), (1_001, 1_001)])
def test_k_and_depth_have_bounds(made: EvaluationSet, k: int, depth: int) -> None:
    with pytest.raises(PermanentError, match=f"k={k} with a depth of {depth}"):
        evaluation_run_start(evaluation_set=made, how=Searching(depth=depth), actor=ACTOR, k=k)


def test_a_set_that_measures_nothing_is_refused() -> None:
    with pytest.raises(ConflictError, match="No question of 'Empty'"):
        started(evaluation_set_create(knowledge_base=make.knowledge_base(), name="Empty", actor=ACTOR))


def test_a_run_whose_worker_died_goes_on_where_it_stood(made: EvaluationSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BATCH", 1)
    run = started(made)
    assert make.work_once("evaluate", run, seconds=0)
    (first,) = run.results.all()
    dead(run)
    assert EVALUATION_RUNS.waiting().get() == run
    while make.work_once("evaluate"):
        pass
    run.refresh_from_db()
    assert (run.state, run.metrics["queries"], run.results.count()) == (RunState.DONE, 3, 3)
    assert first in run.results.all(), "what was measured is not measured again"


def test_a_worker_that_lost_its_lease_writes_nothing(made: EvaluationSet, use_transport: Callable[[Any], None]) -> None:
    class TakenOver(FakeTransport):
        def embed(self, *args: Any, **rest: Any) -> Any:
            EvaluationRun.objects.update(lease_owner="another")
            return super().embed(*args, **rest)

    run = started(made)
    use_transport(TakenOver())
    assert make.work_once("evaluate")
    run.refresh_from_db()
    assert (run.state, run.lease_owner, EvaluationResult.objects.count()) == (RunState.RUNNING, "another", 0)


def test_a_run_that_kills_its_workers_is_given_up_in_words(made: EvaluationSet, settings: Any) -> None:
    run = started(made)
    for _ in range(settings.RAGSITE_MAX_ATTEMPTS):
        assert EVALUATION_RUNS.give_up() == 0
        dead(run)
    assert not EVALUATION_RUNS.waiting().exists()
    assert not make.work_once("evaluate")
    assert EVALUATION_RUNS.give_up() == 1
    run.refresh_from_db()
    assert (run.state, run.finished_at is not None) == (RunState.FAILED, True)
    assert "died or gave up 3 times without progress" in run.error


def test_a_model_that_is_away_lets_the_run_wait_with_its_reason(
    made: EvaluationSet, use_transport: Callable[[Any], None]
) -> None:
    class Away(FakeTransport):
        def embed(self, *_: Any, **__: Any) -> Any:
            raise ModelUnavailableError("No worker.")

    run = started(made)
    use_transport(Away())
    assert make.work_once("evaluate")
    run.refresh_from_db()
    assert (run.state, run.attempts, run.lease_owner) == (RunState.RUNNING, 1, "")
    assert run.error.startswith("No worker.")
    use_transport(FakeTransport())
    EvaluationRun.objects.update(not_before=Now())
    while make.work_once("evaluate"):
        pass
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.DONE, "")


def test_a_defect_is_shown_on_the_run_and_raised_for_the_log(
    made: EvaluationSet, use_transport: Callable[[Any], None]
) -> None:
    class Broken(FakeTransport):
        def embed(self, *_: Any, **__: Any) -> Any:
            raise ZeroDivisionError("oops")

    run = started(made)
    use_transport(Broken())
    with pytest.raises(ZeroDivisionError):
        make.work_once("evaluate")
    run.refresh_from_db()
    assert (run.error, run.lease_owner) == ("The worker failed unexpectedly: ZeroDivisionError: oops", "")


def test_a_knowledge_base_without_an_index_fails_the_run_in_words() -> None:
    base = make.knowledge_base()
    version = make.upload(base).version
    made = evaluation_set_create(knowledge_base=base, name="Early", actor=ACTOR)
    question_add(
        evaluation_set=made, text="When?", relevant=[NewJudgement(document_id=version.document_id)], actor=ACTOR
    )
    run = done(made)
    assert run.state == RunState.FAILED
    assert "nothing to search yet" in run.error


def test_a_question_that_is_added_while_a_run_waits_is_for_the_next_run(made: EvaluationSet) -> None:
    run = started(made)
    tides = document(made.knowledge_base, "tides")
    late = question_add(evaluation_set=made, text="Late?", relevant=[NewJudgement(document_id=tides.pk)], actor=ACTOR)
    made.questions.filter(pk=late.pk).update(created_at=Now() + timedelta(seconds=60))
    while make.work_once("evaluate"):
        pass
    run.refresh_from_db()
    assert run.metrics["queries"] == 3


def test_a_question_that_is_deleted_leaves_its_text_in_the_result(made: EvaluationSet) -> None:
    run = done(made)
    result = run.results.first()
    assert result is not None
    assert result.question is not None
    question_delete(question=result.question, actor=ACTOR)
    result.refresh_from_db()
    assert (result.question, result.text) == (None, TEXTS["harbour"])
