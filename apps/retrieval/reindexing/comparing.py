"""The quality of the new generation beside the live one's, on the knowledge base's own evaluation sets.

Each set is run twice, once for each generation: runs like any others, which people can look at and compare.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from apps.documents.retrieval_settings import RetrievalSettings
from apps.retrieval.evaluation.comparing import runs_compare
from apps.retrieval.evaluation.experiments.noting import reindex_note
from apps.retrieval.evaluation.runs import EVALUATION_RUNS, evaluation_run_start, evaluation_run_turn
from apps.retrieval.evaluation.selectors import questions_measurable
from apps.retrieval.models import (
    RUN_ENDED,
    EvaluationRun,
    EvaluationSet,
    IndexGeneration,
    Reindex,
    ReindexState,
    RunState,
    SwitchMode,
)
from apps.retrieval.models.modes import Searching
from apps.retrieval.reindexing.holding import reindex_advance, reindex_hold
from apps.retrieval.reindexing.switching import generation_of
from apps.retrieval.reindexing.waiting import REINDEX
from ragsite.core.actors import Actor
from ragsite.core.errors import PermanentError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.locking import rows_update
from ragsite.core.work import Turn

FIGURE = "ndcg@10"
ACTOR = Actor.of_job(REINDEX)
NO_SETS = "The knowledge base has no evaluation set whose questions have a relevant document, so the quality was not compared."


def comparison_begin(claim: Claim) -> None:
    """Ask for a run over each evaluation set on either generation."""
    with transaction.atomic():
        reindex = reindex_hold(claim)
        old, new = reindex.previous, generation_of(reindex)
        pairs = [_pair(one, old, new) for one in _sets(reindex)] if old else []
        reindex_advance(claim, ReindexState.COMPARING, comparison=pairs)


def comparison_work(claim: Claim, reindex: Reindex, turn: Turn) -> bool:
    """Work on the runs, and when all are done say what follows; whether there was something to do here.

    Raises:
        PermanentError: a run failed.
        LeaseLostError: somebody else took over, or ended the re-index.
    """
    runs = {str(run.pk): run for run in EvaluationRun.objects.filter(pk__in=_run_ids(reindex))}
    for run in runs.values():
        if run.state == RunState.FAILED:
            raise PermanentError(f"The evaluation of {run.evaluation_set} failed: {run.error}", action="")
    under_way = [run for run in runs.values() if run.state not in RUN_ENDED]
    if under_way:
        EVALUATION_RUNS.give_up()
        return evaluation_run_turn(under_way[0], turn)
    _conclude(claim, reindex, [_compared(pair, runs) for pair in reindex.comparison if _is_whole(pair, runs)])
    return True


def comparison_end(generation: IndexGeneration, *, reason: str) -> None:
    """Fail the runs over a generation that are under way: it is about to be removed."""
    under_way = EvaluationRun.objects.filter(generation=generation).exclude(state__in=RUN_ENDED)
    rows_update(under_way, state=RunState.FAILED, error=reason, finished_at=Now(), **RELEASED)


def _sets(reindex: Reindex) -> list[EvaluationSet]:
    sets = EvaluationSet.objects.filter(knowledge_base=reindex.knowledge_base_id)
    return [one for one in sets.select_related("knowledge_base") if questions_measurable(one).exists()]


def _pair(evaluation_set: EvaluationSet, old: IndexGeneration, new: IndexGeneration) -> dict[str, str]:
    """Two runs in the mode in which the knowledge base is searched."""
    how = Searching(mode=RetrievalSettings.from_dict(evaluation_set.knowledge_base.retrieval).mode)
    before, after = (
        evaluation_run_start(evaluation_set=evaluation_set, how=how, actor=ACTOR, generation=generation)
        for generation in (old, new)
    )
    return {"set": evaluation_set.name, "before_run": str(before.pk), "after_run": str(after.pk)}


def _run_ids(reindex: Reindex) -> list[str]:
    return [pair[name] for pair in reindex.comparison for name in ("before_run", "after_run")]


def _is_whole(pair: dict[str, Any], runs: dict[str, EvaluationRun]) -> bool:
    """A set that was deleted meanwhile took its runs with it."""
    return pair["before_run"] in runs and pair["after_run"] in runs


def _compared(pair: dict[str, Any], runs: dict[str, EvaluationRun]) -> dict[str, Any]:
    compared = runs_compare(run=runs[pair["after_run"]], against=runs[pair["before_run"]])
    figure = next(one for one in compared.figures if one.name == FIGURE)
    return pair | {
        "before": round(figure.against, 6),
        "after": round(figure.value, 6),
        "p": round(figure.p, 4),
        "questions": compared.shared,
    }


def _conclude(claim: Claim, reindex: Reindex, comparison: list[dict[str, Any]]) -> None:
    fallen = [one for one in comparison if one["before"] - one["after"] > reindex.margin]
    note = _fall(fallen, reindex.margin) if fallen else "" if comparison else NO_SETS
    state = ReindexState.READY
    if reindex.switch == SwitchMode.AUTO:
        state = ReindexState.REFUSED if fallen else ReindexState.SWITCHING
    with transaction.atomic():
        reindex_advance(claim, state, comparison=comparison, note=note)
        reindex_note(reindex.pk)


def _fall(fallen: list[dict[str, Any]], margin: float) -> str:
    figures = "; ".join(f"{one['set']}: {one['before']:.3f} before, {one['after']:.3f} after" for one in fallen)
    return f"nDCG@10 fell by more than {margin:g} ({figures})."
