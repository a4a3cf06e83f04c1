"""The versions that a stage takes up: whose turn it is, which are done together, and what the ends of its work mean for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q, QuerySet, Subquery

from apps.documents.lifecycle.steps import (
    Step,
    step_fail,
    step_give_back,
    step_let_go,
    step_postpone,
    step_started,
)
from apps.documents.models import Document, DocumentVersion, KnowledgeBase, VersionStatus
from ragsite.core.configuration import WorkSettings
from ragsite.core.errors import RagError
from ragsite.core.leases import BEFORE_ALL, Claim, lease_claim_in_turn
from ragsite.core.work import ANY, LeasedRows

_served: dict[str, UUID] = {}
"""The tenant that this process served last, by the status that a stage starts from."""

_served_lock = threading.Lock()


def _lives() -> Subquery:
    """Whether a version's document is there, as `LIVING` says.

    Documents and knowledge bases are looked up one by one: by statistics of a time when there were few, PostgreSQL joins them
    by reading all of them for each version.
    """
    base = KnowledgeBase.objects.filter(pk=OuterRef("knowledge_base_id")).order_by().annotate(lives=Q(deleted_at=None))
    of_base = Subquery(base.values("lives"), output_field=BooleanField())
    document = Document.objects.filter(pk=OuterRef("document_id")).order_by()
    document = document.annotate(lives=ExpressionWrapper(Q(of_base, deleted_at=None), output_field=BooleanField()))
    return Subquery(document.values("lives"), output_field=BooleanField())


def version_waits() -> ExpressionWrapper[Any]:
    """Whether a version may be started once more: its document was not deleted, and it was not started too often."""
    return ExpressionWrapper(Q(_lives(), attempts__lt=WorkSettings.current().max_attempts), output_field=BooleanField())


def versions_waiting(status: str) -> QuerySet[DocumentVersion]:
    """Those whose next stage starts from `status` and may be started once more, tenant by tenant, each first come first.

    Their order is that of the index `version_waiting`.
    """
    return DocumentVersion.objects.filter(version_waits(), status=status).order_by("tenant_id", "not_before", "id")


def versions_open(status: str) -> QuerySet[DocumentVersion]:
    """As `versions_waiting`, and those too that were started as often as may be."""
    return DocumentVersion.objects.filter(_lives(), status=status).order_by("tenant_id", "not_before", "id")


def versions_claim(status: str, *, limit: int, among: Q = ANY) -> Claim:
    """Take up to `limit` of the waiting versions that `among` names, of their tenants in turn; may come back empty.

    Fresh ones are taken together; one that was tried before alone, so that it fails alone.
    """
    after = _served.get(status, BEFORE_ALL)
    taken = lease_claim_in_turn(versions_waiting(status).filter(among), by="tenant_id", after=after, limit=limit)
    with _served_lock:
        _served[status] = taken.last
    return taken.claim


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Portions(Generic[Item]):
    """`small` ones are done together and first; `large` is the one that was there first of the others and is done alone;
    `rest` is left to workers that are free.
    """

    small: Sequence[Item]
    large: Item | None
    rest: Sequence[Item]

    def __iter__(self) -> Iterator[Sequence[Item]]:
        """What is done together, in its order."""
        if self.small:
            yield self.small
        if self.large is not None:
            yield [self.large]


def portions(items: Sequence[Item], *, size: Callable[[Item], int], most: int) -> Portions[Item]:
    """Divide `items`, which come in the order of their turns: the smallest, up to `most` in all, are the small ones."""
    by_size = sorted(range(len(items)), key=lambda place: size(items[place]))
    sums = accumulate(size(items[place]) for place in by_size)
    small = by_size[: sum(1 for _ in takewhile(lambda total: total <= most, sums))]
    others = sorted(by_size[len(small) :])
    return Portions(
        small=[items[place] for place in small],
        large=items[others[0]] if others else None,
        rest=[items[place] for place in others[1:]],
    )


class VersionsOfStage(LeasedRows):
    """Versions of living documents in the state that a stage starts from.

    `after` is the state it leads to, `retry_from` where a version that failed here is taken up again. Its reasons stand in
    the version's timeline.
    """

    model = DocumentVersion

    def __init__(self, stage: str, before: VersionStatus, after: VersionStatus, *, retry_from: VersionStatus) -> None:
        self.stage, self.before, self.after, self.retry_from = stage, before, after, retry_from
        self.what = f"the {stage} stage"

    def open(self) -> QuerySet[DocumentVersion]:
        return versions_open(self.before)

    def step(self, claim: Claim) -> Step:
        """The claim as the stage's step."""
        return Step(self.stage, self.before, self.after, self.retry_from, claim)

    def claim(self, *, limit: int, among: Q = ANY) -> Claim:
        return versions_claim(self.before, limit=limit, among=among)

    def begin(self, claim: Claim) -> Step:
        step = self.step(claim)
        step_started(step)
        return step

    def give_back(self, claim: Claim) -> None:
        step_give_back(self.step(claim), claim.ids)

    def let_go(self, claim: Claim) -> None:
        step_let_go(self.step(claim))

    def postpone(self, claim: Claim, error: RagError) -> None:
        step_postpone(self.step(claim), error)

    def fail(self, claim: Claim, error: RagError) -> None:
        step_fail(self.step(claim), error)

    def last_error(self, row: Any) -> str:
        return next((record.error for record in row.stages.filter(stage=self.stage)), "")
