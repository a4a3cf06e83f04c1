"""The stages that make a parsed version searchable: chunk, embed, activate."""

from __future__ import annotations

import functools
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import Count, Func, IntegerField, OuterRef, QuerySet, Subquery, prefetch_related_objects
from django.db.models.functions import Now
from numpy.typing import NDArray

from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.context import context_beside, context_of, context_room
from apps.documents.chunking.settings import ChunkingSettings, ChunkingStrategy
from apps.documents.chunking.types import Embed, Tokenizer
from apps.documents.document_names import called
from apps.documents.events import DocumentUpdated
from apps.documents.lifecycle.rows import portions
from apps.documents.lifecycle.stage_times import StageTimes, stage_times
from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED
from apps.documents.lifecycle.steps import Step, step_fail, step_give_back
from apps.documents.masking.indexed import IndexedText, ShownSpan
from apps.documents.masking.keeping import masking_unchanged
from apps.documents.models import Chunk, Document, DocumentVersion
from apps.models.engine.estimating import EstimatingTokenizer
from apps.models.engine.tokenizer import ModelTokenizer
from apps.models.gateway import Deadline
from apps.models.selectors import embedding_model_version
from apps.retrieval.events import VectorIndexed
from apps.retrieval.index.batches import batch_embed, batch_take
from apps.retrieval.index.embeddings import PendingChunk, chunks_pending, embedder, versions_lacking
from apps.retrieval.index.generations import generation_ensure, generations_held
from apps.retrieval.index.lexical.segments import LexicalIndex
from apps.retrieval.index.lexical.writing import versions_terms, versions_write
from apps.retrieval.index.parts import parts_ensure
from apps.retrieval.models import IndexGeneration
from ragsite.core.database import rows_insert
from ragsite.core.errors import LeaseLostError, PermanentError, TransientError
from ragsite.core.jobs import ring
from ragsite.core.outbox import emit_each
from ragsite.core.work import Turn

Indexed = VectorIndexed | DocumentUpdated

TOGETHER_BYTES = 1 << 20
"""Texts are cut together up to this much in all, which takes about a second; a longer one is cut alone, after them."""

TOGETHER_CHUNKS = 1000
"""Versions are activated together up to this many chunks in all; a longer one is activated alone, after them."""

CUT_SECONDS = 240.0
"""How long cutting under one claim may wait for a model: less than a task of the chunking queue may take in all, so that a
version whose model is slow is postponed and not ended."""

_CHUNKS_OF_VERSION = Subquery(
    Chunk.objects.filter(version=OuterRef("pk")).order_by().values("version").annotate(n=Count("pk")).values("n")
)


def versions_chunk(step: Step, turn: Turn) -> None:
    """Split the step's versions as their knowledge bases' live generations ask for, but for what a document overrides.

    Small ones are cut and written together, then one that is not, unless the worker is to leave; the others are given back.
    One that cannot be split (no text to find, settings that are not valid) fails alone.

    Raises:
        LeaseLostError: the version at hand was cancelled, or its document deleted, while a model was asked.
        TransientError: a document's own settings were changed meanwhile, or the model is too slow for now.
    """
    deadline = Deadline.after(CUT_SECONDS)
    versions = list(
        DocumentVersion.objects.filter(pk__in=step.claim.ids)
        .select_related("document__knowledge_base")
        .annotate(text_bytes=Func("parsed__text", function="octet_length", output_field=IntegerField()))
        .order_by("not_before", "pk")
    )
    generations = _generations(versions)
    divided = portions(
        versions, size=lambda one: _cost(one, generations[one.document.knowledge_base_id]), most=TOGETHER_BYTES
    )
    _give_back(step, divided.rest, CHUNK)
    for together in divided:
        if turn.leaves():
            return
        _chunk_together(step, together, generations, deadline, turn)


def _cost(version: Any, generation: IndexGeneration) -> int:
    """Bytes of the text; more than one may have beside others where a model is asked for each sentence."""
    chosen = {**generation.chunking, **version.document.chunking}.get("strategy")
    return TOGETHER_BYTES + 1 if chosen == ChunkingStrategy.SEMANTIC else int(version.text_bytes or 0)


def _chunk_together(
    step: Step,
    versions: Sequence[DocumentVersion],
    generations: Mapping[UUID, IndexGeneration],
    deadline: Deadline,
    turn: Turn,
) -> None:
    prefetch_related_objects(versions, "parsed", "original")
    chunks: dict[UUID, list[Chunk]] = {}
    for version in versions:
        generation = generations[version.document.knowledge_base_id]
        check = functools.partial(step.check, version.pk)
        vectors = embedder(generation.model_version_id, deadline=deadline, before=check)
        turn.at(version.pk)
        try:
            chunks[version.pk] = version_cut(version, generation, embed=vectors)
        except PermanentError as error:
            step_fail(step.only(version.pk), error)
    turn.at(None)
    with transaction.atomic():
        chunking_hold([version.document for version in versions])
        masking_unchanged([version for version in versions if version.pk in chunks])
        step.complete(*chunks)
        Chunk.objects.filter(version__in=chunks).delete()
        rows_insert([row for rows in chunks.values() for row in rows])
        DocumentVersion.objects.filter(pk__in=chunks).update(chunk_count=_CHUNKS_OF_VERSION)
        ring(EMBED)


def version_cut(version: DocumentVersion, generation: IndexGeneration, *, embed: Embed | None = None) -> list[Chunk]:
    """The chunks of a parsed version as a generation and the version's document ask for them, not saved. `embed` is how
    sentences become vectors where the settings ask for them: by the generation's model, if nothing else is given.

    Raises:
        PermanentError: it cannot be cut so.
    """
    tokenizer = _tokenizer(generation.model_version_id)
    vectors = embed or embedder(generation.model_version_id)
    text, settings = IndexedText.of(version), _settings(version, generation)
    room = context_room(settings.context, tokenizer.limit)
    spans = chunk(text.raw.document(), settings, tokenizer, embed=vectors, beside=room)
    if not spans:
        raise PermanentError("The document has no text that could be found.", code="empty_text")
    before = _contexts(version, room, tokenizer)
    shown = map(text.shown, spans)
    return [_row(version, generation, ordinal, one, before(one)) for ordinal, one in enumerate(shown)]


def _contexts(version: DocumentVersion, room: int, tokenizer: Tokenizer) -> Callable[[ShownSpan], str]:
    """What stands before a chunk of the version: of its name and headings, as they are shown."""
    if not room:
        return lambda _: ""
    name = called(version.document.title, version.parsed.title)
    told = functools.cache(lambda named, headings: context_of(named, headings, room=room, count=tokenizer.count))
    return lambda one: told(*context_beside(one.text, name, one.span.heading_path))


def _settings(version: DocumentVersion, generation: IndexGeneration) -> ChunkingSettings:
    return ChunkingSettings.from_dict(generation.chunking).overridden(version.document.chunking)


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
    """Embed a batch of those chunks of the step's versions that have no vector yet, across versions and tenants.

    A version is complete with its own last chunk. What was written before an interruption is kept.
    """
    versions = DocumentVersion.objects.filter(pk__in=step.claim.ids).select_related("document__knowledge_base")
    ordered = list(versions.order_by("not_before", "pk"))
    generations = _generations(ordered)
    _parts_ensure(ordered, generations)
    batch_embed(step, batch_take(step, ordered, generations))


def pending_embedded(
    generation: IndexGeneration, version_ids: Sequence[UUID]
) -> Iterator[tuple[list[PendingChunk], NDArray[np.float32]]]:
    """The chunks of the versions that have no vector, a batch at a time, each with its vectors (n, d), not saved."""
    vectors_of = embedder(generation.model_version_id)
    for batch in chunks_pending(generation, version_ids):
        yield batch, vectors_of([pending.text for pending in batch])


def versions_activate(step: Step, turn: Turn) -> None:
    """Make each of the step's versions the one that answers, unless it is superseded: small ones together, then one that is
    not; the others are given back.

    Their terms are written with that, so that lexical search has them from the same moment on. Those whose vectors went
    into a generation that no longer answers are chunked and embedded again.
    """
    related = DocumentVersion.objects.select_related("document__knowledge_base").filter(pk__in=step.claim.ids)
    versions = list(related.order_by("not_before", "pk"))
    divided = portions(versions, size=lambda version: version.chunk_count, most=TOGETHER_CHUNKS)
    _give_back(step, divided.rest, ACTIVATE)
    for together in divided:
        if turn.leaves():
            return
        _activate_together(step, sorted(together, key=lambda version: version.number))


def _activate_together(step: Step, versions: Sequence[DocumentVersion]) -> None:
    generations = _generations(versions)
    terms = [
        (index, versions_terms(ids, chunking_key=index.chunking_key))
        for index, ids in _by_index(versions, generations).items()
    ]
    with transaction.atomic():
        live = generations_held({version.document.knowledge_base_id for version in versions})
        if any(version.document.knowledge_base_id not in live for version in versions):
            raise LeaseLostError("A knowledge base was deleted while its versions were about to answer.")
        # Before a version is touched: who changes a document locks it and then its versions.
        documents = {document.pk: document for document in _locked_documents([version.pk for version in versions])}
        left_behind = _left_behind(versions, live)
        if left_behind:
            step.send_back(left_behind, _index_switched())
            ring(CHUNK)
        versions = [version for version in versions if version.pk not in left_behind]
        step.complete(*[version.pk for version in versions], ready_at=Now())
        activated = _activated(versions, documents, live)
        answering = {version.document_id for version in versions if version.pk in activated}
        Document.objects.bulk_update([documents[pk] for pk in answering], ["current_version"])
        for index, of_index in terms:
            versions_write(index, [one for one in of_index if one.version_id in activated])
        asked = {version.pk: step.actor_of(version) for version in versions}
        emit_each((event, asked[version_id]) for version_id, events in activated.items() for event in events)


def _give_back(step: Step, versions: Sequence[DocumentVersion], stage: str) -> None:
    if versions:
        step_give_back(step, [version.pk for version in versions])
        ring(stage)


def _left_behind(versions: Sequence[DocumentVersion], live: Mapping[UUID, IndexGeneration]) -> set[UUID]:
    """The versions that the live generations do not have whole. Those are not switched until the transaction ends."""
    of_base: dict[UUID, list[UUID]] = defaultdict(list)
    for version in versions:
        of_base[version.document.knowledge_base_id].append(version.pk)
    return {version_id for base, ids in of_base.items() for version_id in versions_lacking(live[base], ids)}


def _index_switched() -> TransientError:
    return TransientError(
        "Another index generation came to answer meanwhile, for which it is chunked and embedded again.",
        code="index_switched",
    )


def _activated(
    versions: Sequence[DocumentVersion],
    documents: Mapping[UUID, Document],
    generations: Mapping[UUID, IndexGeneration],
) -> dict[UUID, list[Indexed]]:
    """Point the documents at those versions that are not superseded; the event data for each of these."""
    activated: dict[UUID, list[Indexed]] = {}
    times = stage_times([version.pk for version in versions])
    for version in versions:
        document = documents[version.document_id]
        if not _superseded(document, version):
            activated[version.pk] = _events(
                document, version, generations[document.knowledge_base_id], times.get(version.pk, StageTimes())
            )
            document.current_version = version
    return activated


def _locked_documents(version_ids: Sequence[UUID]) -> QuerySet[Document]:
    """In one order for all, so that two workers don't wait for each other."""
    of_versions = DocumentVersion.objects.filter(pk__in=version_ids).values("document")
    documents = Document.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=of_versions).order_by("pk")
    return documents.select_related("current_version__rechunk_of", "knowledge_base")


def _generations(versions: Iterable[DocumentVersion]) -> dict[UUID, IndexGeneration]:
    """The live generation of each knowledge base that the versions are of, by its id."""
    knowledge_bases = {version.document.knowledge_base for version in versions}
    return {knowledge_base.pk: generation_ensure(knowledge_base) for knowledge_base in knowledge_bases}


def _parts_ensure(versions: Sequence[DocumentVersion], generations: Mapping[UUID, IndexGeneration]) -> None:
    of_base: dict[UUID, list[UUID]] = defaultdict(list)
    for version in versions:
        of_base[version.document.knowledge_base_id].append(version.pk)
    for knowledge_base_id, version_ids in of_base.items():
        parts_ensure(generations[knowledge_base_id], version_ids)


def _by_index(
    versions: Sequence[DocumentVersion], generations: Mapping[UUID, IndexGeneration]
) -> dict[LexicalIndex, list[UUID]]:
    groups: dict[LexicalIndex, list[UUID]] = defaultdict(list)
    for version in versions:
        generation = generations[version.document.knowledge_base_id]
        groups[LexicalIndex(generation.knowledge_base_id, generation.chunking_key)].append(version.pk)
    return groups


def _superseded(document: Document, version: DocumentVersion) -> bool:
    """Whether the document was deleted, or something newer answers. A re-chunked text replaces only itself: it
    must not bring an older upload back over a newer one, or over one that was gone back to meanwhile.
    """
    current = document.current_version
    if document.deleted_at is not None or current is None:
        return document.deleted_at is not None
    if version.rechunk_of_id is not None and version.upload_id != current.upload_id:
        return True
    newest = current if version.rechunk_of_id is not None else current.rechunk_of or current
    return newest.number > version.number


def _events(
    document: Document, version: DocumentVersion, generation: IndexGeneration, times: StageTimes
) -> list[Indexed]:
    about = {
        "tenant_id": document.tenant_id,
        "knowledge_base_id": document.knowledge_base_id,
        "document_id": document.pk,
        "version_id": version.pk,
    }
    indexed = VectorIndexed(
        **about, generation_id=generation.pk, chunks=version.chunk_count,
        waited_milliseconds=times.waited, worked_milliseconds=times.worked,
    )  # fmt: skip
    if document.current_version is None:
        return [indexed]
    return [indexed, DocumentUpdated(**about, version_number=version.number, changed=("version",))]


def _row(version: DocumentVersion, generation: IndexGeneration, ordinal: int, shown: ShownSpan, context: str) -> Chunk:
    span = shown.span
    embedded = Chunk.embedded_text(shown.indexed, span.table_header, context)
    return Chunk(
        version=version,
        chunking_key=generation.chunking_key,
        ordinal=ordinal,
        start=span.start,
        end=span.end,
        text=shown.text,
        table_header=span.table_header,
        context=context,
        content_hash=hashlib.sha256(embedded.encode()).digest(),
        token_count=span.token_count,
        heading_path=list(span.heading_path),
        place=span.place.to_dict() if span.place else None,
    )


@functools.lru_cache(maxsize=4)
def _tokenizer(version_id: UUID) -> ModelTokenizer | EstimatingTokenizer:
    """A model version changes neither its files nor its prompts, so its tokenizer is read once a process."""
    model = embedding_model_version(version_id)
    if model.endpoint is not None:
        return EstimatingTokenizer(model)
    return ModelTokenizer(model.path, prompt=model.prompts.document)
