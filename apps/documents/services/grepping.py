"""Exact texts and patterns in what documents say, line by line, found by the database as the reader's role.

Texts do not travel, and a pattern that takes long is stopped: a statement has a time limit, which no thread here has.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from django.db import DataError, OperationalError, connection
from django.db.models import QuerySet

from apps.documents.models import Document
from apps.documents.rights.access import AccessScope, access_scope, documents_visible, reading_as, settings_local
from ragsite.core.errors import NotFoundError, PermanentError
from ragsite.gateway.keys import Principal

SECONDS = 3.0
BATCH, BATCH_BYTES = 50, 8_000_000
"""Documents that one statement reads at most, and bytes of their files, by which it ends after the first."""

LINE, BEFORE = 500, 150
"""Characters of a line that are given, and how many of them stand before what was found."""

_NEXT = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(\d{1,9})")
_ESCAPES = {"b": r"\y", "B": r"\Y"}


@dataclass(frozen=True, slots=True)
class Grep:
    """What to look for: an exact text, or with `is_pattern` a regular expression. `start` is a `Grepped.next`."""

    text: str
    is_pattern: bool = False
    ignore_case: bool = False
    knowledge_base_id: UUID | None = None
    document_id: UUID | None = None
    context: int = 0
    limit: int = 30
    start: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A line, which counts from 1, of the version that answers for a document; long ones are given in part."""

    document_id: UUID
    title: str
    version_id: UUID
    version_number: int
    line: int
    text: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grepped:
    """Matches by document and line. `next` is not empty where there was more to read than time or room: start there."""

    matches: tuple[Match, ...]
    next: str = ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    document_id: UUID
    title: str
    version_id: UUID
    version_number: int
    size: int


def documents_grep(principal: Principal, grep: Grep) -> Grepped:
    """The lines with the text or pattern, of documents that the caller may read.

    Raises:
        NotFoundError: there is no such knowledge base for the caller.
        PermanentError: the pattern is none or takes too long, or `start` is not a `next`.
    """
    named = None if grep.knowledge_base_id is None else [grep.knowledge_base_id]
    scope = access_scope(principal, knowledge_base_ids=named)
    document_id, line = _started(grep.start)
    documents = _documents(principal, grep, scope)
    until, found = time.monotonic() + SECONDS, list[Match]()
    for batch in _batches(documents, document_id):
        after = line if batch[0].document_id == document_id else 0
        rows = _matches(grep, scope, batch, after=after, seconds=until - time.monotonic(), room=grep.limit - len(found))
        if rows is None:
            return _in_time(found, batch[0], after)
        found += rows
        if len(found) > grep.limit:
            last = found[grep.limit - 1]
            return Grepped(tuple(found[: grep.limit]), f"{last.document_id}:{last.line}")
    return Grepped(tuple(found))


def pattern_meant(pattern: str) -> str:
    r"""The pattern as PostgreSQL reads it: `\b` is the edge of a word everywhere else, and there it is `\y`."""
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), pattern, flags=re.DOTALL)


def _in_time(found: Sequence[Match], reached: _Candidate, after: int) -> Grepped:
    start = f"{reached.document_id}:{after}"
    if not found:
        raise PermanentError(
            f"Nothing was found in {SECONDS:.0f} s, and not all was read: up to {start}.",
            action="Look in one document or knowledge base, for a simpler pattern, or go on from there with `next`.",
        )
    return Grepped(tuple(found), start)


def _started(start: str) -> tuple[UUID | None, int]:
    if not start:
        return None, 0
    if (told := _NEXT.fullmatch(start)) is None:
        raise PermanentError(f"{start[:60]!r} is no `next` of an earlier result.")
    return UUID(told[1]), int(told[2])


def _documents(principal: Principal, grep: Grep, scope: AccessScope) -> QuerySet[Document]:
    visible = documents_visible(principal).filter(knowledge_base__in=scope.searched_ids)
    if grep.document_id is not None:
        visible = visible.filter(pk=grep.document_id)
        if not visible.exists():
            raise NotFoundError(f"There is no document {grep.document_id}.")
    return visible.filter(current_version__isnull=False)


def _batches(documents: QuerySet[Document], start: UUID | None) -> Iterator[list[_Candidate]]:
    """By their ids, from that of `start` on."""
    columns = (f"current_version__{name}" for name in ("pk", "number", "size"))
    ordered = documents.order_by("pk").values_list("pk", "title", *columns)
    waiting = ordered if start is None else ordered.filter(pk__gte=start)
    while rows := list(waiting[:BATCH]):
        batch = _as_large_as_may([_Candidate(pk, title, version, n, size) for pk, title, version, n, size in rows])
        yield batch
        waiting = ordered.filter(pk__gt=batch[-1].document_id)


def _as_large_as_may(candidates: list[_Candidate]) -> list[_Candidate]:
    read = 0
    for number, one in enumerate(candidates):
        read += one.size
        if number and read > BATCH_BYTES:
            return candidates[:number]
    return candidates


def _matches(
    grep: Grep, scope: AccessScope, batch: Sequence[_Candidate], *, after: int, seconds: float, room: int
) -> list[Match] | None:
    """Of the batch, one more than there is room for; None where there was not the time."""
    milliseconds = int(seconds * 1000)
    if milliseconds <= 0:
        return None
    by_version = {one.version_id: one for one in batch}
    versions = list(by_version)
    asked: dict[str, Any] = {
        "versions": versions,
        "first": versions[0],
        "after": after,
        "most": room + 1,
        "context": grep.context,
    }
    try:
        with reading_as(scope), connection.cursor() as cursor:
            settings_local({"statement_timeout": f"{milliseconds}"})
            cursor.execute(
                _statement(grep), asked | {"text": pattern_meant(grep.text) if grep.is_pattern else grep.text}
            )
            return [_match(by_version[version], *rest) for version, *rest in cursor.fetchall()]
    except DataError as error:
        raise PermanentError(f"{grep.text[:120]!r} is no pattern: {_said(error)}.") from error
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            return None
        raise


def _statement(grep: Grep) -> str:
    """Whole texts are asked first for an exact text; a pattern may mean the beginning and end of a line."""
    if grep.is_pattern:
        flags = "i" if grep.ignore_case else "c"
        where, at = "true", f"regexp_instr(l.line, %(text)s, 1, 1, 0, '{flags}')"
    else:
        said = "lower({})" if grep.ignore_case else "{}"
        where = f"strpos({said.format('p.text')}, {said.format('%(text)s')}) > 0"
        at = f"strpos({said.format('l.line')}, {said.format('%(text)s')})"
    return f"""
        SELECT p.version_id, l.number, substr(l.line, greatest(at - {BEFORE}, 1), {LINE}),
               t.lines[greatest(l.number - %(context)s, 1) : l.number - 1],
               t.lines[l.number + 1 : l.number + %(context)s]
        FROM documents_parsedtext p
        CROSS JOIN LATERAL (SELECT string_to_array(p.text, E'\\n') AS lines) t
        CROSS JOIN LATERAL unnest(t.lines) WITH ORDINALITY AS l (line, number)
        CROSS JOIN LATERAL (SELECT {at} AS at) f
        WHERE p.version_id = ANY(%(versions)s) AND {where} AND f.at > 0
          AND (p.version_id <> %(first)s OR l.number > %(after)s)
        ORDER BY array_position(%(versions)s, p.version_id), l.number
        LIMIT %(most)s"""  # noqa: S608 - constants


def _match(one: _Candidate, line: int, text: str, before: list[str], after: list[str]) -> Match:
    around = (tuple(each[:LINE] for each in lines) for lines in (before, after))
    return Match(one.document_id, one.title, one.version_id, one.version_number, line, text, *around)


def _said(error: DataError) -> str:
    return str(error).splitlines()[0].removeprefix("invalid regular expression: ")[:200]
