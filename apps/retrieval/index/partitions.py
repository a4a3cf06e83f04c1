"""The partitions of the table of vectors. Functions of the owner change them (migrations 0002, 0011 and 0032): the application's
role may not change tables itself. A generation has one, or one for each of its parts.

Making one, and indexing one, takes nothing that a search waits for. Dropping one takes the whole table for a moment, which
it does not get while somebody reads it for long, as a backup does. Searches queue behind the attempt, so the function gives
up after 50 ms.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext

from apps.retrieval.models import GenerationState, Held, IndexGeneration, IndexPart, parts_now
from ragsite.core.configuration import SearchSettings
from ragsite.core.errors import TransientError
from ragsite.core.locking import Holder, is_locked, rows_hold

TRIES = (0.05, 0.2, 0.4, 0.8)
"""Seconds to wait after each try to drop a partition, while searches and writers alone are in the way. A try may take 1.5 s of
waiting for the partition itself; a request waits for all of them.
"""

BUSY = "busy"


def partition_create(held: Held) -> None:
    """Make the partition of a new generation or part; a divided generation gets one with each of its parts. Reading and writing
    go on beside it; a few seconds may be waited for others who change the table.

    Raises:
        TransientError: (code `busy`) somebody changes or analyses the table of vectors.
    """
    if isinstance(held, IndexGeneration) and held.is_divided:
        return
    function = "retrieval_part_create" if isinstance(held, IndexPart) else "retrieval_partition_create"
    try:
        _call(function, held.pk, held.dimensions)
    except OperationalError as error:
        if not is_locked(error):
            raise
        raise TransientError(
            "The table of vectors is being changed or analysed by somebody else.",
            code=BUSY, action="Try again in a moment.", retry_after=5,
        ) from error  # fmt: skip


def partition_index(held: Held, *, quantised: bool = False) -> None:
    """Build the HNSW index of a partition, in the caller's transaction: of its vectors, or `quantised` of one bit of
    each of their numbers. Searches go on beside it; who writes into this partition waits.

    It takes as much memory as the graph needs, up to what the settings allow; a graph with more to it is built several times
    slower.
    """
    most = SearchSettings.current().index_megabytes
    _call("retrieval_partition_index", held.pk, held.dimensions, quantised, most)


def partition_drop(generation: IndexGeneration) -> None:
    """Drop a generation's partition, or its parts with theirs, with all its vectors; nothing happens where there is none.

    Raises:
        TransientError: (code `busy`) somebody reads the table of vectors for long, or searches and writers never left it.
    """
    for held in parts_now(generation):
        _drop(held)


def _drop(held: Held) -> None:
    for wait in TRIES:
        if _dropped(held):
            return
        holder = _holder(held)
        if holder is not None:
            raise _held_by(holder)
        time.sleep(wait)
    raise TransientError(
        "The table of vectors is in use by searches and writers all the time.",
        code=BUSY, action="It is tried again automatically.", retry_after=5,
    )  # fmt: skip


def part_drop_empty(part: IndexPart) -> bool:
    """Drop a part with its partition where that has no vector; whether it is gone. Not while somebody reads it for long.

    Who is about to write into it finds that it is gone: see `part_homes`.
    """
    try:
        with transaction.atomic():
            rows = IndexPart.objects.filter(pk=part.pk)
            if not rows_hold(rows, removing=True) or not _call("retrieval_part_drop_empty", part.pk):
                return False
            rows.delete()
    except OperationalError as error:
        if not is_locked(error):
            raise
        return False
    return True


def partition_holder(generation: IndexGeneration) -> Holder | None:
    """Who keeps a partition from being dropped for long, the first to come; None where nobody does, as far as the owner sees,
    and where there is no partition.
    """
    return next(filter(None, map(_holder, parts_now(generation))), None)


def _holder(held: Held) -> Holder | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT process, role, application, since FROM retrieval_partition_holder(%s)", [held.pk])
        row = cursor.fetchone()
    return Holder(*row) if row else None


def removal_waits(generation: IndexGeneration) -> str:
    """What the removal of a dropped generation waits for, in words; empty for any other, and where nobody is in the way."""
    holder = partition_holder(generation) if generation.state == GenerationState.DROPPED else None
    words = gettext("Its vectors are removed once their table is no longer read by %(holder)s.")
    return words % {"holder": holder.in_words} if holder else ""


def _held_by(holder: Holder) -> TransientError:
    return TransientError(
        f"Vectors can't be removed while their table is read by {holder.in_words}.",
        code=BUSY, action="They are removed automatically once that has ended.", retry_after=60,
    )  # fmt: skip


def _dropped(held: Held) -> bool:
    try:
        with transaction.atomic():
            if isinstance(held, IndexGeneration):
                _call("retrieval_partition_drop", held.pk)
                return True
            rows = IndexPart.objects.filter(pk=held.pk)
            # Before its table, as who writes into it does.
            rows_hold(rows, removing=True)
            _call("retrieval_partition_drop", held.pk)
            rows.delete()
    except OperationalError as error:
        if not is_locked(error):
            raise
        return False
    return True


def _call(function: str, *arguments: int) -> Any:
    places = ", ".join(["%s"] * len(arguments))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({places})", arguments)
        return cursor.fetchone()[0]
