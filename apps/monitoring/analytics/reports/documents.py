# ruff: noqa: S608 - what is put into the queries are constants of ours; what callers give is bound
"""Reports of documents: which no answer rests on, which passages most answers rest on, and who waits for what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from apps.monitoring.analytics.reports.scope import OF_BASE, WHEN, WHOSE, Moment, ReportScope, shown
from apps.monitoring.analytics.store import AnalyticsStore


@dataclass(frozen=True, slots=True)
class UncitedDocument:
    """A document that answers, and that no answer of the days rests on."""

    document_id: UUID
    knowledge_base: UUID
    added_at: Moment


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """Characters of a version, and how many questions were answered with them."""

    knowledge_base: UUID
    document_id: UUID
    version_id: UUID
    start: int
    end: int
    questions: int
    last_day: date


@dataclass(frozen=True, slots=True)
class StageWaiting:
    """What versions of a knowledge base waited for before a stage, and what they spent in it, in milliseconds."""

    knowledge_base: UUID
    stage: str
    versions: int
    waited_p50: float
    waited_p95: float
    waited_longest: float
    worked_p50: float
    worked_p95: float


def documents_never_cited(store: AnalyticsStore, scope: ReportScope, *, most: int) -> list[UncitedDocument]:
    """The oldest documents that were there on the last day, had been indexed, and were not cited on any of the days."""
    return shown(store, _NEVER_CITED, scope.parameters(most=most), UncitedDocument)


def passages_cited_most(store: AnalyticsStore, scope: ReportScope, *, most: int) -> list[CitedPassage]:
    """The passages that most questions were answered with, the first one first."""
    return shown(store, _CITED_MOST, scope.parameters(most=most), CitedPassage)


def stages_waited_for(store: AnalyticsStore, scope: ReportScope) -> list[StageWaiting]:
    """Of versions that came to answer on these days, the longest waits first."""
    return shown(store, _WAITED, scope.parameters(), StageWaiting)


_GONE = f"""
    SELECT document_id FROM ingestion FINAL WHERE {WHOSE} AND type = 'document.deleted'
    UNION ALL SELECT document_id FROM erased FINAL WHERE {WHOSE}
"""

_NEVER_CITED = f"""
    SELECT document_id, knowledge_base, at AS added_at FROM ingestion FINAL
    WHERE {WHOSE} AND type = 'document.created' AND toDate(at) <= {{last:Date}} AND {OF_BASE}
      AND document_id IN (SELECT document_id FROM ingestion FINAL WHERE {WHOSE} AND type = 'vector.indexed')
      AND document_id NOT IN ({_GONE})
      AND document_id NOT IN (
          SELECT document_id FROM passages_cited WHERE {WHOSE} AND day BETWEEN {{first:Date}} AND {{last:Date}}
      )
    ORDER BY added_at, document_id LIMIT {{most:UInt32}}
"""

_CITED_MOST = f"""
    SELECT knowledge_base, document_id, version_id, start, `end`, uniqExactMerge(queries) AS questions, max(day) AS last_day
    FROM passages_cited
    WHERE {WHOSE} AND day BETWEEN {{first:Date}} AND {{last:Date}} AND {OF_BASE} AND document_id NOT IN ({_GONE})
    GROUP BY knowledge_base, document_id, version_id, start, `end`
    ORDER BY questions DESC, last_day DESC, version_id, start LIMIT {{most:UInt32}}
"""

_WAITED = f"""
    SELECT knowledge_base, stage, count() AS versions,
           quantileExact(0.5)(waited) AS waited_p50, quantileExact(0.95)(waited) AS waited_p95, max(waited) AS waited_longest,
           quantileExact(0.5)(worked) AS worked_p50, quantileExact(0.95)(worked) AS worked_p95
    FROM stage_times FINAL WHERE {WHOSE} AND {WHEN} AND {OF_BASE}
    GROUP BY knowledge_base, stage ORDER BY waited_p95 DESC, stage, knowledge_base LIMIT 1000
"""
