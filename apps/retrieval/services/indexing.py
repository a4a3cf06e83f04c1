"""The stages that make a parsed version searchable: chunk, embed, activate."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models.functions import Now
from numpy.typing import NDArray

from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.chunking.types import ChunkSpan, Embed
from apps.documents.events import DocumentUpdated
from apps.documents.models import Chunk, Document, DocumentVersion, ParsedText
from apps.documents.parsing.types import ParsedDocument, sections_from_list
from apps.documents.stages import ACTIVATE, EMBED
from apps.documents.steps import Step
from apps.models.engine.tokenizer import ModelTokenizer
from apps.models.gateway import Deadline, Purpose, embed
from apps.models.selectors import embedding_model_version
from apps.retrieval.events import VectorIndexed
from apps.retrieval.models import IndexGeneration
from apps.retrieval.services.embeddings import chunks_pending, embeddings_reuse, embeddings_write
from apps.retrieval.services.generations import generation_ensure
from apps.retrieval.services.lexical import LexicalIndex, versions_terms, versions_write
from ragsite.core.database import connection_release
from ragsite.core.errors import PermanentError
from ragsite.core.jobs import ring
from ragsite.core.outbox import emit

EMBED_SECONDS = 120.0


def version_chunk(step: Step) -> None:
    """Split the step's version as its knowledge base's live generation asks for.

    Raises:
        PermanentError: the text has nothing to find, or the chunking settings are not valid.
    """
    (version_id,) = step.claim.ids
    version = DocumentVersion.objects.select_related("document__knowledge_base", "parsed").get(pk=version_id)
    generation = generation_ensure(version.document.knowledge_base)
    tokenizer, embedder = _tokenizer(generation.model_version_id), _embedder(generation)
    connection_release()
    settings = ChunkingSettings.from_dict(generation.chunking)
    spans = chunk(_parsed_document(version.parsed), settings, tokenizer, embed=embedder)
    if not spans:
        raise PermanentError("The document has no text that could be found.", code="empty_text")
    rows = [_row(version, generation, ordinal, span) for ordinal, span in enumerate(spans)]
    with transaction.atomic():
        step.complete(version_id)
        Chunk.objects.filter(version=version).delete()
        Chunk.objects.bulk_create(rows, batch_size=1000)
        DocumentVersion.objects.filter(pk=version_id).update(chunk_count=len(rows))
        ring(EMBED)


def versions_embed(step: Step) -> None:
    """Embed the chunks of the step's versions that have no vector yet, across documents, and complete each version as
    its last vector is written. What was written before an interruption is kept.
    """
    for generation, version_ids in _by_generation(step.claim.ids):
        with transaction.atomic():
            step.hold(version_ids)
            embeddings_reuse(generation, version_ids)
        _embed_pending(step, generation, version_ids)


def _embed_pending(step: Step, generation: IndexGeneration, version_ids: Sequence[UUID]) -> None:
    model = embedding_model_version(generation.model_version_id)
    open_versions = list(version_ids)
    for batch in chunks_pending(generation, version_ids):
        connection_release()
        vectors = embed(
            [pending.text for pending in batch],
            model=model,
            purpose=Purpose.INDEX,
            deadline=Deadline.after(EMBED_SECONDS),
        )
        with transaction.atomic():
            step.hold(open_versions)
            embeddings_write(generation, [pending.chunk_id for pending in batch], vectors)
    for version_id in open_versions:
        with transaction.atomic():
            step.complete(version_id)
            ring(ACTIVATE)


def version_activate(step: Step) -> None:
    """Make the step's version the one that answers, unless a newer one already does or the document was deleted.

    Its terms are written with that, so that lexical search has it from the same moment on.
    """
    (version_id,) = step.claim.ids
    version = DocumentVersion.objects.select_related("document__knowledge_base").get(pk=version_id)
    index = _lexical_index(version)
    terms = versions_terms([version_id], chunking_key=index.chunking_key)
    with transaction.atomic():
        document = (
            Document.objects.select_for_update(of=("self",))
            .select_related("current_version")
            .get(pk=version.document_id)
        )
        step.complete(version_id)
        DocumentVersion.objects.filter(pk=version_id).update(ready_at=Now())
        if _superseded(document, version):
            return
        Document.objects.filter(pk=document.pk).update(current_version=version)
        versions_write(index, terms)
        _tell(document, version)


def _lexical_index(version: DocumentVersion) -> LexicalIndex:
    generation = generation_ensure(version.document.knowledge_base)
    return LexicalIndex(generation.knowledge_base_id, generation.chunking_key)


def _superseded(document: Document, version: DocumentVersion) -> bool:
    current = document.current_version
    return document.deleted_at is not None or (current is not None and current.number > version.number)


def _tell(document: Document, version: DocumentVersion) -> None:
    about = {
        "tenant_id": document.tenant_id,
        "knowledge_base_id": document.knowledge_base_id,
        "document_id": document.pk,
        "version_id": version.pk,
    }
    generation = generation_ensure(document.knowledge_base)
    emit(VectorIndexed(**about, generation_id=generation.pk, chunks=version.chunk_count))
    if document.current_version is not None:
        emit(DocumentUpdated(**about, version_number=version.number, changed=("version",)))


def _by_generation(version_ids: Iterable[UUID]) -> list[tuple[IndexGeneration, list[UUID]]]:
    versions = DocumentVersion.objects.filter(pk__in=version_ids).select_related("document__knowledge_base")
    groups: dict[int, list[UUID]] = defaultdict(list)
    generations: dict[int, IndexGeneration] = {}
    for version in versions:
        generation = generation_ensure(version.document.knowledge_base)
        generations[generation.pk] = generation
        groups[generation.pk].append(version.pk)
    return [(generations[pk], ids) for pk, ids in groups.items()]


def _parsed_document(parsed: ParsedText) -> ParsedDocument:
    return ParsedDocument(
        text=parsed.text,
        sections=sections_from_list(parsed.sections),
        title=parsed.title,
        metadata=parsed.metadata,
    )


def _row(version: DocumentVersion, generation: IndexGeneration, ordinal: int, span: ChunkSpan) -> Chunk:
    text = version.parsed.text[span.start : span.end]
    return Chunk(
        version=version,
        chunking_key=generation.chunking_key,
        ordinal=ordinal,
        start=span.start,
        end=span.end,
        text=text,
        table_header=span.table_header,
        content_hash=hashlib.sha256(Chunk.embedded_text(text, span.table_header).encode()).digest(),
        token_count=span.token_count,
        heading_path=list(span.heading_path),
        place=span.place.to_dict() if span.place else None,
    )


def _embedder(generation: IndexGeneration) -> Embed:
    """How semantic chunking gets the vectors of sentences: from the generation's model, whichever process holds it."""
    model = embedding_model_version(generation.model_version_id)

    def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
        return embed(texts, model=model, purpose=Purpose.INDEX, deadline=Deadline.after(EMBED_SECONDS))

    return vectors


@lru_cache(maxsize=4)
def _tokenizer(version_id: UUID) -> ModelTokenizer:
    """A model version never changes its files, so its tokenizer is read once a process."""
    return ModelTokenizer(embedding_model_version(version_id).path)
