"""Evaluation runs: started by a door, claimed by a worker, resumed after an interruption at the questions not yet done.

A run is a leased row. Its worker measures a few questions at a time and writes each batch under the lease, so a worker
that was taken for dead writes nothing and no question is measured twice. After its turn it lets go of the run, so that no
task lasts long.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Now

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.retrieval_settings import SHARES, RetrievalSettings
from apps.retrieval.evaluation.experiments.noting import run_note
from apps.retrieval.evaluation.measuring import question_measure, run_metrics
from apps.retrieval.evaluation.searching import searching_check
from apps.retrieval.evaluation.selectors import documents_measured, judged, questions_measurable
from apps.retrieval.index.generations import generation_live
from apps.retrieval.models import (
    RUN_ENDED,
    EvaluationQuestion,
    EvaluationResult,
    EvaluationRun,
    EvaluationSet,
    IndexGeneration,
    RunState,
)
from apps.retrieval.models.modes import Searching
from ragsite.core.actors import Actor
from ragsite.core.errors import ConflictError, LeaseLostError, PermanentError, RagError
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import LeasedRows, Turn, rows_work

EVALUATE = "evaluate"
"""The job's name for those who ring."""

BATCH = 8
LARGEST_K, LARGEST_DEPTH = 1_000, 1_000


def evaluation_run_start(
    *,
    evaluation_set: EvaluationSet,
    how: Searching,
    k: int = 10,
    generation: IndexGeneration | None = None,
    actor: Actor,
) -> EvaluationRun:
    """Note a run and wake a worker; it is watched by its state.

    It measures the generation that is live when it begins, or the given one, which may still be built.

    Raises:
        PermanentError: the search does not have that mode, or `k` and depth are out of bounds.
        ConflictError: no question of the set has a relevant document.
    """
    searching_check(how)
    _check_bounds(k, how.depth)
    if not questions_measurable(evaluation_set).exists():
        raise ConflictError(
            f"No question of {evaluation_set.name!r} has a relevant document.", action="Add or import some first."
        )
    with transaction.atomic():
        run = EvaluationRun.objects.create(
            evaluation_set=evaluation_set, mode=how.mode, rerank=how.rerank, depth=how.depth, k=k,
            asked_by=actor.text,
            generation=generation,
        )  # fmt: skip
        ring(EVALUATE)
    return run


class OpenRuns(LeasedRows):
    """Runs that have not ended, the oldest first."""

    model, what = EvaluationRun, "the evaluation run"

    def open(self) -> QuerySet[EvaluationRun]:
        return EvaluationRun.objects.exclude(state__in=RUN_ENDED).order_by("id")

    def fail(self, claim: Claim, error: RagError) -> None:
        self.held(claim).update(state=RunState.FAILED, error=error.sentence, finished_at=Now(), **RELEASED)


EVALUATION_RUNS = OpenRuns()


def evaluation_run_work(claim: Claim, turn: Turn) -> None:
    """Measure questions of the claimed run until none is left or the turn is over.

    Raises:
        LeaseLostError: somebody else took over meanwhile.
        PermanentError: the run cannot be measured.
    """
    run = _begin(claim)
    while questions := _questions_left(run):
        results = _measured(run, questions)
        with transaction.atomic():
            _hold(claim)
            EvaluationResult.objects.bulk_create(results)
            EvaluationRun.objects.filter(pk=run.pk).update(attempts=1, error="")
        if turn.is_over():
            return
    _finish(claim, run)


def evaluation_run_turn(run: EvaluationRun, turn: Turn) -> bool:
    """Claim this run and work on it for a turn; False where somebody holds it, or it has to wait."""
    return rows_work(EVALUATION_RUNS, evaluation_run_work, turn=turn, among=Q(pk=run.pk))


def _begin(claim: Claim) -> EvaluationRun:
    """The run, with a note of what is searched, made at its first start."""
    run = _runs_with_generations().get(pk=claim.ids[0])
    if run.state == RunState.WAITING:
        base = run.evaluation_set.knowledge_base
        generation = run.generation or generation_live(base)
        if generation is None:
            raise ConflictError("The knowledge base has nothing to search yet.", action="Upload documents first.")
        searched_by = RetrievalSettings.from_dict(base.retrieval)
        parameters = {
            "embedding_model": str(generation.model_version),
            "chunking": ChunkingSettings.from_dict(generation.chunking).to_dict(),
            "chunks": generation.embeddings.count(),
            "documents": documents_measured(base.pk).count(),
            "fusion": searched_by.fusion.value,
            **{name: getattr(searched_by, name) for name in SHARES},
        }
        with transaction.atomic():
            _hold(claim)
            EvaluationRun.objects.filter(pk=run.pk).update(
                state=RunState.RUNNING, started_at=Coalesce("started_at", Now()), generation=generation,
                parameters=parameters,
            )  # fmt: skip
        return _runs_with_generations().get(pk=run.pk)
    return run


def _runs_with_generations() -> QuerySet[EvaluationRun]:
    return EvaluationRun.objects.select_related("evaluation_set__knowledge_base", "generation__knowledge_base")


def _questions_left(run: EvaluationRun) -> list[EvaluationQuestion]:
    """The next questions without a result, of those that were in the set when the run was asked for."""
    done = run.results.exclude(question=None).values("question")
    left = questions_measurable(run.evaluation_set).filter(created_at__lte=run.created_at).exclude(pk__in=done)
    return list(left.order_by("id")[:BATCH])


def _measured(run: EvaluationRun, questions: Sequence[EvaluationQuestion]) -> list[EvaluationResult]:
    relevant = judged(question.pk for question in questions)
    return [question_measure(run, question, relevant.get(question.pk, [])) for question in questions]


def _finish(claim: Claim, run: EvaluationRun) -> None:
    metrics = run_metrics(run)
    with transaction.atomic():
        _hold(claim)
        EvaluationRun.objects.filter(pk=run.pk).update(
            state=RunState.DONE, metrics=metrics, finished_at=Now(), attempts=0, error="", **RELEASED
        )
        run_note(run)


def _hold(claim: Claim) -> None:
    """Lock the run for the rest of the transaction.

    Raises:
        LeaseLostError: it is no longer held by this claim.
    """
    if not EVALUATION_RUNS.held(claim).select_for_update(no_key=True).values_list("pk", flat=True):
        raise LeaseLostError(f"The lease on the evaluation run {claim.ids[0]} was lost; this part of it is dropped.")


def _check_bounds(k: int, depth: int) -> None:
    if not 1 <= k <= LARGEST_K or not k <= depth <= LARGEST_DEPTH:
        raise PermanentError(
            f"k={k} with a depth of {depth} is invalid.",
            action=f"Choose k from 1 to {LARGEST_K:,} and a depth from k to {LARGEST_DEPTH:,}.",
        )
