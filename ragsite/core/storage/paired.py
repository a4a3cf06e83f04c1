"""Two stores of blobs as one: what is read comes from the one that can give it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any, TypeVar, cast

from circuitbreaker import CircuitBreakerError
from django.core.files.base import File
from django.core.files.storage import storages

from ragsite.core.breaker import OneProbeBreaker
from ragsite.core.errors import RagError, TransientError
from ragsite.core.metrics.instruments import counter
from ragsite.core.storage.hanging import in_time
from ragsite.core.storage.places import FIRST, FIRST_SETTING, SECOND, SECOND_SETTING
from ragsite.core.storage.store import BlobStore

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

READS = counter("ragsite_blob_reads_total")
GIVEN, MISSING, DAMAGED, FAILED = "given", "missing", "damaged", "failed"

OPEN_SECONDS = 5.0
"""What a folder that does not give a file until then is held for: a disk of the network may hang for good."""

FAILURES, CLOSED_SECONDS = 3, 10.0
"""After so many failures in a row a store is not asked for so long; then one read tries it."""


class DamagedBlobError(Exception):
    """A store gave other bytes than were written."""


class PairedBlobs:
    """A BlobStore over two, given as entries of `STORAGES`: the first is written to, and the second has copies of what is in it.

    Names, ages and paths are the first's. What is removed leaves both.
    """

    def __init__(self, *, first: dict[str, Any], second: dict[str, Any]) -> None:
        self.first, self.second = (cast(BlobStore, storages.create_storage(one)) for one in (first, second))
        self._breakers = {FIRST: _breaker(FIRST_SETTING), SECOND: _breaker(SECOND_SETTING)}

    @property
    def is_local(self) -> bool:
        return self.first.is_local

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        return self.first.save(name, content, max_length)

    def open(self, name: str, mode: str = "rb") -> File[bytes]:
        """Of the first that has it, in a bounded time. What breaks off later is not begun again."""
        return self.of_either(lambda store: _opened(store, name))

    def path(self, name: str) -> str:
        return self.first.path(name)

    def remove(self, names: Collection[str]) -> None:
        self.first.remove(names)
        self.guarded(SECOND, lambda store: store.remove(names))

    def names_after(self, position: str, *, limit: int) -> list[str]:
        return self.first.names_after(position, limit=limit)

    def older_than(self, names: Collection[str], seconds: float) -> list[str]:
        return self.first.older_than(names, seconds)

    def check(self) -> None:
        self.first.check()

    def of_either(self, read: Callable[[BlobStore], Result]) -> Result:
        """What `read` gives of the first store or, where that can't give it, of the second.

        Raises:
            TransientError, OSError: one of them does not answer, and the other can't give it.
            FileNotFoundError: it is in neither.
            DamagedBlobError: one has other bytes, and the other can't give any.
        """
        try:
            return self._counted(FIRST, read)
        except (RagError, OSError, DamagedBlobError) as error:
            logger.warning("a blob is read from the second store: %s: %s", type(error).__name__, error)
            return self._of_second(read, error)

    def guarded(self, which: str, work: Callable[[BlobStore], Result]) -> Result:
        """What `work` gives of the store, which is not asked while it does not answer.

        Raises:
            TransientError: it is not asked.
        """
        store = self.first if which == FIRST else self.second
        try:
            return self._breakers[which].call(work, store)
        except CircuitBreakerError as error:
            raise TransientError(
                f"The {which} storage for documents did not answer a moment ago, and is not asked just now.",
                code="storage_failed",
                action="Look at its server, then try again.",
                retry_after=int(CLOSED_SECONDS),
            ) from error

    def _of_second(self, read: Callable[[BlobStore], Result], first: Exception) -> Result:
        try:
            return self._counted(SECOND, read)
        except (RagError, OSError, DamagedBlobError) as second:
            raise max((first, second), key=_weight) from first

    def _counted(self, which: str, read: Callable[[BlobStore], Result]) -> Result:
        outcome = FAILED
        try:
            result = self.guarded(which, read)
            outcome = GIVEN
        except FileNotFoundError:
            outcome = MISSING
            raise
        except DamagedBlobError:
            outcome = DAMAGED
            raise
        finally:
            READS.labels(which, outcome).inc()
        return result


def _opened(store: BlobStore, name: str) -> File[bytes]:
    if not store.is_local:
        return store.open(name)
    return in_time(lambda: store.open(name), place=store.path(""), seconds=OPEN_SECONDS)


def _weight(error: Exception) -> int:
    """Of two errors that one is told that leaves most to hope for: what does not answer may have it."""
    if isinstance(error, DamagedBlobError):
        return 1
    return 0 if isinstance(error, FileNotFoundError) else 2


def _breaker(named: str) -> OneProbeBreaker:
    return OneProbeBreaker(
        name=named, failure_threshold=FAILURES, recovery_timeout=CLOSED_SECONDS, expected_exception=_is_failure
    )


def _is_failure(_: type[BaseException], error: BaseException) -> bool:
    return isinstance(error, TransientError | OSError) and not isinstance(error, FileNotFoundError)
