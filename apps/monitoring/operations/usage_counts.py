"""What tenants and their knowledge bases use: questions in a period, by day or month, and what is kept now.

Questions are read by the time in their ids, so that a period costs what lies in it and nothing of what lies before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Q, Sum
from django.utils import timezone

from apps.documents.models import LIVING_VERSIONS, DocumentVersion
from apps.retrieval.models import GenerationState, IndexGeneration, parts_read
from ragsite.core.ids import first_id_since

LONGEST_DAYS = 366
MOST_BY_DAY = 92
"""Days that are told one by one; a longer period is told by month."""

MOST_ROWS = 50_000
"""Of a month."""

COUNTED_SECONDS = 60
"""So long what is kept now is not counted again."""

KEPT_SECONDS = 3_600
"""So long what was asked in a month that is over is not counted again."""


class Step(StrEnum):
    """What a period is told by."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """Days from the first to the last, both included."""

    first: date
    last: date
    step: Step

    @classmethod
    def of(cls, first: date, last: date, step: Step | None = None) -> Period:
        """At most a year that ends with `last`, and by day at most three months."""
        first = max(min(first, last), last - timedelta(days=LONGEST_DAYS - 1))
        is_short = (last - first).days < MOST_BY_DAY
        return cls(first, last, step or Step.DAY if is_short else Step.MONTH)

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.first, time.min, tzinfo=timezone.get_current_timezone())

    @property
    def ends(self) -> datetime:
        """The moment after it."""
        return datetime.combine(self.last + timedelta(days=1), time.min, tzinfo=timezone.get_current_timezone())

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def by_month(self) -> list[Period]:
        """The same, cut where a month ends."""
        cut: list[Period] = []
        first = self.first
        while first <= self.last:
            next_month = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
            last = min(self.last, next_month - timedelta(days=1))
            cut.append(Period(first, last, self.step))
            first = next_month
        return cut

    @property
    def steps(self) -> list[date]:
        """Its days, or the first of each of its months."""
        days = [self.first + timedelta(days=number) for number in range(self.days)]
        return days if self.step is Step.DAY else sorted({day.replace(day=1) for day in days})


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions, those that found an answer, tokens that language models read and wrote, seconds of models."""

    questions: int = 0
    found: int = 0
    tokens_read: int = 0
    tokens_written: int = 0
    seconds: float = 0.0

    def __add__(self, other: Asked) -> Asked:
        return Asked(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def missed(self) -> int:
        return self.questions - self.found


@dataclass(frozen=True, slots=True)
class AskedRow:
    """What was asked in a step of the period. Without a knowledge base: of several together, or of all."""

    at: date
    tenant_id: UUID
    knowledge_base_id: UUID | None
    asked: Asked


@dataclass(frozen=True, slots=True)
class Kept:
    """What a knowledge base holds now: bytes of uploads, and of vectors with their indexes on disk."""

    documents: int = 0
    versions: int = 0
    chunks: int = 0
    bytes: int = 0
    vector_bytes: int = 0


def questions_asked(period: Period, *, tenants: Collection[UUID]) -> list[AskedRow]:
    """What was asked in these tenants, by step, tenant and knowledge base.

    Months that are over do not change, so that this process keeps what it found of them for a while.
    """
    this_month = timezone.localdate().replace(day=1)
    rows: list[AskedRow] = []
    for part in period.by_month:
        rows += _kept(part, sorted(tenants)) if part.last < this_month else _questions_asked(part, sorted(tenants))
    return rows


def _kept(period: Period, tenants: Sequence[UUID]) -> list[AskedRow]:
    key = f"usage:{period.first}:{period.last}:{period.step}:{_named(tenants)}"
    found: list[AskedRow] | None = cache.get(key)
    if found is None:
        found = _questions_asked(period, tenants)
        cache.set(key, found, KEPT_SECONDS)
    return found


def _named(tenants: Sequence[UUID]) -> str:
    return hashlib.sha256(b"".join(tenant.bytes for tenant in tenants)).hexdigest()


def _questions_asked(period: Period, tenants: Sequence[UUID]) -> list[AskedRow]:
    parameters = {
        "step": period.step.value, "zone": timezone.get_current_timezone_name(), "tenants": list(tenants), "most": MOST_ROWS,
        "from": first_id_since(period.begins.astimezone(UTC)), "to": first_id_since(period.ends.astimezone(UTC)),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, parameters)
        rows = cursor.fetchall()
    return [AskedRow(at, tenant, UUID(base) if base else None, Asked(*figures)) for at, tenant, base, *figures in rows]


def totals_by(rows: Iterable[AskedRow], *, of: Any) -> dict[Any, Asked]:
    """The sums of the rows that `of` gives the same name."""
    sums: dict[Any, Asked] = {}
    for row in rows:
        sums[of(row)] = sums.get(of(row), Asked()) + row.asked
    return sums


def things_kept(*, tenants: Collection[UUID]) -> dict[UUID, Kept]:
    """What the knowledge bases of these tenants hold, by their ids; this process counts it once a minute."""
    key = f"usage-kept:{_named(sorted(tenants))}"
    found: dict[UUID, Kept] | None = cache.get(key)
    if found is None:
        found = _things_kept(tenants)
        cache.set(key, found, COUNTED_SECONDS)
    return found


def _things_kept(tenants: Collection[UUID]) -> dict[UUID, Kept]:
    living = DocumentVersion.objects.filter(LIVING_VERSIONS, tenant_id__in=list(tenants)).order_by()
    rows: Any = living.values("document__knowledge_base").annotate(
        documents=Count("document", distinct=True), versions=Count("pk"), cut=Sum("chunk_count"),
        stored=Sum("size", filter=Q(rechunk_of=None), default=0),
    )  # fmt: skip
    sizes = _vector_bytes(tenants)
    kept = {
        row["document__knowledge_base"]: Kept(
            row["documents"], row["versions"], row["cut"], row["stored"],
            sizes.get(row["document__knowledge_base"], 0),
        )
        for row in rows
    }  # fmt: skip
    return {base: Kept(vector_bytes=size) for base, size in sizes.items()} | kept


def _vector_bytes(tenants: Collection[UUID]) -> Mapping[UUID, int]:
    """Of each knowledge base what its generations take on disk, their indexes included."""
    of_tenants = IndexGeneration.objects.filter(knowledge_base__tenant__in=list(tenants))
    generations = list(of_tenants.exclude(state=GenerationState.DROPPED))
    parts_read(generations)
    bases = {held.partition: one.knowledge_base_id for one in generations for held in one.held_in}
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [list(bases)])
        found: Sequence[tuple[str, int]] = cursor.fetchall()
    sizes: dict[UUID, int] = {}
    for name, size in found:
        sizes[bases[name]] = sizes.get(bases[name], 0) + size
    return sizes


# Each step of an answer says how long it took; those of models are named here.
_ASKED = """
    SELECT date_trunc(%(step)s, a.created_at AT TIME ZONE %(zone)s)::date, q.tenant_id,
           CASE WHEN jsonb_array_length(q.knowledge_base_ids) = 1 THEN q.knowledge_base_ids->>0 END,
           count(*), count(*) FILTER (WHERE a.found),
           coalesce(sum((a.usage->>'prompt_tokens')::bigint), 0)::bigint,
           coalesce(sum((a.usage->>'completion_tokens')::bigint), 0)::bigint,
           sum(coalesce((a.milliseconds->>'rewrite')::float8, 0) + coalesce((a.milliseconds->>'embed')::float8, 0)
               + coalesce((a.milliseconds->>'rerank')::float8, 0) + coalesce((a.milliseconds->>'generate')::float8, 0)) / 1000
    FROM retrieval_answer a JOIN retrieval_query q ON q.id = a.query_id
    WHERE a.id >= %(from)s AND a.id < %(to)s AND q.tenant_id = ANY(%(tenants)s)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT %(most)s
"""

_SIZES = """
    SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c
    WHERE c.relname = ANY(%s) AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""
