"""What a restored database needs so that work goes on: nobody holds what somebody held at the moment of the backup."""

from __future__ import annotations

from django.apps import apps
from django.db.models import F, Value
from django.db.models.functions import Greatest

from ragsite.core.leases import RELEASED, Leased
from ragsite.core.locking import rows_update


def leases_release() -> int:
    """Give back every row that a worker held. Its attempt does not count: it did not fail, it was cut off."""
    held = [model for model in apps.get_models() if issubclass(model, Leased)]
    attempts = Greatest(F("attempts") - 1, Value(0))
    return sum(
        rows_update(model._default_manager.exclude(lease_owner=""), attempts=attempts, **RELEASED) for model in held
    )
