"""The way of a version from its upload to its answers: step by step, with times and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.documents.lifecycle.progress import worker_in_words
from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED, PARSE, STAGE_FROM
from apps.documents.models import DocumentVersion, StageOutcome, StageRecord, VersionOrigin, VersionStatus
from apps.monitoring.failures.causes import Cause, cause_of
from ragsite.core.actors import actor_text
from ragsite.core.numbers import number_shown

STAGES = (PARSE, CHUNK, EMBED, ACTIVATE)


class StepState(StrEnum):
    DONE = "done"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    CANCELLED = "cancelled"
    AHEAD = "ahead"
    TAKEN_OVER = "taken_over"


ICONS: dict[StepState, str] = {
    StepState.DONE: "check_circle",
    StepState.RUNNING: "progress_activity",
    StepState.WAITING: "schedule",
    StepState.FAILED: "error",
    StepState.CANCELLED: "cancel",
    StepState.AHEAD: "radio_button_unchecked",
    StepState.TAKEN_OVER: "redo",
}
OUTCOMES: dict[str, StepState] = {
    StageOutcome.DONE: StepState.DONE,
    StageOutcome.RUNNING: StepState.RUNNING,
    StageOutcome.POSTPONED: StepState.WAITING,
    StageOutcome.FAILED: StepState.FAILED,
    StageOutcome.CANCELLED: StepState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class PipelineStep:
    """A step: `words` say how it stands, `technical` is its name in the system, `error` what went wrong."""

    title: str
    technical: str
    state: StepState
    words: str
    at: datetime | None = None
    attempts: int = 0
    worker: str = ""
    error: str = ""

    @property
    def icon(self) -> str:
        return ICONS[self.state]

    @property
    def attempts_words(self) -> str:
        """How often it was tried, where once was not enough."""
        return ngettext("%(n)d try", "%(n)d tries", self.attempts) % {"n": self.attempts} if self.attempts > 1 else ""


def steps_of(version: DocumentVersion) -> list[PipelineStep]:
    """The steps of a version whose stages are at hand, from the upload on."""
    records = {record.stage: record for record in version.stages.all()}
    return [_first(version), *(_step(version, stage, records.get(stage)) for stage in STAGES)]


def cause_shown(version: DocumentVersion) -> Cause | None:
    """Why a version failed, in words, and what mends it."""
    return cause_of(version.error_code) if version.status == VersionStatus.FAILED else None


def _first(version: DocumentVersion) -> PipelineStep:
    titles = {
        VersionOrigin.UPLOAD: _("Uploaded"),
        VersionOrigin.EDIT: _("Edited"),
        VersionOrigin.RECHUNK: _("Cut anew"),
    }
    # Of one that was cancelled it is who cancelled it.
    by = "" if version.status == VersionStatus.CANCELLED else actor_text(version.actor)
    return PipelineStep(titles[version.origin], "upload", StepState.DONE, by, at=version.created_at)


def stage_titles() -> dict[str, str]:
    """What the stages of a version are called, by their names in the system."""
    return {
        PARSE: _("Text read"),
        CHUNK: _("Cut into passages"),
        EMBED: _("Meaning computed"),
        ACTIVATE: _("Made to answer"),
    }


def _step(version: DocumentVersion, stage: str, record: StageRecord | None) -> PipelineStep:
    title = stage_titles()[stage]
    if record is None:
        state = _unrecorded(version, stage)
        return PipelineStep(title, stage, state, _said(state, version))
    state = _now(stage, STAGE_FROM.get(version.status, ""), OUTCOMES[record.outcome])
    return PipelineStep(
        title,
        stage,
        state,
        _took(record.seconds) if record.seconds is not None and state is StepState.DONE else _said(state, version),
        at=record.started_at,
        attempts=record.attempts,
        worker=worker_in_words(record.worker),
        error=record.error,
    )


def _unrecorded(version: DocumentVersion, stage: str) -> StepState:
    if stage == PARSE and version.rechunk_of_id is not None:
        return StepState.TAKEN_OVER
    return StepState.WAITING if STAGE_FROM.get(version.status) == stage else StepState.AHEAD


def _now(stage: str, next_stage: str, recorded: StepState) -> StepState:
    """What was recorded of a stage may be of before: a version that is retried passes it again."""
    if next_stage not in STAGES or STAGES.index(stage) < STAGES.index(next_stage):
        return recorded
    if stage == next_stage:
        return recorded if recorded is StepState.RUNNING else StepState.WAITING
    return StepState.AHEAD


def _said(state: StepState, version: DocumentVersion) -> str:
    match state:
        case StepState.RUNNING:
            return _("Under way")
        case StepState.WAITING:
            return _("Waiting")
        case StepState.FAILED:
            return _("Failed")
        case StepState.CANCELLED:
            return _("Cancelled")
        case StepState.TAKEN_OVER if version.rechunk_of is not None:
            return _("Taken from version %(number)d") % {"number": version.rechunk_of.number}
        case _:
            return ""


def _took(seconds: float) -> str:
    """Such as `0.42 s`, `2 min 5 s`."""
    if seconds < 60:
        return _("%(seconds)s s") % {"seconds": number_shown(seconds, 2)}
    return _("%(minutes)d min %(seconds)d s") % {"minutes": int(seconds // 60), "seconds": int(seconds % 60)}
