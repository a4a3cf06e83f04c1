"""Searches of an index of single bits: of each number of a vector the index has its sign, and no more.

The index gives as many candidates as differ in the fewest signs. Their whole vectors are read and put them in order, so that what
is found has the scores of any other search.
"""

from __future__ import annotations


def by_bits(*, candidates: int, iterative: bool) -> str:
    """The statement, still to be filled in as the others of `apps.retrieval.search.dense`.

    One scan looks only those up that are nearest by their vectors, in turn, until enough meet the condition. An iterative one
    goes on until so many candidates meet it.
    """
    statement = _ITERATIVE if iterative else _ONE_SCAN
    return statement.replace("{candidates}", str(candidates))


_ONE_SCAN = """
    SELECT e.chunk_id, e.distance
    FROM (
        SELECT near.chunk_id, near.version_id,
               near.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width}) AS distance
        FROM (
            SELECT by_signs.chunk_id, by_signs.version_id, by_signs.embedding
            FROM retrieval_embedding by_signs
            WHERE by_signs.generation_id IN ({generations})
            ORDER BY (binary_quantize(by_signs.embedding::halfvec({width}))::bit({width})
                <~> binary_quantize(%(dense_vector)s::halfvec({width}))::bit({width}))
            LIMIT {candidates}
        ) near
        ORDER BY distance
    ) e
    {chunk}
    JOIN documents_document d ON d.current_version_id = e.version_id
    WHERE {condition}
    ORDER BY e.distance
    LIMIT {limit}
"""

_ITERATIVE = """
    SELECT near.chunk_id, near.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width}) AS distance
    FROM (
        SELECT e.chunk_id, e.embedding
        FROM retrieval_embedding e
        {chunk}
        JOIN documents_document d ON d.current_version_id = e.version_id
        WHERE e.generation_id IN ({generations}) AND {condition}
        ORDER BY (binary_quantize(e.embedding::halfvec({width}))::bit({width})
            <~> binary_quantize(%(dense_vector)s::halfvec({width}))::bit({width}))
        LIMIT {candidates}
    ) near
    ORDER BY distance
    LIMIT {limit}
"""
