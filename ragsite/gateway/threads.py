"""The threads of the web process. What is not asynchronous runs on one of them, with a database connection meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from ragsite.core.configuration import AdmissionSettings

P = ParamSpec("P")
T = TypeVar("T")

# As many as requests that are worked on at once, so that admission alone says which is next.
REQUESTS = ThreadPoolExecutor(AdmissionSettings.current().at_once, thread_name_prefix="request")
# For what streams ask in between, and parts of files.
STREAMS = ThreadPoolExecutor(10, thread_name_prefix="stream")
# Whose a key is: asked before a body is taken.
LOOKUPS = ThreadPoolExecutor(2, thread_name_prefix="lookup")
# What a caller may still ask for: a request waits for Redis there, and the event loop does not.
LIMITS = ThreadPoolExecutor(4, thread_name_prefix="limits")
# Health is answered also while all others wait for something.
PROBES = ThreadPoolExecutor(2, thread_name_prefix="probe")


async def on_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the function gives, run on a thread of streams. Its database connection goes back to the pool with it.

    This is how an asynchronous iterator reads or writes rows. Django's asynchronous queries would all run on one thread
    of the process, which keeps its connection. Not for views, which run on such a thread already.
    """
    return await run_on(STREAMS, function, *args, **kwargs)


def run_on(threads: ThreadPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
    """As `on_thread`, on the threads given."""
    return sync_to_async(_connected, thread_sensitive=False, executor=threads)(function, *args, **kwargs)


def _connected(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
