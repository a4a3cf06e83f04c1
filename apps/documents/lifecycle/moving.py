"""The one way in which a version's status changes."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.documents.models import VERSION_TRANSITIONS, DocumentVersion, VersionStatus
from ragsite.core.leases import RELEASED


def versions_move(
    versions: QuerySet[DocumentVersion], *, before: VersionStatus, after: VersionStatus, **columns: Any
) -> int:
    """Move those of the versions that are `before` to `after`, and free them of whoever holds them; the number of them.

    `columns` are set in the same statement.

    Raises:
        ValueError: `after` may not follow `before`. Nothing is written.
    """
    if after not in VERSION_TRANSITIONS[before]:
        raise ValueError(f"A version that is {before} cannot become {after}.")
    return versions.filter(status=before).update(status=after, **RELEASED, **columns)
