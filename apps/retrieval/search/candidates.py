"""How many candidates a search of an HNSW index holds, by how many vectors it has to choose from."""

from __future__ import annotations

LEAST, MOST = 200, 5_000
"""Fewer save hardly any time; what more than MOST would find and take was not measured."""

OF_ONE_SCAN = 1_000
"""A scan holds no more (`hnsw.ef_search`); one that goes on gives more."""

TUPLES = 40
"""That a scan which goes on may come upon for each candidate: a node of the graph has 32 neighbours."""

LEAST_OF_SEVERAL = 100
"""Of each where several parts are scanned, which together give the nearest."""

LEAST_MEETING = 60
"""Rows of a scan under a condition."""

STEP = 50
"""Numbers are rounded up to it: some stand in statements, which are kept prepared word by word."""

VECTORS = 500
"""So many there are for each candidate of an index of whole vectors."""

OF_BITS, POWER = 1.76, 0.55
"""Of an index of single bits there are `OF_BITS * vectors ** POWER` candidates."""


def candidates_for(vectors: int, *, quantised: bool = False, among: int = 1) -> int:
    """The candidates that a search of so many vectors holds, so that it finds no fewer of the ten nearest as they become more.

    `among` is how many parts it scans, of which that is one.
    Measured by `benchmarks.large` with 384 numbers and m = 16: of what is missed there is about N^1.35 / ef^1.5, so that ef grows
    with N^0.9, for which it is in proportion here. The ten nearest are found to 0.99 at 100,000 and 300,000 vectors. Of an index
    of bits what is missed falls with ef^0.8: 0.97 are found at 40,000 and 100,000, and by calculation of more. See
    docs/scaling.md.
    """
    wanted = OF_BITS * vectors**POWER if quantised else vectors / VECTORS
    rounded = -(-int(wanted) // STEP) * STEP
    least = LEAST if among == 1 else LEAST_OF_SEVERAL
    return min(MOST, max(least, rounded))


def goes_on(candidates: int) -> bool:
    """Whether they are more than one scan holds."""
    return candidates > OF_ONE_SCAN


def meeting_wanted(candidates: int) -> int:
    """How many rows a scan under a condition gives at least: it gives them only roughly in order, and the nearest of those that
    meet the condition are not so near among all.
    """
    return max(LEAST_MEETING, candidates // 10)


def meeting_few(candidates: int) -> int:
    """Where fewer of the candidates meet a condition, all that do are compared sooner than the index comes upon enough."""
    return candidates // 25


def scan_settings(candidates: int, *, iterative: bool) -> dict[str, str]:
    """The server's for a transaction that scans an index; an iterative scan gives its rows roughly in order."""
    return {
        "hnsw.ef_search": str(min(OF_ONE_SCAN, candidates)),
        "hnsw.iterative_scan": "relaxed_order" if iterative else "off",
        "hnsw.max_scan_tuples": str(TUPLES * max(OF_ONE_SCAN, candidates)),
        "hnsw.scan_mem_multiplier": str(-(-candidates // OF_ONE_SCAN)),
    }
