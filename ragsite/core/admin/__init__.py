"""The admin of the core: the outbox, and the jobs of the clock. `base` is what every admin page is built from."""

from __future__ import annotations

from ragsite.core.admin import jobs, outbox

__all__ = ["jobs", "outbox"]
