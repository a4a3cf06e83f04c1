"""Work on one leased row that goes on turn after turn, such as an evaluation run or a re-index: what its ends mean.

The row has an `error` beside the columns of a lease: the reason of its last failure, in words.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, models
from django.db.models.functions import Now

from ragsite.core.errors import LeaseLostError, PermanentError, RagError, TransientError
from ragsite.core.leases import RELEASED, Claim, heartbeat, lease_claim

logger = logging.getLogger(__name__)

BACKOFF_SECONDS = 2.0
BACKOFF_MAX_SECONDS = 60.0


def leased_work(
    rows: models.QuerySet[Any], work: Callable[[Claim], None], *, fail: Callable[[Claim, PermanentError], None]
) -> bool:
    """Claim the first of the rows that has starts left, and work on it under a heartbeat; whether there was one.

    A permanent error goes to `fail`. Any other lets the row be taken up again later; a defect is raised, too. Who lost the
    lease leaves the row to whoever has it now.
    """
    claim = lease_claim(rows.filter(attempts__lt=settings.RAGSITE_MAX_ATTEMPTS), limit=1)
    if not claim.ids:
        return False
    try:
        with heartbeat(rows.model, claim):
            work(claim)
    except LeaseLostError as error:
        logger.warning("%s", error.message)
    except PermanentError as error:
        fail(claim, error)
    except (TransientError, DatabaseError) as error:
        _postpone(rows.model, claim, error)
    except Exception as error:
        _postpone(rows.model, claim, error)
        raise
    return True


def backoff(attempts: int, *, at_least: float = 0.0) -> timedelta:
    """How long to wait after so many attempts: exponential, with full jitter, within a minute."""
    seconds = random.uniform(0, min(BACKOFF_MAX_SECONDS, BACKOFF_SECONDS * 2**attempts))  # noqa: S311
    return timedelta(seconds=max(seconds, at_least))


def _postpone(model: type[models.Model], claim: Claim, error: Exception) -> None:
    text = error.sentence if isinstance(error, RagError) else f"{type(error).__name__}: {error}"
    held: Any = model._default_manager.filter(pk__in=claim.ids, lease_owner=claim.owner)
    for attempts in held.values_list("attempts", flat=True):
        held.update(not_before=Now() + backoff(attempts), error=text, **RELEASED)
