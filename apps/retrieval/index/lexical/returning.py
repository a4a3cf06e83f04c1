"""A version that comes to answer again is found by its words at once: they left the index when another one answered."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.dispatch import receiver

from apps.documents.lifecycle.answering import version_answers
from apps.documents.models import DocumentVersion
from apps.retrieval.index.lexical.segments import LexicalIndex
from apps.retrieval.index.lexical.writing import versions_terms, versions_write
from apps.retrieval.models import GenerationState, IndexGeneration, LexicalVersion
from ragsite.core.jobs import ring

AT_ONCE = 2_000
"""Chunks whose terms are written while the document's row is held, a second or so. The repair sees to a longer text."""


@receiver(version_answers)
def version_index_again(*, version: DocumentVersion, **_: Any) -> None:
    """Write the version's words, where no segment holds them, in the caller's transaction.

    The repair is rung for all the same: it may be about to drop what is there, as it saw another version answer.
    """
    ring("lexical-repair")
    knowledge_base_id = version.document.knowledge_base_id
    live = IndexGeneration.objects.filter(knowledge_base_id=knowledge_base_id, state=GenerationState.LIVE).first()
    if live is None or version.chunk_count > AT_ONCE:
        return
    index = LexicalIndex(knowledge_base_id, live.chunking_key)
    if LexicalVersion.objects.filter(version_id=version.pk, chunking_key=index.chunking_key).exists():
        return
    try:
        with transaction.atomic():
            versions_write(index, versions_terms([version.pk], chunking_key=index.chunking_key))
    except IntegrityError:
        # The repair wrote them in this moment.
        return
