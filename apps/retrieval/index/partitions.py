"""The partitions of the table of vectors. Functions of the owner change them (migrations 0002 and 0011): the application's
role may not change tables itself.

Making one, and indexing one, takes nothing that a search waits for. Dropping one takes the whole table for a moment, which
it does not get while somebody reads it for long, as a backup does. Searches queue behind the attempt, so the function gives
up after 50 ms.
"""

from __future__ import annotations

import time

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext

from apps.retrieval.models import GenerationState, IndexGeneration
from ragsite.core.configuration import SearchSettings
from ragsite.core.errors import TransientError
from ragsite.core.locking import Holder, is_locked

TRIES = (0.05, 0.2, 0.4, 0.8)
"""Seconds to wait after each try to drop a partition, while searches and writers alone are in the way. A try may take 1.5 s of
waiting for the partition itself; a request waits for all of them.
"""

BUSY = "busy"


def partition_create(generation: IndexGeneration) -> None:
    """Make the partition of a new generation. Reading and writing go on beside it; a few seconds may be waited for others
    who change the table.

    Raises:
        TransientError: (code `busy`) somebody changes or analyses the table of vectors.
    """
    try:
        _call("retrieval_partition_create", generation.pk, generation.dimensions)
    except OperationalError as error:
        if not is_locked(error):
            raise
        raise TransientError(
            "The table of vectors is being changed or analysed by somebody else.",
            code=BUSY, action="Try again in a moment.", retry_after=5,
        ) from error  # fmt: skip


def partition_index(generation: IndexGeneration, *, quantised: bool = False) -> None:
    """Build the HNSW index of a generation's partition, in the caller's transaction: of its vectors, or `quantised` of one bit of
    each of their numbers. Searches go on beside it; who writes into this partition waits.

    It takes as much memory as the graph needs, up to what the settings allow; a graph with more to it is built several times
    slower.
    """
    most = SearchSettings.current().index_megabytes
    _call("retrieval_partition_index", generation.pk, generation.dimensions, quantised, most)


def partition_drop(generation: IndexGeneration) -> None:
    """Drop a generation's partition with all its vectors; nothing happens where there is none.

    Raises:
        TransientError: (code `busy`) somebody reads the table of vectors for long, or searches and writers never left it.
    """
    for wait in TRIES:
        if _dropped(generation):
            return
        holder = partition_holder(generation)
        if holder is not None:
            raise _held_by(holder)
        time.sleep(wait)
    raise TransientError(
        "The table of vectors is in use by searches and writers all the time.",
        code=BUSY, action="It is tried again automatically.", retry_after=5,
    )  # fmt: skip


def partition_holder(generation: IndexGeneration) -> Holder | None:
    """Who keeps the partition from being dropped for long, the first to come; None where nobody does, as far as the owner sees,
    and where there is no partition.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT process, role, application, since FROM retrieval_partition_holder(%s)", [generation.pk])
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


def _dropped(generation: IndexGeneration) -> bool:
    try:
        with transaction.atomic():
            _call("retrieval_partition_drop", generation.pk)
    except OperationalError as error:
        if not is_locked(error):
            raise
        return False
    return True


def _call(function: str, *arguments: int) -> None:
    places = ", ".join(["%s"] * len(arguments))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({places})", arguments)
