"""A dry run by the service itself: it decides and refuses as ever, and nothing stays of what it writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction


@contextmanager
def undone_if(dry: bool) -> Iterator[None]:
    """Undo what the block writes, if it is a dry run. For services that write to the database alone: bells, log lines and other
    work that waits for the commit do not happen either.
    """
    if not dry:
        yield
        return
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
