"""The stages run by this process, for commands that load many documents: nothing else has to be running.

Versions are claimed many at a time and their stages are the same services under the same leases, so a system that runs
beside this process may take a share of the work. Two threads: one embeds, while the model
library leaves the interpreter to the other, which does the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from django.db import connection
from django.db.models import Q

from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED, PARSE
from apps.documents.models import VERSION_ENDED, DocumentVersion, KnowledgeBase
from workers.jobs import job_named
from workers.running import job_run

CLAIMS = 64
POLL_SECONDS = 0.5
Item = TypeVar("Item")


def documents_load(
    knowledge_base: KnowledgeBase,
    items: Iterable[Item],
    *,
    upload: Callable[[Item], object],
    told: Callable[[int], None],
) -> None:
    """Upload each item and work until every version of the knowledge base has ended.

    `told` is called from time to time with the number of ended versions. What a stage raises unexpectedly is raised here.
    """
    mine = Q(document__knowledge_base=knowledge_base)
    with _embedding(mine) as embedding:
        iterator = iter(items)
        while batch := list(islice(iterator, CLAIMS)):
            for item in batch:
                upload(item)
            _work(mine, PARSE, CHUNK, ACTIVATE)
            embedding.check()
            told(_ended(mine))
        while DocumentVersion.objects.filter(mine).exclude(status__in=VERSION_ENDED).exists():
            _work(mine, PARSE, CHUNK, ACTIVATE)
            embedding.check(seconds=POLL_SECONDS)
            told(_ended(mine))


class _Embedding:
    """The second thread, as the first one sees it."""

    def __init__(self, running: Future[None]) -> None:
        self._running = running

    def check(self, *, seconds: float = 0.0) -> None:
        """Raise what the thread ended with, if it has; wait for that so long."""
        try:
            self._running.result(seconds)
        except TimeoutError:
            return


@contextmanager
def _embedding(mine: Q) -> Iterator[_Embedding]:
    stop = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="embedding") as pool:
        try:
            yield _Embedding(pool.submit(_embed_until, stop, mine))
        finally:
            stop.set()


def _embed_until(stop: threading.Event, mine: Q) -> None:
    try:
        while not stop.is_set():
            if not _work_once(mine, EMBED):
                stop.wait(POLL_SECONDS)
    finally:
        connection.close()


def _work(mine: Q, *stages: str) -> None:
    for name in stages:
        while _work_once(mine, name):
            pass


def _work_once(mine: Q, name: str) -> bool:
    return job_run(replace(job_named(name), claims=CLAIMS), among=mine)


def _ended(mine: Q) -> int:
    return DocumentVersion.objects.filter(mine, status__in=VERSION_ENDED).count()
