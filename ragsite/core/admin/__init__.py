"""The admin of the core: the outbox. `base` is what every admin page is built from."""

from __future__ import annotations

from ragsite.core.admin import outbox

__all__ = ["outbox"]
