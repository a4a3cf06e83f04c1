"""Which smaller version answers where a version does not."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from apps.models.models import MODEL_USABLE, Model, ModelVersion
from apps.models.services.versions import leads_to, version_change, version_found
from ragsite.core.actors import Actor, change_log
from ragsite.core.errors import ConflictError
from ragsite.core.locking import rows_hold


def model_fall_back(*, version_id: UUID, to: UUID | None, actor: Actor) -> ModelVersion:
    """Let another version of the same kind answer where this one cannot be loaded, takes too long or is not asked for now; None
    for none. Of an embedding model each index gets one of the other version beside it, which is kept up to date.

    Raises:
        ModelNotFoundError: there is no such version.
        ConflictError: it is of another kind, not usable, or would lead back here.
    """
    version = version_found(version_id)
    with transaction.atomic():
        rows_hold(Model.objects.filter(kind=version.kind))
        version = version_found(version_id)
        if to is not None:
            _check(version, version_found(to))
        version_change(version, "fallback", actor=actor, fallback_id=to)
    change_log(f"{version} falls back to {to or 'nothing'}", actor=actor, action=None)
    return version


def _check(version: ModelVersion, smaller: ModelVersion) -> None:
    if smaller.kind != version.kind:
        raise ConflictError(f"{smaller} is for {smaller.kind} and {version} for {version.kind}.")
    if smaller.status not in MODEL_USABLE:
        raise ConflictError(f"{smaller} is {smaller.status}.", action="Pull or verify it first.")
    if leads_to(smaller, version):
        raise ConflictError(f"{smaller} falls back to {version} itself.", action="Name one that does not.")
