"""The heart of a prefork worker: the parent keeps what its children have claimed.

A child says over a pipe what it holds and which row it is at, and the parent renews the leases. The parent does nothing that
takes long, so a child cannot starve its own heartbeat, however long a call into C keeps the child's interpreter; and it
outlives its children, so it knows what one held that was stopped at its hard limit or died. If the parent dies, nobody renews.
"""

from __future__ import annotations

import json
import logging
import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

from celery import current_task
from django.apps import apps
from django.db import Error

from ragsite.core.configuration import WorkSettings
from ragsite.core.database import connection_release
from ragsite.core.heartbeats import Held, beat_by_thread, heart_use
from ragsite.core.jobs import ring
from ragsite.core.leases import Claim, lease_renew
from ragsite.core.work import work_died, work_overran
from workers.jobs import JOBS, Job

logger = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
"""How often the parent looks whether the children that hold something are alive."""

_READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Holding:
    """What a child holds, by its own words: `pid` and `task` (a Celery id) are those of the child and of its task."""

    pid: int
    task: str
    job: str
    held: Held

    @classmethod
    def here(cls, held: Held) -> Self:
        """What the task of this process holds."""
        return cls(os.getpid(), current_task.request.id, current_task.name, held)

    def encode(self) -> bytes:
        """One line. It fits into one write that no other child's gets into, as claims have a few dozen rows at most."""
        row = self.held.row
        words = {
            "pid": self.pid,
            "task": self.task,
            "job": self.job,
            "model": self.held.model._meta.label,
            "owner": self.held.claim.owner,
            "ids": [str(pk) for pk in self.held.claim.ids],
            "row": None if row is None else str(row),
        }
        return json.dumps(words).encode() + b"\n"

    @classmethod
    def decode(cls, words: dict[str, Any]) -> Self:
        model = apps.get_model(words["model"])
        key = model._meta.pk.to_python
        claim = Claim(words["owner"], tuple(map(key, words["ids"])))
        row = None if words["row"] is None else key(words["row"])
        return cls(words["pid"], words["task"], words["job"], Held(model, claim, row))


class Heart:
    """Both ends of the pipe: made before the worker forks, `run` by the parent, `keep` used by its children."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self._unread = b""
        self._holdings: dict[str, Holding] = {}
        self._overrun: set[str] = set()
        self._renewed = time.monotonic()

    def move_to_child(self) -> None:
        """Leave the parent's end to the parent: were it gone, a child must not write to nobody until the pipe is full."""
        os.close(self._read)
        heart_use(self.keep)

    @contextmanager
    def keep(self, held: Held) -> Iterator[None]:
        """The heart of a child."""
        if not current_task:
            with beat_by_thread(held):
                yield
            return
        held.tells = lambda held: self._tell(Holding.here(held).encode())
        held.tells(held)
        try:
            yield
        finally:
            held.tells = None
            self._tell(json.dumps({"done": held.claim.owner}).encode() + b"\n")

    def _tell(self, line: bytes) -> None:
        try:
            os.write(self._write, line)
        except BrokenPipeError:
            logger.warning("the worker's parent is gone; nobody renews the leases of this process")

    def overran(self, task: str) -> None:
        """Note that a task has reached its hard limit and its process is being killed."""
        self._overrun.add(task)

    def run(self) -> None:
        """Keep what the children hold, until this process ends."""
        while True:
            select.select([self._read], [], [], min(LOOK_SECONDS, WorkSettings.current().lease_seconds / 4))
            try:
                self.beat()
            except Error:
                logger.warning("leases not renewed: the database did not answer", exc_info=True)
            except Exception:
                logger.exception("a defect; the heart beats on for what else is held")
            finally:
                connection_release()

    def beat(self) -> None:
        """Hear what the children say, see to those that were stopped or died, and renew what is due.

        What the database did not take is tried again the next time.

        Raises:
            Error: the database does not answer.
        """
        # In this order: what a process said last, it said before it was stopped or gone.
        overrun = set(self._overrun)
        gone = {holding.pid for holding in self._holdings.values() if not _is_alive(holding.pid)}
        self._listen()
        for holding in list(self._holdings.values()):
            if holding.task in overrun or holding.pid in gone:
                self._end(holding, overran=holding.task in overrun)
        self._overrun -= overrun
        if time.monotonic() >= self._renewed + WorkSettings.current().lease_seconds / 4:
            self._renew()

    def _end(self, holding: Holding, *, overran: bool) -> None:
        """Once, but for a database that does not answer."""
        owner = holding.held.claim.owner
        del self._holdings[owner]
        try:
            _end(holding, overran=overran)
        except Error:
            self._holdings[owner] = holding
            raise

    def _renew(self) -> None:
        for owner, holding in list(self._holdings.items()):
            if not lease_renew(holding.held.model, holding.held.claim):
                del self._holdings[owner]
        self._renewed = time.monotonic()

    def _listen(self) -> None:
        *lines, self._unread = (self._unread + self._received()).split(b"\n")
        for line in lines:
            words = json.loads(line)
            if "done" in words:
                self._holdings.pop(words["done"], None)
            else:
                holding = Holding.decode(words)
                self._holdings[holding.held.claim.owner] = holding

    def _received(self) -> bytes:
        parts = []
        with suppress(BlockingIOError):
            while part := os.read(self._read, _READ_BYTES):
                parts.append(part)
        return b"".join(parts)


def heart_start(heart: Heart) -> None:
    """Let the heart beat in this process, in a thread of its own."""
    threading.Thread(target=heart.run, name="heart", daemon=True).start()


def _end(holding: Holding, *, overran: bool) -> None:
    job = _job_of(holding.job)
    logger.warning("process %d %s at the job %s", holding.pid, "was stopped" if overran else "died", job.name)
    if overran:
        work_overran(job.claimed, holding.held, advice=job.advice)
    else:
        work_died(job.claimed, holding.held)
    ring(job.name)


def _job_of(task: str) -> Job:
    return next(job for job in JOBS if job.task == task)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
