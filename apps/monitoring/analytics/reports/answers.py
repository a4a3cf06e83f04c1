# ruff: noqa: S608 - what is put into the queries are constants of ours; what callers give is bound
"""Reports of questions and their answers. They name neither a question's words nor who asked: ClickHouse has ids alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from apps.monitoring.analytics.reports.scope import OF_BASES, STEPS, WHEN, WHOSE, By, Moment, ReportScope, shown
from apps.monitoring.analytics.store import AnalyticsStore

MOST_ROWS = 5_000
"""Of a report over time: more than a year of days for each of a dozen knowledge bases."""


@dataclass(frozen=True, slots=True)
class UnansweredQuery:
    """A question that nothing was found for: how many passages were read, and how well the best one met it."""

    query_id: UUID
    at: Moment
    generator: str
    passages: int
    best_score: float | None


@dataclass(frozen=True, slots=True)
class Quality:
    """Of a knowledge base in a step of time. What was asked of several together counts for each of them."""

    step: date
    knowledge_base: UUID
    questions: int
    found: int
    statements: int
    supported: int
    citations: int
    rated_up: int
    rated_down: int


@dataclass(frozen=True, slots=True)
class StepCost:
    """A step of the pipeline: how often it was taken, the milliseconds of all together, and those that half, 19 of 20 and 99 of
    100 stay below.
    """

    step: str
    times: int
    milliseconds: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What a generator, with its model if it has one, wrote."""

    generator: str
    model: str
    answers: int
    tokens_read: int
    tokens_written: int


@dataclass(frozen=True, slots=True)
class CacheWorth:
    """In a step of time: of the answers those that were given again, and what making them had taken the first time."""

    step: date
    answers: int
    from_cache: int
    milliseconds_saved: float
    tokens_saved: int


def queries_unanswered(store: AnalyticsStore, scope: ReportScope, *, most: int) -> list[UnansweredQuery]:
    """The newest questions that found nothing."""
    return shown(store, _UNANSWERED, scope.parameters(most=most), UnansweredQuery)


def quality_by_base(store: AnalyticsStore, scope: ReportScope, *, by: By) -> list[Quality]:
    """How good answers were, by knowledge base, the first step first."""
    return shown(store, _QUALITY.replace("%step%", _step(by)), scope.parameters(most=MOST_ROWS), Quality)


def step_costs(store: AnalyticsStore, scope: ReportScope) -> list[StepCost]:
    """What each step of answering took, the one that took most first. Answers that were given again took none."""
    return shown(store, _STEPS, scope.parameters(), StepCost)


def model_costs(store: AnalyticsStore, scope: ReportScope) -> list[ModelCost]:
    """What was written by what, the one that wrote most answers first. Answers that were given again cost nothing."""
    return shown(store, _MODELS, scope.parameters(), ModelCost)


def cache_worth(store: AnalyticsStore, scope: ReportScope, *, by: By) -> list[CacheWorth]:
    """What the cache of answers saved, the first step first."""
    return shown(store, _CACHE.replace("%step%", _step(by)), scope.parameters(most=MOST_ROWS), CacheWorth)


def _step(by: By) -> str:
    return STEPS[by].format(at="at")


_UNANSWERED = f"""
    WITH unanswered AS (
        SELECT query_id, at, generator FROM generations FINAL
        WHERE {WHOSE} AND {WHEN} AND {OF_BASES} AND NOT found
        ORDER BY at DESC, query_id LIMIT {{most:UInt32}}
    )
    SELECT query_id, at, generator, r.passages AS passages, r.best_score AS best_score
    FROM unanswered LEFT JOIN (
        SELECT query_id, passages, best_score FROM retrievals FINAL
        WHERE {WHOSE} AND query_id IN (SELECT query_id FROM unanswered)
    ) AS r USING query_id ORDER BY at DESC, query_id
"""

_QUALITY = f"""
    SELECT %step% AS step, knowledge_base, count() AS questions, countIf(is_found) AS found,
           sum(written) AS statements, sum(borne_out) AS supported, sum(cited) AS citations,
           countIf(rating = 'up') AS rated_up, countIf(rating = 'down') AS rated_down
    FROM (
        SELECT at, query_id, found AS is_found, statements AS written, supported AS borne_out, citations AS cited,
               arrayJoin(knowledge_bases) AS knowledge_base
        FROM generations FINAL WHERE {WHOSE} AND {WHEN} AND {OF_BASES}
    ) AS asked LEFT JOIN (
        SELECT query_id, rating FROM ratings FINAL WHERE {WHOSE}
    ) AS rated USING query_id
    GROUP BY step, knowledge_base ORDER BY step, knowledge_base LIMIT {{most:UInt32}}
"""

_OF_SCOPE = f"SELECT query_id FROM generations FINAL WHERE {WHOSE} AND {WHEN} AND {OF_BASES} AND NOT from_cache"

_STEPS = f"""
    SELECT step, count() AS times, sum(took) AS milliseconds,
           quantileExact(0.5)(took) AS p50, quantileExact(0.95)(took) AS p95, quantileExact(0.99)(took) AS p99
    FROM (
        SELECT step, query_id, milliseconds AS took FROM query_steps FINAL
        WHERE {WHOSE} AND {WHEN} AND query_id IN ({_OF_SCOPE})
    ) GROUP BY step ORDER BY milliseconds DESC, step LIMIT 100
"""

_MODELS = f"""
    SELECT generator, model, count() AS answers, sum(tokens_read) AS tokens_read, sum(tokens_written) AS tokens_written
    FROM generations FINAL WHERE {WHOSE} AND {WHEN} AND {OF_BASES} AND NOT from_cache
    GROUP BY generator, model ORDER BY answers DESC, generator, model LIMIT 100
"""

_CACHE = f"""
    SELECT %step% AS step, count() AS answers, countIf(is_copy) AS from_cache,
           sumIf(q.took, is_copy) AS milliseconds_saved, sumIf(tokens, is_copy) AS tokens_saved
    FROM (
        SELECT at, query_id, from_cache AS is_copy, tokens_read + tokens_written AS tokens FROM generations FINAL
        WHERE {WHOSE} AND {WHEN} AND {OF_BASES}
    ) AS g LEFT JOIN (
        SELECT query_id, arraySum(mapValues(milliseconds)) AS took FROM queries FINAL WHERE {WHOSE} AND {WHEN}
    ) AS q USING query_id
    GROUP BY step ORDER BY step LIMIT {{most:UInt32}}
"""
