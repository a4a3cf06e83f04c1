"""Killing parts of a running system, at random but repeatably."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

from ragsite.stack.stack import Stack
from ragsite.stack.system import System
from tests.waiting import wait_for

WORKERS = ("parsing", "general", "models", "beat", "relay")


def processes(running: System, *names: str) -> dict[int, str]:
    """The processes that work under these names now, a prefork worker's children too: name by process id."""
    found: dict[int, str] = {}
    for name in names:
        with contextlib.suppress(psutil.NoSuchProcess):
            if pid := running.supervisor.pid(name):
                leader = psutil.Process(pid)
                found |= {process.pid: name for process in (leader, *leader.children(recursive=True))}
    return found


@contextlib.contextmanager
def killing(running: System, chance: random.Random, *, every: float, times: int) -> Iterator[Counter[str]]:
    """`kill -9` a random process of the workers every so many seconds, so many times, beside the block.

    Gives the deaths by worker; the block's end waits for the last of them.
    """
    stop, deaths = threading.Event(), Counter[str]()

    def kill() -> None:
        while deaths.total() < times and not stop.wait(every):
            if at_work := sorted((name, pid) for pid, name in processes(running, *WORKERS).items()):
                name, pid = chance.choice(at_work)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    deaths[name] += 1

    thread = threading.Thread(target=kill, name="killing")
    thread.start()
    try:
        yield deaths
        thread.join(every * times * 3)
    finally:
        stop.set()
        thread.join()


def lose_redis(running: System) -> None:
    """Stop Redis, remove all it kept, and start it empty."""
    stack = Stack(Path(running.environ["RAGSITE_DATA_DIR"]) / "stack", {})
    stack.server("redis").stop()
    for log in stack.directory.glob("redis/**/appendonly*"):
        log.unlink()
    stack.server("redis").start()


def await_all_up(running: System, *, seconds: float) -> None:
    """Wait until the supervisor has started again whatever was killed."""
    wait_for(lambda: all(map(running.supervisor.pid, WORKERS)), seconds=seconds, what="all workers up", every=0.1)
