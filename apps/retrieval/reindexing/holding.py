"""The lease on a re-index: checked in the transaction that writes a part of it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from apps.retrieval.models import REINDEX_TRANSITIONS, REINDEX_WORKED_ON, Reindex, ReindexState
from ragsite.core.errors import LeaseLostError
from ragsite.core.leases import RELEASED, Claim


def reindex_hold(claim: Claim) -> Reindex:
    """Lock the re-index for the rest of the transaction.

    Raises:
        LeaseLostError: it is no longer held by this claim, or was ended by somebody.
    """
    rows = Reindex.objects.select_for_update(of=("self",), no_key=True).select_related(
        "knowledge_base", "generation", "previous"
    )
    held = rows.filter(
        pk__in=claim.ids, lease_owner=claim.owner, lease_until__gte=Now(), state__in=REINDEX_WORKED_ON
    ).first()
    if held is None:
        raise LeaseLostError(f"The lease on the re-index {claim.ids[0]} was lost; this part of it is dropped.")
    return held


def reindex_advance(claim: Claim, state: ReindexState, **fields: Any) -> None:
    """Move the re-index to a state that may follow its present one; `fields` are columns that go with it.

    Raises:
        LeaseLostError: as `reindex_hold`.
    """
    with transaction.atomic():
        held = reindex_hold(claim)
        if state not in REINDEX_TRANSITIONS[ReindexState(held.state)]:
            raise ValueError(f"A re-index that is {held.state} cannot become {state}.")
        released = {} if state in REINDEX_WORKED_ON else RELEASED
        Reindex.objects.filter(pk=held.pk).update(state=state, attempts=1, error="", **released, **fields)
