"""Whether this worker process was asked to end. It then finishes what it holds and takes nothing new."""

from __future__ import annotations

import threading
from typing import Any

from celery.signals import worker_shutting_down

_asked = threading.Event()


@worker_shutting_down.connect
def leave(**_: Any) -> None:
    """Celery's signal, sent as SIGTERM arrives."""
    _asked.set()


def is_leaving() -> bool:
    """Whether to take no more work."""
    return _asked.is_set()
