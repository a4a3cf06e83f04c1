"""Writing anew what an earlier analysis wrote, a few thousand chunks at a time.

Until then a search asks the old segments by the terms that their analysis gave, so that nothing is lost meanwhile. The versions
leave the old segment in the transaction in which they come into a new one, so that each is found once at any moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, takewhile

import numpy as np
from django.db import transaction

from apps.retrieval.index.lexical.analysis import ANALYSIS
from apps.retrieval.index.lexical.held import HeldVersion, contents_of, segments_delete, versions_held
from apps.retrieval.index.lexical.segments import LexicalIndex, SegmentContent, segments_merge
from apps.retrieval.index.lexical.writing import segment_write, versions_terms, versions_write
from apps.retrieval.models import LexicalSegment
from ragsite.core.database import connection_release

CHUNKS = 5_000
"""About how many chunks are written anew at a time: some ten seconds."""


def lexical_reanalyse() -> bool:
    """Write some of the oldest segment of an earlier analysis anew; whether there may be more. False, too, where somebody else is
    at it.
    """
    old = LexicalSegment.objects.filter(analysis__lt=ANALYSIS).order_by("pk").defer("chunk_ids", "lengths").first()
    return old is not None and _moved(old)


def _moved(old: LexicalSegment) -> bool:
    """Move the first versions that are found in the segment into a new one, and what is left into one like it."""
    living = [one for one in versions_held([old.pk]).get(old.pk, []) if one.living]
    first = _first(living)
    rest = living[len(first) :]
    index = LexicalIndex(old.knowledge_base_id, old.chunking_key)
    terms = versions_terms([one.version.version_id for one in first], chunking_key=old.chunking_key)
    content = _only(contents_of([old.pk]).get(old.pk), rest) if rest else None
    connection_release()
    with transaction.atomic():
        if not LexicalSegment.objects.filter(pk=old.pk).select_for_update(skip_locked=True).values_list("pk"):
            return False
        segments_delete([old.pk])
        versions_write(index, terms)
        if content is not None:
            segment_write(index, content, [one.version for one in rest], analysis=old.analysis)
    return True


def _first(living: Sequence[HeldVersion]) -> list[HeldVersion]:
    """The first versions that together have about CHUNKS chunks; one at least, if there is any."""
    upto = accumulate(one.version.chunks for one in living)
    many = sum(1 for _ in takewhile(lambda chunks: chunks <= CHUNKS, upto))
    return list(living[: max(many, 1)])


def _only(content: SegmentContent | None, versions: Sequence[HeldVersion]) -> SegmentContent | None:
    """Of what a segment holds the chunks of these versions; None where it is gone."""
    if content is None:
        return None
    kept = np.zeros(len(content.chunk_ids), dtype=bool)
    for one in versions:
        kept[one.first : one.first + one.version.chunks] = True
    return segments_merge([(content, kept)])
