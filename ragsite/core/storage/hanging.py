"""Work on a disk that may hang, as one of the network does: it is given up after a time, and so many hang there at most.

A thread in a call of the system can't be ended. It is left alone, and ends when the disk answers again. What is in the kernel's
hands stays there: a process that is told to end may have to wait for its disk.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")

MOST = 8
"""Threads that a process leaves hanging at one place. Then the place is not asked until one of them has come back: one file
that hangs keeps nobody from the others.
"""

_left: defaultdict[tuple[str, int], set[Future[Any]]] = defaultdict(set)
"""What hangs, by the folder and the process: a forked child has none of its parent's threads."""


def in_time(
    work: Callable[[], Result],
    *,
    place: str,
    seconds: float | Callable[[], float],
    progress: Callable[[], object] = lambda: None,
) -> Result:
    """What `work` comes to in a thread of its own, which is left alone when it takes longer, or for so long nothing changes of
    `progress`. The seconds may depend on how far it is.

    Raises:
        TimeoutError: it is not done by then, or too much that was asked of the place before still hangs.
    """
    if len(hanging_at(place)) >= MOST:
        raise TimeoutError(f"{place} is not asked: what was asked of it before still hangs")
    future: Future[Result] = Future()
    threading.Thread(target=_into, args=(future, work), name="blobs", daemon=True).start()
    seen = progress()
    while True:
        limit = seconds() if callable(seconds) else seconds
        try:
            return future.result(limit)
        except TimeoutError:
            if future.done():  # its own error, or done in this moment
                return future.result()
            if (now := progress()) == seen:
                _leave(future, place)
                raise TimeoutError(f"{place} did not answer within {limit:g} s") from None
            seen = now


def _into(future: Future[Any], work: Callable[[], Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whoever waits is given it
        future.set_exception(error)


def _leave(future: Future[Any], place: str) -> None:
    hanging = hanging_at(place)
    hanging.add(future)
    future.add_done_callback(hanging.discard)


def hanging_at(place: str) -> set[Future[Any]]:
    """What was given up there and has not come back."""
    return _left[place.rstrip("/"), os.getpid()]
