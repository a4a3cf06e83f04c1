"""The versions that a stage takes up, and what the ends of its work mean for them."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from apps.documents.lifecycle.steps import (
    Step,
    step_fail,
    step_give_back,
    step_let_go,
    step_postpone,
    step_started,
)
from apps.documents.lifecycle.waiting import versions_claim, versions_open
from apps.documents.models import DocumentVersion, VersionStatus
from ragsite.core.errors import RagError
from ragsite.core.leases import Claim
from ragsite.core.work import ANY, LeasedRows


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
