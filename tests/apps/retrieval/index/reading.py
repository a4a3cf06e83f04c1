"""Sessions beside the application's that read for long, as a backup does, and searches that go on beside what is tested."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from django.db import DatabaseError, connection

from apps.documents.models import KnowledgeBase
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.request import SearchRequest
from ragsite.core.errors import RagError
from tests import factories as make
from tests.waiting import wait_for

PARENT = "retrieval_embedding"
_ALL_OF_IT = f"""
    SELECT '{PARENT}' UNION ALL SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{PARENT}'::regclass
"""  # noqa: S608 - a name of ours


@contextmanager
def long_reader(*, application: str = "pg_dump") -> Iterator[psycopg.Connection]:
    """A transaction of the owner that holds what pg_dump holds of the table of vectors: ACCESS SHARE on it and each partition."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], application_name=application) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for (table,) in reader.execute(_ALL_OF_IT).fetchall():
            reader.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        yield reader
        reader.rollback()


@dataclass(slots=True)
class Searches:
    """What became of the searches so far: how many found what they should, and what went wrong."""

    base: KnowledgeBase
    text: str
    found: int = 0
    errors: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def go_on(self, number: int = 20) -> None:
        """Return once so many more searches have found something, or one has failed."""
        wanted = self.found + number
        wait_for(lambda: self.errors or self.found >= wanted, seconds=60, what=f"{number} searches")

    def run(self) -> None:
        """Search until it is over; no lock is waited for longer than a second."""
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '1s'")
        while not self.over.is_set():
            try:
                self._search()
            except (DatabaseError, RagError) as error:
                self.errors.append(f"{type(error).__name__}: {error}")

    def _search(self) -> None:
        result = retrieve(SearchRequest(self.text), scope=make.scope(self.base), deadline=make.soon())
        if result.passages and not result.degraded:
            self.found += 1
        else:
            self.errors.append(f"{len(result.passages)} passages, {result.degraded}")


@contextmanager
def searching(base: KnowledgeBase, text: str, *, threads: int = 3) -> Iterator[Searches]:
    """Search the knowledge base without a pause, in threads of their own, while the block runs."""
    searches = Searches(base, text)
    running = [threading.Thread(target=make.closing(searches.run), daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield searches
    finally:
        searches.over.set()
        for thread in running:
            thread.join(30)
