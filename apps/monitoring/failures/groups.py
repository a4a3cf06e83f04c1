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
from django.utils.translation import ngettext

from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED, PARSE
from apps.documents.lifecycle.versions import version_retry
from apps.documents.models import Document, DocumentVersion, StageOutcome, StageRecord, VersionStatus
from apps.monitoring.failures.causes import Cause, cause_of
from ragsite.core.actors import Actor
from ragsite.core.errors import RagError

MOST_FAILED = 5_000
"""The newest failures that are grouped: a page says the same of more."""

MOST_AT_ONCE = 300
"""Versions that one click retries; the oldest first, so that another click takes the next."""

EXAMPLES = 3

STAGE_WORDS: dict[str, str | Promise] = {
    PARSE: _("while it was parsed"),
    CHUNK: _("while it was chunked"),
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

    @property
    def retried(self) -> int:
        """How many one click takes."""
        return min(self.total, MOST_AT_ONCE)

    @property
    def question(self) -> str:
        return ngettext("Retry %(n)d document?", "Retry %(n)d documents?", self.retried) % {"n": self.retried}


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


def failures_retry(failed: QuerySet[Any], *, error_code: str, stage: str, actor: Actor) -> tuple[int, list[str]]:
    """Retry the oldest MOST_AT_ONCE of a group; how many are, and why the others are not."""
    retried, refused = 0, []
    group = failed.filter(error_code=error_code, stage=stage).select_related("document").order_by("pk")
    for version in group[:MOST_AT_ONCE]:
        try:
            version_retry(version=version, actor=actor)
            retried += 1
        except RagError as error:
            refused.append(f"{version.document.title}: {error.sentence}")
    return retried, refused


def _examples(pks: Sequence[UUID]) -> dict[UUID, DocumentVersion]:
    return DocumentVersion.objects.select_related("document__knowledge_base").in_bulk(pks)
