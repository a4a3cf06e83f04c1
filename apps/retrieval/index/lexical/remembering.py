"""What a process remembers of the segments it has searched: their chunks' ids, which are most of what a search would read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping

import numpy as np
from numpy.typing import NDArray

ChunkIds = Mapping[int, NDArray[np.int64]]
"""The chunk ids (n,) of segments, by segment."""


class SegmentMemory:
    """Chunk ids of the indexes searched last, within `most_bytes`. Segments never change, so nothing in it is ever stale."""

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._indexes: OrderedDict[Hashable, ChunkIds] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, index: Hashable) -> ChunkIds:
        """What is known of an index; empty where nothing is."""
        with self._lock:
            return self._indexes.get(index, {})

    def remember(self, index: Hashable, chunk_ids: ChunkIds) -> None:
        """Remember these segments of an index, and none that it had before; forget indexes not searched for longest."""
        with self._lock:
            self._indexes[index] = chunk_ids
            self._indexes.move_to_end(index)
            while self._bytes() > self._most_bytes:
                self._indexes.popitem(last=False)

    def _bytes(self) -> int:
        return sum(ids.nbytes for chunk_ids in self._indexes.values() for ids in chunk_ids.values())
