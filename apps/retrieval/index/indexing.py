"""The stages that make a parsed version searchable: chunk, embed, activate."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from numpy.typing import NDArray

from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.chunking.types import ChunkSpan, Embed
from apps.documents.events import DocumentUpdated
from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED
from apps.documents.lifecycle.steps import Step, step_fail
from apps.documents.models import Chunk, Document, DocumentVersion, ParsedText
from apps.documents.parsing.types import ParsedDocument, sections_from_list
from apps.models.engine.tokenizer import ModelTokenizer
from apps.models.gateway import Deadline, Purpose, embed
from apps.models.selectors import embedding_model_version
from apps.retrieval.events import VectorIndexed
from apps.retrieval.index.embeddings import (
    PendingChunk,
    chunks_pending,
    embeddings_reuse,
    embeddings_write,
    versions_lacking,
)
from apps.retrieval.index.generations import generation_ensure, generations_held
from apps.retrieval.index.lexical.segments import LexicalIndex
from apps.retrieval.index.lexical.writing import versions_terms, versions_write
from apps.retrieval.models import IndexGeneration
from ragsite.core.database import connection_release
from ragsite.core.errors import LeaseLostError, PermanentError, TransientError
from ragsite.core.inserting import rows_insert
from ragsite.core.jobs import ring
from ragsite.core.outbox import emit
from ragsite.core.work import Turn

Indexed = VectorIndexed | DocumentUpdated

EMBED_SECONDS = 600.0
"""For a few hundred chunks, and those of others before them: a large model on two cores embeds some three a second."""

_CHUNKS_OF_VERSION = Subquery(
    Chunk.objects.filter(version=OuterRef("pk")).order_by().values("version").annotate(n=Count("pk")).values("n")
)


def versions_chunk(step: Step, turn: Turn) -> None:
    """Split the step's versions as their knowledge bases' live generations ask for, but for what a document overrides.

    One that cannot be split (no text to find, settings that are not valid) fails alone.

    Raises:
        TransientError: a document's own settings were changed meanwhile.
    """
    chunks: dict[UUID, list[Chunk]] = {}
    related = DocumentVersion.objects.select_related("document__knowledge_base", "parsed")
    versions = list(related.filter(pk__in=step.claim.ids))
    generations = _generations(versions)
    for version in versions:
        try:
            chunks[version.pk] = version_cut(version, generations[version.document.knowledge_base_id])
        except PermanentError as error:
            step_fail(step.only(version.pk), error)
    with transaction.atomic():
        chunking_hold([version.document for version in versions])
        step.complete(*chunks)
        Chunk.objects.filter(version__in=chunks).delete()
        rows_insert([row for rows in chunks.values() for row in rows])
        DocumentVersion.objects.filter(pk__in=chunks).update(chunk_count=_CHUNKS_OF_VERSION)
        ring(EMBED)


def version_cut(version: DocumentVersion, generation: IndexGeneration) -> list[Chunk]:
    """The chunks of a parsed version as a generation and the version's document ask for them, not saved.

    Raises:
        PermanentError: it cannot be cut so.
    """
    settings = ChunkingSettings.from_dict(generation.chunking).overridden(version.document.chunking)
    tokenizer = _tokenizer(generation.model_version_id)
    spans = chunk(_parsed_document(version.parsed), settings, tokenizer, embed=_embedder(generation))
    if not spans:
        raise PermanentError("The document has no text that could be found.", code="empty_text")
    return [_row(version, generation, ordinal, span) for ordinal, span in enumerate(spans)]


def chunking_hold(documents: Sequence[Document]) -> set[UUID]:
    """Keep the documents' own settings from being changed until the transaction ends; the ids of those that are there.

    Raises:
        TransientError: some are no longer those that were read.
    """
    read = {document.pk: document.chunking for document in documents}
    there: set[UUID] = set()
    for locked in Document.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=read).order_by("pk"):
        if locked.chunking != read[locked.pk]:
            raise TransientError(
                f"The chunking of {locked.title!r} was changed while it was cut.", code="settings_changed"
            )
        there.add(locked.pk)
    return there


def versions_embed(step: Step, turn: Turn) -> None:
    """Embed the chunks of the step's versions that have no vector yet, across documents.

    What was written before an interruption is kept.
    """
    for generation, version_ids in _by_generation(step.claim.ids):
        with transaction.atomic():
            step.hold(version_ids)
            embeddings_reuse(generation, version_ids)
        _embed_pending(step, generation, version_ids)


def _embed_pending(step: Step, generation: IndexGeneration, version_ids: Sequence[UUID]) -> None:
    for batch, vectors in pending_embedded(generation, version_ids):
        with transaction.atomic():
            step.hold(version_ids)
            embeddings_write(generation, [pending.chunk_id for pending in batch], vectors)
            step.progressed({pending.version_id for pending in batch})
    with transaction.atomic():
        step.complete(*version_ids)
        ring(ACTIVATE)


def pending_embedded(
    generation: IndexGeneration, version_ids: Sequence[UUID]
) -> Iterator[tuple[list[PendingChunk], NDArray[np.float32]]]:
    """The chunks of the versions that have no vector, a batch at a time, each with its vectors (n, d), not saved."""
    vectors_of = _embedder(generation)
    for batch in chunks_pending(generation, version_ids):
        yield batch, vectors_of([pending.text for pending in batch])


def versions_activate(step: Step, turn: Turn) -> None:
    """Make each of the step's versions the one that answers, unless it is superseded.

    Their terms are written with that, so that lexical search has them from the same moment on. Those whose vectors went
    into a generation that no longer answers are cut and embedded anew.
    """
    related = DocumentVersion.objects.select_related("document__knowledge_base").filter(pk__in=step.claim.ids)
    versions = list(related.order_by("number"))
    generations = _generations(versions)
    terms = [
        (index, versions_terms(ids, chunking_key=index.chunking_key))
        for index, ids in _by_index(versions, generations).items()
    ]
    with transaction.atomic():
        live = generations_held({version.document.knowledge_base_id for version in versions})
        if any(version.document.knowledge_base_id not in live for version in versions):
            raise LeaseLostError("A knowledge base was deleted while its versions were about to answer.")
        left_behind = _left_behind(versions, live)
        if left_behind:
            step.send_back(left_behind, _index_switched())
            ring(CHUNK)
        versions = [version for version in versions if version.pk not in left_behind]
        documents = {document.pk: document for document in _locked_documents([version.pk for version in versions])}
        step.complete(*[version.pk for version in versions], ready_at=Now())
        activated = _activated(versions, documents, live)
        Document.objects.bulk_update(documents.values(), ["current_version"])
        for index, of_index in terms:
            versions_write(index, [one for one in of_index if one.version_id in activated])
        emit(*[event for events in activated.values() for event in events])


def _left_behind(versions: Sequence[DocumentVersion], live: Mapping[UUID, IndexGeneration]) -> set[UUID]:
    """The versions that the live generations do not have whole. Those are not switched until the transaction ends."""
    of_base: dict[UUID, list[UUID]] = defaultdict(list)
    for version in versions:
        of_base[version.document.knowledge_base_id].append(version.pk)
    return {version_id for base, ids in of_base.items() for version_id in versions_lacking(live[base], ids)}


def _index_switched() -> TransientError:
    return TransientError(
        "Another index generation came to answer meanwhile, for which it is cut and embedded anew.",
        code="index_switched",
    )


def _activated(
    versions: Sequence[DocumentVersion],
    documents: Mapping[UUID, Document],
    generations: Mapping[UUID, IndexGeneration],
) -> dict[UUID, list[Indexed]]:
    """Point the documents at those versions that are not superseded; what there is to tell of each of these."""
    activated: dict[UUID, list[Indexed]] = {}
    for version in versions:
        document = documents[version.document_id]
        if not _superseded(document, version):
            activated[version.pk] = _events(document, version, generations[document.knowledge_base_id])
            document.current_version = version
    return activated


def _locked_documents(version_ids: Sequence[UUID]) -> QuerySet[Document]:
    """In one order for all, so that two workers don't wait for each other."""
    of_versions = DocumentVersion.objects.filter(pk__in=version_ids).values("document")
    documents = Document.objects.select_for_update(of=("self",)).filter(pk__in=of_versions).order_by("pk")
    return documents.select_related("current_version__rechunk_of", "knowledge_base")


def _generations(versions: Iterable[DocumentVersion]) -> dict[UUID, IndexGeneration]:
    """The live generation of each knowledge base that the versions are of, by its id."""
    knowledge_bases = {version.document.knowledge_base for version in versions}
    return {knowledge_base.pk: generation_ensure(knowledge_base) for knowledge_base in knowledge_bases}


def _by_index(
    versions: Sequence[DocumentVersion], generations: Mapping[UUID, IndexGeneration]
) -> dict[LexicalIndex, list[UUID]]:
    groups: dict[LexicalIndex, list[UUID]] = defaultdict(list)
    for version in versions:
        generation = generations[version.document.knowledge_base_id]
        groups[LexicalIndex(generation.knowledge_base_id, generation.chunking_key)].append(version.pk)
    return groups


def _superseded(document: Document, version: DocumentVersion) -> bool:
    """Whether the document was deleted, or something newer answers. A text that was cut anew replaces only itself: it
    must not bring an older upload back over a newer one, or over one that was gone back to meanwhile.
    """
    current = document.current_version
    if document.deleted_at is not None or current is None:
        return document.deleted_at is not None
    if version.rechunk_of_id is not None and version.upload_id != current.upload_id:
        return True
    newest = current if version.rechunk_of_id is not None else current.rechunk_of or current
    return newest.number > version.number


def _events(document: Document, version: DocumentVersion, generation: IndexGeneration) -> list[Indexed]:
    about = {
        "tenant_id": document.tenant_id,
        "knowledge_base_id": document.knowledge_base_id,
        "document_id": document.pk,
        "version_id": version.pk,
    }
    indexed = VectorIndexed(**about, generation_id=generation.pk, chunks=version.chunk_count)
    if document.current_version is None:
        return [indexed]
    return [indexed, DocumentUpdated(**about, version_number=version.number, changed=("version",))]


def _by_generation(version_ids: Iterable[UUID]) -> list[tuple[IndexGeneration, list[UUID]]]:
    versions = list(DocumentVersion.objects.filter(pk__in=version_ids).select_related("document__knowledge_base"))
    groups: dict[UUID, list[UUID]] = defaultdict(list)
    for version in versions:
        groups[version.document.knowledge_base_id].append(version.pk)
    return [(generation, groups[pk]) for pk, generation in _generations(versions).items()]


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
    """How texts become vectors: by the generation's model, whichever process holds it."""

    def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
        model = embedding_model_version(generation.model_version_id)
        connection_release()
        return embed(texts, model=model, purpose=Purpose.INDEX, deadline=Deadline.after(EMBED_SECONDS))

    return vectors


@lru_cache(maxsize=4)
def _tokenizer(version_id: UUID) -> ModelTokenizer:
    """A model version never changes its files, so its tokenizer is read once a process."""
    return ModelTokenizer(embedding_model_version(version_id).path)
