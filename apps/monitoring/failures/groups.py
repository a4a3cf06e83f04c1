"""Versions that failed, by what failed them and where: newest versions only, as an older one holds nothing up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED, PARSE
from apps.documents.models import Document, DocumentVersion, StageOutcome, StageRecord, VersionStatus
from apps.documents.services.bulk.jobs import MOST_DOCUMENTS
from apps.monitoring.failures.causes import Cause, cause_of

MOST_FAILED = 5_000
"""The newest failures that are grouped: a page says the same of more."""

EXAMPLES = 3

STAGE_WORDS: dict[str, str | Promise] = {
    PARSE: _("while it was parsed"),
    CHUNK: _("while it was cut into passages"),
    EMBED: _("while it was embedded"),
    ACTIVATE: _("while it was made ready"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """Failures of one cause at one stage, and the newest of them."""

    error_code: str
    stage: str
    total: int
    examples: list[DocumentVersion]

    @property
    def cause(self) -> Cause:
        return cause_of(self.error_code)

    @property
    def stage_words(self) -> str:
        return str(STAGE_WORDS.get(self.stage, ""))


@dataclass(frozen=True, slots=True)
class Failures:
    """The groups, the largest first, and whether there are more failures than were looked at."""

    groups: list[Group]
    has_more: bool


def failed_of(documents: QuerySet[Document]) -> QuerySet[Any]:
    """The newest versions of these documents, if they failed; `stage` is where."""
    newest = DocumentVersion.objects.filter(document=OuterRef("document")).order_by("-number").values("pk")[:1]
    stages = StageRecord.objects.filter(version=OuterRef("pk"), outcome=StageOutcome.FAILED)
    failed = DocumentVersion.objects.filter(status=VersionStatus.FAILED, document__in=documents.values("pk"))
    newest_stage = Coalesce(Subquery(stages.order_by("-pk").values("stage")[:1]), Value(""))
    return failed.filter(pk=Subquery(newest)).annotate(stage=newest_stage)


def failures_grouped(failed: QuerySet[Any]) -> Failures:
    """The failures by cause, in two queries."""
    newest = list(failed.order_by("-pk").values_list("pk", "error_code", "stage")[: MOST_FAILED + 1])
    by_cause: dict[tuple[str, str], list[UUID]] = {}
    for pk, error_code, stage in newest[:MOST_FAILED]:
        by_cause.setdefault((error_code, stage), []).append(pk)
    examples = _examples([pk for pks in by_cause.values() for pk in pks[:EXAMPLES]])
    groups = [
        Group(*where, total=len(pks), examples=[examples[pk] for pk in pks[:EXAMPLES] if pk in examples])
        for where, pks in by_cause.items()
    ]
    return Failures(sorted(groups, key=lambda group: -group.total), len(newest) > MOST_FAILED)


def documents_of_group(failed: QuerySet[Any], *, error_code: str, stage: str) -> dict[UUID, list[UUID]]:
    """The documents of a group, those of each tenant apart: the oldest first, and of all together no more than one job takes."""
    group = failed.filter(error_code=error_code, stage=stage).order_by("pk")
    by_tenant: dict[UUID, list[UUID]] = {}
    for tenant_id, document_id in group.values_list("document__tenant", "document")[:MOST_DOCUMENTS]:
        by_tenant.setdefault(tenant_id, []).append(document_id)
    return by_tenant


def _examples(pks: Sequence[UUID]) -> dict[UUID, DocumentVersion]:
    return DocumentVersion.objects.select_related("document__knowledge_base").in_bulk(pks)
