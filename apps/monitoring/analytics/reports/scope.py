"""Whose rows a report is about, and of which days. Every report takes one: there is none of all tenants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AfterValidator, TypeAdapter

from apps.monitoring.analytics.store import AnalyticsStore
from ragsite.core.errors import PermanentError

Shown = TypeVar("Shown")
LONGEST_DAYS = 366


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]
"""ClickHouse's times, which are those of UTC and come without saying so."""


class By(StrEnum):
    """What a report over time is told by. Weeks begin with Monday; all days are those of UTC."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


STEPS: Mapping[By, str] = {By.DAY: "toDate({at})", By.WEEK: "toMonday({at})", By.MONTH: "toStartOfMonth({at})"}


@dataclass(frozen=True, slots=True)
class ReportScope:
    """A tenant, and the days from `first` to `last`, both included. `knowledge_base_ids` are those that may be told of, None all:
    what concerns another one besides is left out.
    """

    tenant_id: UUID
    first: date
    last: date
    knowledge_base_ids: frozenset[UUID] | None = None

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.last - self.first < timedelta(days=LONGEST_DAYS):
            raise PermanentError(
                f"The report would be from {self.first} to {self.last}.",
                action=f"Ask for 1 to {LONGEST_DAYS} days, the first one first.",
            )

    def parameters(self, **more: Any) -> dict[str, Any]:
        """As the queries name them."""
        return {
            "tenant": str(self.tenant_id), "first": self.first.isoformat(), "last": self.last.isoformat(),
            "every_base": int(self.knowledge_base_ids is None),
            "bases": sorted(map(str, self.knowledge_base_ids or ())), **more,
        }  # fmt: skip


WHOSE = "tenant = {tenant:UUID}"
WHEN = "toDate(at) BETWEEN {first:Date} AND {last:Date}"
OF_BASE = "({every_base:UInt8} OR has({bases:Array(UUID)}, knowledge_base))"
OF_BASES = "({every_base:UInt8} OR (notEmpty(knowledge_bases) AND hasAll({bases:Array(UUID)}, knowledge_bases)))"


def shown(store: AnalyticsStore, sql: str, parameters: Mapping[str, Any], kind: type[Shown]) -> list[Shown]:
    """What a query gives, each row as a `kind`, whose fields its columns are.

    Raises:
        AnalyticsUnavailableError: ClickHouse does not answer.
    """
    reader: TypeAdapter[list[Shown]] = _reader(kind)  # type: ignore[arg-type]  # a class is hashable
    return reader.validate_python(store.rows(sql, parameters))


@cache
def _reader(kind: type[Shown]) -> TypeAdapter[list[Shown]]:
    return TypeAdapter(list[kind])  # type: ignore[valid-type]  # a type that is given
