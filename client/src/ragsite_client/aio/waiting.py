"""What the asynchronous client waits by: `ragsite_client.waiting` has the same for the other one."""

from __future__ import annotations

import asyncio
from asyncio import Lock

__all__ = ["Lock", "sleep"]


async def sleep(seconds: float) -> None:
    """Let others go on."""
    await asyncio.sleep(seconds)
