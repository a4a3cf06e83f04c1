"""From what was found to what generators are given."""

from __future__ import annotations

from apps.retrieval.answers.around import NOTHING_AROUND, surroundings_read
from apps.retrieval.answers.drafting import context_build
from apps.retrieval.answers.table_heads import heads_read
from apps.retrieval.answers.token_room import MOST_TOKENS, tokens_estimated
from apps.retrieval.answers.types import Material
from apps.retrieval.search.retrieval import Retrieval


def material_of(found: Retrieval, *, for_writers: bool = False) -> Material:
    """The best passages with the heads of their tables; `for_writers` more of them, with what stands around them."""
    passages = context_build(found.passages)
    if not for_writers:
        return Material(found.request.text, passages, found.statistics, heads_read(passages, found.scope))
    readable = context_build(found.passages, most=MOST_TOKENS, size=tokens_estimated)
    around = surroundings_read(readable, found.scope) if readable else NOTHING_AROUND
    chunks = {one.chunk_id: one for one in (*passages, *readable, *(near.first for near in around.values()))}
    heads = heads_read(list(chunks.values()), found.scope)
    return Material(found.request.text, passages, found.statistics, heads, readable, around)
