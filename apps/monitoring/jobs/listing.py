"""The jobs of all kinds as one list, newest first: a page of it, in a constant number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from apps.monitoring.jobs.kinds import JOB_KINDS, JobKind, in_standing, job_kind
from apps.monitoring.jobs.lines import Line, Standing
from ragsite.gateway.roles import AnyUser, may_somewhere

PAGE_SIZE = 30

PERMISSIONS = (
    "documents.change_document", "documents.change_documentversion", "documents.delete_document", "documents.add_grant",
    "documents.view_bulkjob", "documents.view_knowledgebasedeletion", "retrieval.view_reindex",
    "retrieval.view_erasure", "retrieval.view_evaluationrun", "model_registry.view_modeltask", "core.view_scheduledjob",
)  # fmt: skip
"""Who may one of these somewhere may have jobs to look at."""


@dataclass(frozen=True, slots=True)
class JobFilters:
    """Empty ones ask for all; `before` is where an earlier page ended. What is not known is as if it were not there."""

    kind: str = ""
    standing: str = ""
    before: UUID | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> JobFilters:
        kind, standing = str(said.get("kind", "")), str(said.get("standing", ""))
        return cls(
            kind=kind if job_kind(kind) else "",
            standing=standing if standing in set(Standing) else "",
            before=_id(str(said.get("before", ""))),
        )

    def query(self, before: UUID | None = None) -> str:
        """As parameters of an address."""
        said = {"kind": self.kind, "standing": self.standing, "before": str(before or "")}
        return urlencode({name: value for name, value in said.items() if value})

    @property
    def narrows(self) -> bool:
        return bool(self.kind or self.standing)


@dataclass(frozen=True, slots=True)
class JobList:
    """A page of the list, and what leads to the next one, if there is one."""

    filters: JobFilters
    lines: Sequence[Line]
    next_query: str

    @property
    def is_under_way(self) -> bool:
        return any(line.is_under_way for line in self.lines)

    @property
    def here(self) -> str:
        """The parameters of this page's address."""
        return self.filters.query(self.filters.before)


def may_see_jobs(user: AnyUser) -> bool:
    """Whether there is anything on the page for the user."""
    return may_somewhere(user, *PERMISSIONS)


def jobs_listed(user: AnyUser, filters: JobFilters) -> JobList:
    """A page by the ids of the rows, which say when they were made: of each kind no more is read than the page can show."""
    kinds = [kind for kind in JOB_KINDS if filters.kind in ("", kind.slug)]
    found = [(kind, row) for kind in kinds for row in _newest(kind, user, filters)]
    newest = sorted(found, key=lambda one: one[1].pk, reverse=True)
    shown = newest[:PAGE_SIZE]
    lines = [kind.line(kind, row, user) for kind, row in shown]
    return JobList(filters, lines, filters.query(shown[-1][1].pk) if len(newest) > PAGE_SIZE else "")


def _newest(kind: JobKind, user: AnyUser, filters: JobFilters) -> Sequence[Any]:
    rows = in_standing(kind, kind.rows(user), Standing(filters.standing) if filters.standing else None)
    if filters.before is not None:
        rows = rows.filter(pk__lt=filters.before)
    return list(rows.order_by("-pk")[: PAGE_SIZE + 1])


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
