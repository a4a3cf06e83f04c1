"""Searches of an index that hold more candidates than one scan of it does: the scan goes on until so many have come.

It gives them roughly in order, and the order is made here. Then those are looked up that are nearest, in turn, until enough meet
the condition.
"""

from __future__ import annotations


def by_farther_scan(*, candidates: int) -> str:
    """The statement, still to be filled in as the others of `apps.retrieval.search.dense`."""
    return _STATEMENT.replace("{candidates}", str(candidates))


# Without the zero the planner takes the scan's order for exact, and ends it as soon as there are enough.
_STATEMENT = """
    SELECT e.chunk_id, e.distance
    FROM (
        SELECT near.chunk_id, near.version_id, near.distance
        FROM (
            SELECT held.chunk_id, held.version_id,
                   held.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width}) AS distance
            FROM retrieval_embedding held
            WHERE held.generation_id IN ({generations})
            ORDER BY (held.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width}))
            LIMIT {candidates}
        ) near
        ORDER BY near.distance + 0
    ) e
    {chunk}
    JOIN documents_document d ON d.current_version_id = e.version_id
    WHERE {condition}
    ORDER BY e.distance + 0
    LIMIT {limit}
"""
