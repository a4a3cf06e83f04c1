"""Running a stage: claim, work under a heartbeat, and see to what went wrong. The same for every stage."""

from __future__ import annotations

import logging

from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from apps.documents.lifecycle.steps import Step, step_fail, step_let_go, step_postpone, step_started, version_fail
from apps.documents.lifecycle.waiting import versions_claim, versions_waiting
from apps.documents.models import DocumentVersion
from ragsite.core.errors import LeaseLostError, PermanentError, RagError, TransientError
from ragsite.core.leases import Claim, claimable, heartbeat
from workers.queues import LIMITS
from workers.stages import Stage

logger = logging.getLogger(__name__)
ANY = Q()


def stage_run(stage: Stage, *, among: Q = ANY) -> bool:
    """Claim work of the stage, of the versions that `among` names, and do it; whether there was any."""
    step = stage_claim(stage, among=among)
    if not step.claim.ids:
        return False
    step_started(step)
    try:
        with heartbeat(DocumentVersion, step.claim):
            import_string(stage.service)(step)
    except LeaseLostError as error:
        logger.warning("%s", error.message)
        step_let_go(step)
    except SoftTimeLimitExceeded:
        _blame(step, _took_too_long(stage))
    except MemoryError:
        _blame(step, _took_too_much())
    except PermanentError as error:
        _blame(step, error)
    except (TransientError, DatabaseError) as error:
        step_postpone(step, _as_transient(error))
    except Exception as error:
        step_postpone(step, _unexpected(error))
        raise
    return True


def stage_claim(stage: Stage, *, among: Q = ANY) -> Step:
    """Take work of the stage, of its tenants in turn and up to its measure; the step may come back empty."""
    return _step(stage, versions_claim(stage.before, limit=stage.claims, among=among))


def stage_waiting(stage: Stage) -> models.QuerySet[DocumentVersion]:
    """Versions the stage could claim now, in the order in which it claims them."""
    return versions_waiting(stage.before).filter(claimable())


def stage_at_work(stage: Stage) -> bool:
    """Whether a worker holds versions of the stage now."""
    return DocumentVersion.objects.filter(status=stage.before, lease_until__gte=Now()).exists()


def stage_give_up(stage: Stage) -> int:
    """Fail the versions whose worker died as often as a stage may be started; the number of them."""
    most = settings.RAGSITE_MAX_ATTEMPTS
    spent = DocumentVersion.objects.filter(claimable(), status=stage.before, attempts__gte=most)
    ids = list(spent.values_list("pk", flat=True)[:200])
    for version_id in ids:
        version_fail(version_id, step=_step(stage, Claim("", ())), error=_worker_died(stage), spent=most)
    return len(ids)


def _step(stage: Stage, claim: Claim) -> Step:
    return Step(stage=stage.name, before=stage.before, after=stage.after, retry_from=stage.retry_from, claim=claim)


def _blame(step: Step, error: PermanentError) -> None:
    """Fail the version at fault. Among several nobody knows which: each gets another try, alone."""
    if len(step.claim.ids) == 1:
        step_fail(step, error)
    else:
        step_postpone(step, error)


def _as_transient(error: TransientError | DatabaseError) -> RagError:
    if isinstance(error, TransientError):
        return error
    logger.warning("the database refused the work of a stage", exc_info=error)
    return TransientError(f"The database refused the work: {error}", code="database_error")


def _unexpected(error: Exception) -> TransientError:
    """A defect of ours: told in the timeline, tried again a bounded number of times, and raised for the log."""
    return TransientError(f"The worker failed unexpectedly: {type(error).__name__}: {error}", code="unexpected_error")


def _took_too_long(stage: Stage) -> PermanentError:
    return PermanentError(
        f"The {stage.name} stage was stopped after {LIMITS[stage.queue].soft} seconds.",
        code="too_slow",
        action="Split the document, or ask the operator to give one file more time (RAGSITE_PARSER_SECONDS).",
    )


def _took_too_much() -> PermanentError:
    return PermanentError(
        "The document needs more memory than one worker may take.",
        code="too_much_memory",
        action="Split the document, or ask the operator to raise RAGSITE_PARSER_MEMORY_MB.",
    )


def _worker_died(stage: Stage) -> PermanentError:
    return PermanentError(
        f"The worker died or gave up {settings.RAGSITE_MAX_ATTEMPTS} times at the {stage.name} stage; "
        "the last reason is in the timeline.",
        code="too_many_attempts",
        action="Look at the worker's log; retry once the cause is mended.",
    )
