"""Removing pictures that nobody looks at any more: each is drawn again when somebody does."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.documents.blobs import blobs_delete
from apps.documents.models import PagePicture, PictureState
from ragsite.core.bites import bites, rows_remove
from ragsite.core.work import Turn

KEPT = timedelta(days=30)
"""Since somebody last looked."""

MOST_KEPT = 20_000
"""Pictures of all documents together, of about 100 KB each; those go first that were not looked at for longest."""

AT_ONCE = 500


def pictures_purge(turn: Turn) -> bool:
    """Remove pictures that were not looked at for long, or are too many; whether some are left."""
    return bites(turn, _bite)


def _bite() -> bool:
    done = PagePicture.objects.exclude(state=PictureState.WAITING)
    unseen = Q(seen_at__lt=Now() - KEPT)
    newest_too_many = PagePicture.objects.order_by("-seen_at").values_list("seen_at", flat=True)[MOST_KEPT:][:1].first()
    if newest_too_many is not None:
        unseen |= Q(seen_at__lte=newest_too_many)
    with transaction.atomic():
        doomed = dict(
            done.filter(unseen)
            .order_by("seen_at")
            .select_for_update(skip_locked=True)
            .values_list("pk", "blob")[:AT_ONCE]
        )
        rows_remove(PagePicture, list(doomed))
    blobs_delete([blob for blob in doomed.values() if blob])
    return len(doomed) == AT_ONCE
