"""The legs of a search: chunk ids with scores, by meaning and by words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from apps.documents.retrieval_settings import Mode
from apps.documents.rights.access import AccessScope
from apps.retrieval.index.lexical.reading import NO_STATISTICS, TermStatistics
from apps.retrieval.models import GenerationState, IndexGeneration
from apps.retrieval.search.beside import Answers, stored_search
from apps.retrieval.search.dense import (
    DenseResult,
    PartPlan,
    SearchPlan,
    VectorSearch,
    best,
    dense_scores,
    dense_search,
)
from apps.retrieval.search.filters import Condition
from apps.retrieval.search.fusion import Leg, leg_of, legs_joined
from apps.retrieval.search.lexical import LexicalResult, lexical_search
from apps.retrieval.search.questions import Question


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Where a search looks, and what a chunk must meet to be found. `answers` are those of stores beside PostgreSQL."""

    scope: AccessScope
    condition: Condition
    generations: Sequence[IndexGeneration]
    depth: int
    answers: Answers = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanOfLeg:
    """How a leg found what it found, in which generations, and in each part of those that are divided."""

    leg: Mode
    plan: str
    generations: tuple[int, ...]
    parts: tuple[PartPlan, ...] = ()


@dataclass(frozen=True, slots=True)
class Legs:
    """What each leg found, and how rare the question's terms are; a leg that the mode leaves out found nothing."""

    dense: Leg
    lexical: Leg
    plans: tuple[PlanOfLeg, ...] = ()
    statistics: TermStatistics = NO_STATISTICS


@dataclass(frozen=True, slots=True)
class _ModelHits:
    """What was found in the generations of one model."""

    question: Question
    generations: Sequence[IndexGeneration]
    result: DenseResult


def dense_leg(where: SearchSpace, questions: Mapping[UUID, Question]) -> list[_ModelHits]:
    """What lies nearest to the question, for each model that `questions` has its vector by; others are left out."""
    by_model: dict[UUID, list[IndexGeneration]] = defaultdict(list)
    for generation in where.generations:
        by_model[generation.model_version_id].append(generation)
    return [_of_model(where, questions[pk], generations) for pk, generations in by_model.items() if pk in questions]


def lexical_leg(where: SearchSpace, text: str) -> LexicalResult:
    """What has the question's terms, in all generations as if they were one."""
    return lexical_search(
        where.condition, scope=where.scope, generations=where.generations, text=text, limit=where.depth
    )


def legs_completed(where: SearchSpace, dense: Sequence[_ModelHits], lexical: LexicalResult | None) -> Legs:
    """Both legs, each with its score for what only the other one found: an order by scores needs both.

    A chunk without any term of the question has no lexical score. One of a model that did not answer has no dense score, and the
    dense leg is partial.
    """
    words = {hit.chunk_id for hit in lexical.hits} if lexical else set()
    meaning = {hit.chunk_id for one in dense for hit in one.result.hits}
    nearness = [leg_of(one.result.hits, _dense_scores(where, one, words - meaning)) for one in dense]
    others = lexical.candidates.scores_of(meaning - words) if lexical else {}
    return Legs(
        dense=replace(legs_joined(nearness, limit=where.depth), is_partial=_is_partial(where, dense))
        if dense
        else Leg(),
        lexical=leg_of(lexical.hits, others) if lexical else Leg(),
        plans=_plans(where, dense, lexical),
        statistics=lexical.candidates.statistics if lexical else NO_STATISTICS,
    )


def _of_model(where: SearchSpace, question: Question, generations: Sequence[IndexGeneration]) -> _ModelHits:
    own = [generation for generation in generations if not generation.collection]
    found = dense_search(where.condition, scope=where.scope, generations=own, vector=question.vector, limit=where.depth)
    beside = [generation for generation in generations if generation.collection]
    if beside:
        search = VectorSearch(where.condition, where.scope, question.vector, where.depth)
        stored = stored_search(search, generations=beside, answers=where.answers)
        hits = best([*found.hits, *stored.hits], where.depth)
        found = DenseResult(hits, found.plans | stored.plans, found.parts)
    return _ModelHits(question, generations, found)


def _dense_scores(where: SearchSpace, of: _ModelHits, chunk_ids: Collection[int]) -> dict[int, float]:
    return dense_scores(chunk_ids, scope=where.scope, generations=of.generations, vector=of.question.vector)


def _is_partial(where: SearchSpace, dense: Sequence[_ModelHits]) -> bool:
    """A smaller model's index may lack what was added in the last moments, and a store may be away."""
    if any(plan is SearchPlan.NONE for one in dense for plan in one.result.plans.values()):
        return True
    if any(one.state == GenerationState.STANDBY for one in where.generations):
        return True
    return sum(len(one.generations) for one in dense) < len(where.generations)


def _plans(where: SearchSpace, dense: Sequence[_ModelHits], lexical: LexicalResult | None) -> tuple[PlanOfLeg, ...]:
    plans = [_plan_of(one.result, pk) for one in dense for pk in one.result.plans]
    if lexical:
        everywhere = tuple(generation.pk for generation in where.generations)
        plans.append(PlanOfLeg(Mode.LEXICAL, lexical.plan.value, everywhere))
    return tuple(plans)


def _plan_of(result: DenseResult, generation_id: int) -> PlanOfLeg:
    parts = tuple(part for part in result.parts if part.generation_id == generation_id)
    return PlanOfLeg(Mode.DENSE, result.plans[generation_id].value, (generation_id,), parts)
