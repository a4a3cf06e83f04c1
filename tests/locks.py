"""The order in which rows are locked, watched in every test: what docs/architecture.md says about it holds in all that runs here.

A statement is looked at as it is sent: which tables' rows it locks, in which order within the table, and what its transaction
holds by then. What the tests themselves send does not count.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection, transaction

PROJECT = Path(__file__).resolve().parents[1]
OURS = tuple(f"{PROJECT / name}/" for name in ("apps", "ragsite", "workers"))
TESTS = f"{PROJECT / 'tests'}/"

ORDER = (
    "retrieval_erasure",
    "model_registry_model",
    "model_registry_modelversion",
    "documents_knowledgebase",
    "documents_knowledgebasedeletion",
    "documents_maskingchange",
    "retrieval_reindex",
    "retrieval_evaluationset",
    "retrieval_evaluationrun",
    "retrieval_indexgeneration",
    "documents_document",
    "documents_documentversion",
    "retrieval_judgement",
    "documents_grant",
    "documents_bulkjob",
    "retrieval_conversation",
    "retrieval_citation",
    "monitoring_alertdelivery",
    "monitoring_alert",
    "retrieval_experimententry",
    "monitoring_webhook",
    "monitoring_webhookdelivery",
    "retrieval_indexpart",
    "retrieval_storedversion",
)
"""Who locks rows of one of these tables locks none of an earlier one after them."""

UNDER = {
    "documents_chunk": ("documents_documentversion",),
    "documents_stagerecord": ("documents_documentversion",),
    "documents_parsedtext": ("documents_documentversion",),
    "documents_originaltext": ("documents_documentversion",),
    "retrieval_evaluationquestion": ("retrieval_evaluationset",),
    "retrieval_evaluationresult": ("retrieval_evaluationset", "retrieval_evaluationrun", "documents_document"),
}
"""Rows that are changed or removed only by who holds the row they belong to: they need no order of their own."""

WRITTEN_ONCE = ("retrieval_judgement", "documents_grant", "retrieval_citation")
"""Who holds rows of these has written them once: PostgreSQL checks foreign keys that stay the same only of rows written twice."""

_RANKS = {table: rank for rank, table in enumerate(ORDER)}
_LOCK = re.compile(
    r"\bFOR (NO KEY UPDATE|UPDATE|KEY SHARE|SHARE)\b(?: OF ([\w\"., ]+?))?( SKIP LOCKED)?(?=\s*(?:\)|$))"
)
_FROM = re.compile(r'\b(?:FROM|JOIN) "?(\w+)"?(?: (?:AS )?"?(\w+)"?)?')
_CHANGE = re.compile(r'\b(?:(UPDATE)(?: ONLY)? "?(\w+)"?(?: (?:AS )?"?\w+"?)? SET|(DELETE) FROM "?(\w+)"?)')
_BY_KEY = re.compile(r'\bORDER BY (?:"?\w+"?\.)?(?:"?id"?|"?version_id"?|1)(?: ASC)?\s*(?:LIMIT \S+ *)?$')


@dataclass(frozen=True, slots=True)
class Locking:
    """A table whose rows a statement locks. `waits`: not by SKIP LOCKED; `by_key`: in the order of their keys; `keeps_out`: so
    that nobody can refer to them.
    """

    table: str
    is_change: bool
    waits: bool
    by_key: bool
    keeps_out: bool = False


@functools.cache
def lockings(sql: str) -> tuple[Locking, ...]:
    """What a statement locks, in its order. Rows that it inserts are nobody else's yet and don't count."""
    text = " ".join(sql.split())
    explicit = [one for match in _LOCK.finditer(text) for one in _explicit(text, match)]
    changed = [match[2] or match[4] for match in _CHANGE.finditer(text)]
    known = {one.table for one in explicit}
    changes = [Locking(table, is_change=True, waits=table not in known, by_key=table in known) for table in changed]
    return tuple(one for one in [*explicit, *changes] if one.table in _RANKS or one.table in UNDER)


def _explicit(text: str, match: re.Match[str]) -> list[Locking]:
    """Rows of several tables are locked in the order in which the clause names these."""
    before = text[: match.start()].rstrip()
    sources = list(_FROM.finditer(before))
    names = {source[2] or source[1]: source[1] for source in sources} | {source[1]: source[1] for source in sources}
    of = [name.strip(' "') for name in (match[2] or sources[-1][1]).split(",")]
    how = {"waits": not match[3], "by_key": bool(match[3] or _BY_KEY.search(before)), "keeps_out": match[1] == "UPDATE"}
    return [Locking(names.get(name, name), is_change=False, **how) for name in of]


@dataclass
class Watch:
    """A connection's transactions as they lock rows, and what was against the order."""

    faults: list[str] = field(default_factory=list)
    _outermost: Any = None
    _held: set[str] = field(default_factory=set)
    _in_order: set[str] = field(default_factory=set)
    _keeps_out: set[str] = field(default_factory=set)

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        found = lockings(sql) if isinstance(sql, str) else ()
        where = _place() if found else ""
        if where:
            self._look_at_transaction()
            for one in found:
                self._note(one, rows=context["cursor"].rowcount, where=where)
        return result

    def _look_at_transaction(self) -> None:
        """One is the outermost block that is not a test's own; without one each statement is a transaction."""
        outermost = next((one for one in connection.atomic_blocks if not one._from_testcase), None)
        if outermost is None or outermost is not self._outermost:
            self._outermost, self._held, self._in_order, self._keeps_out = outermost, set(), set(), set()

    def _note(self, one: Locking, *, rows: int, where: str) -> None:
        later = [table for table in self._held if _RANKS.get(table, -1) > _RANKS.get(one.table, len(ORDER))]
        if one.waits and one.table not in self._held and later:
            self.faults.append(f"{where}: {one.table} is locked after {', '.join(sorted(later))}")
        if one.waits and one.table in _RANKS and one.table not in (*self._held, *WRITTEN_ONCE) and self._keeps_out:
            kept = ", ".join(sorted(self._keeps_out))
            self.faults.append(f"{where}: {one.table} is waited for, and nobody can refer to {kept} meanwhile")
        parents = UNDER.get(one.table, ())
        # A test that calls a part of a service does so in its own transaction, of which nothing is known here.
        is_known = self._outermost is not None or not connection.in_atomic_block
        if parents and one.is_change and is_known and not self._held.intersection(parents):
            self.faults.append(f"{where}: rows of {one.table} change, and none of {' or '.join(parents)} is held")
        if not parents and rows > 1 and not one.by_key and one.table not in self._in_order:
            self.faults.append(f"{where}: {rows} rows of {one.table} are locked in no order")
        self._held.add(one.table)
        if one.keeps_out and one.table in _RANKS:
            self._keeps_out.add(one.table)
        if one.by_key:
            self._in_order.add(one.table)


def _place() -> str:
    """Where in the code of the project the statement comes from; "" for a test's own, and for a migration's, which runs alone."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if "/migrations/" in name:
            return ""
        if name.startswith(OURS) and not name.endswith(("core/locking.py", "core/bites.py")):
            return f"{name.removeprefix(f'{PROJECT}/')}:{frame.f_lineno}"
        if name.startswith(TESTS) and name != __file__:
            return ""
        frame = frame.f_back
    return ""


@contextmanager
def watched() -> Iterator[Watch]:
    """Within the block, what this thread's connection locks."""
    watch = Watch()
    with connection.execute_wrapper(watch):
        yield watch


def around_example() -> Any:
    """The transaction in which a test plays an example that it then rolls back: those within it are the code's."""
    block = transaction.atomic()
    block._from_testcase = True
    return block
