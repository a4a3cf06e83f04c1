"""A document in the list: where it stands, what answers, and what mends it, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from apps.documents.admin.wording import size_in_words
from apps.documents.models import Document, DocumentVersion, VersionStatus
from apps.documents.parsing.types import DocumentType
from apps.monitoring.failures.causes import Cause, Mend, cause_of
from apps.monitoring.workspace.documents.filters import STATE_WORDS, STATUSES, TYPE_WORDS, State
from ragsite.core.admin.base import badge
from ragsite.core.times import AFTER_A_PREPOSITION

TONES: dict[State, str] = {State.READY: "success", State.UNDER_WAY: "info", State.FAILED: "danger"}
WAY = (
    VersionStatus.UPLOADED,
    VersionStatus.PARSED,
    VersionStatus.CHUNKED,
    VersionStatus.EMBEDDED,
    VersionStatus.READY,
)
MOST_TAGS = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the way to an answer: whether it is done, and whether it was the last one that was."""

    name: str
    is_done: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A document and its newest version; `stages` and `step` only of one that is under way, `cause` of one that failed."""

    document: Document
    version: DocumentVersion
    state: State
    stages: tuple[Stage, ...]
    step: str
    cause: Cause | None

    @property
    def tone(self) -> str:
        return TONES.get(self.state, "")

    @property
    def state_words(self) -> str:
        return str(STATE_WORDS[self.state])

    @property
    def badge(self) -> str:
        return badge(self.state_words, self.tone)

    @property
    def folder(self) -> str:
        """Where it lay, if it is known by its path."""
        path = self.document.external_id
        return "" if "://" in path else path.rpartition("/")[0]

    @property
    def is_stopped(self) -> bool:
        return self.state in (State.FAILED, State.CANCELLED)

    @property
    def is_mended_by_file(self) -> bool:
        """Whether other bytes are what helps, and not another try with these."""
        return self.cause is not None and self.cause.mend is Mend.NEW_VERSION

    @property
    def answers(self) -> str:
        """Which version answers, and why not the newest one."""
        current = self.document.current_version
        if current is None:
            return _("None yet")
        answers = _("Version %(number)d") % {"number": current.number}
        if self.version.pk == current.pk or self.version.number < current.number:
            return answers
        if self.state is State.UNDER_WAY:
            return _("%(answers)s, until %(number)d is ready") % {"answers": answers, "number": self.version.number}
        return _("%(answers)s, as %(number)d is not ready") % {"answers": answers, "number": self.version.number}

    @property
    def type_words(self) -> str:
        kind = self.document.document_type or self.version.document_type
        return str(TYPE_WORDS[DocumentType(kind)]) if kind in set(DocumentType) else kind

    @property
    def chunks(self) -> int:
        current = self.document.current_version
        return current.chunk_count if current else self.version.chunk_count

    @property
    def size(self) -> str:
        return size_in_words((self.document.current_version or self.version).size)

    @property
    def tags(self) -> list[str]:
        return self.document.tags[:MOST_TAGS]

    @property
    def more_tags(self) -> int:
        return max(0, len(self.document.tags) - MOST_TAGS)

    @property
    def added(self) -> str:
        return ago(self.document.created_at)


def rows_of(documents: Sequence[Document]) -> list[Row]:
    """The documents as rows, in their order, by one query."""
    newest = (
        DocumentVersion.objects.filter(document__in=documents)
        .order_by("document_id", "-number")
        .distinct("document_id")
    )
    versions = {version.document_id: version for version in newest}
    now = timezone.now()
    return [_row(document, versions[document.pk], now) for document in documents if document.pk in versions]


def ago(moment: datetime) -> str:
    """How long ago, in one unit."""
    passed = timezone.now() - moment
    if passed.total_seconds() < 60:
        return _("Just now")
    return _("%(time)s ago") % {"time": timesince(moment, time_strings=AFTER_A_PREPOSITION, depth=1)}


def _row(document: Document, version: DocumentVersion, now: datetime) -> Row:
    state = next(state for state, statuses in STATUSES.items() if version.status in statuses)
    under_way = state is State.UNDER_WAY
    return Row(
        document=document,
        version=version,
        state=state,
        stages=_stages(version) if under_way else (),
        step=_step(version, now) if under_way else "",
        cause=cause_of(version.error_code) if state is State.FAILED else None,
    )


def _stages(version: DocumentVersion) -> tuple[Stage, ...]:
    reached = WAY.index(VersionStatus(version.status))
    names = (_("Uploaded"), _("Read"), _("Cut"), _("Embedded"), _("Ready"))
    return tuple(Stage(name, at <= reached, at == reached) for at, name in enumerate(names))


def _step(version: DocumentVersion, now: datetime) -> str:
    """What happens to it, or what it waits for."""
    doing, waiting = _words(VersionStatus(version.status))
    if version.lease_until and version.lease_until > now:
        return doing
    if version.not_before > now:
        seconds = round((version.not_before - now).total_seconds())
        return _("%(waiting)s; tried again in %(seconds)d s") % {"waiting": waiting, "seconds": seconds}
    return waiting


def _words(status: VersionStatus) -> tuple[str, str]:
    match status:
        case VersionStatus.UPLOADED:
            return _("Being read"), _("Uploaded, waiting to be read")
        case VersionStatus.PARSED:
            return _("Being cut into passages"), _("Read, waiting to be cut")
        case VersionStatus.CHUNKED:
            return _("Being embedded"), _("Cut, waiting to be embedded")
        case _:
            return _("Being made ready"), _("Embedded, about to answer")
