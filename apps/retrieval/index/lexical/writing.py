"""Writing the lexical index: a version's segment when it becomes current, and whatever is missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from apps.documents.models import Chunk
from apps.retrieval.index.lexical.analysis import language_of_text, terms_of_text
from apps.retrieval.index.lexical.segments import LexicalIndex, SegmentContent, segment_build
from apps.retrieval.models import GenerationState, IndexGeneration, LexicalSegment, LexicalVersion

MISSING_VERSIONS = 500
MISSING_CHUNKS = 20_000
"""Versions, and about how many chunks, that are indexed at a time where they are missing."""

TELLING_CHUNKS = 40
"""Chunks of a version that are looked at to tell its language."""


@dataclass(frozen=True, slots=True)
class VersionTerms:
    """A version, its title, the language it is in, and its chunks: their ids and terms."""

    version_id: UUID
    title: str
    language: str
    chunks: tuple[tuple[int, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class SegmentVersion:
    """A version in a segment, and how many chunks it has there."""

    version_id: UUID
    title: str
    language: str
    chunks: int


def lexical_text(chunk: Chunk, title: str) -> str:
    """What a chunk is found by: its document's title, its headings, and what is embedded for it."""
    headings = [heading for heading in chunk.heading_path if heading != title]
    return "\n".join([title, *headings, Chunk.embedded_text(chunk.text, chunk.table_header)])


def versions_terms(version_ids: Sequence[UUID], *, chunking_key: str) -> list[VersionTerms]:
    """The terms of these versions' chunks, in the order of the ids, under the titles their documents have now.

    A version without chunks of that chunking is left out.
    """
    chunks: dict[UUID, list[Chunk]] = defaultdict(list)
    found = Chunk.objects.filter(version__in=version_ids, chunking_key=chunking_key).select_related("version__document")
    for chunk in found.order_by("version", "ordinal"):
        chunks[chunk.version_id].append(chunk)
    return [_version_terms(chunks[version_id]) for version_id in version_ids if version_id in chunks]


def _version_terms(chunks: Sequence[Chunk]) -> VersionTerms:
    version = chunks[0].version
    title = version.document.title
    language = language_of_text("\n".join(chunk.text for chunk in chunks[:TELLING_CHUNKS]))
    terms = ((chunk.pk, tuple(terms_of_text(lexical_text(chunk, title), language=language))) for chunk in chunks)
    return VersionTerms(version.pk, title, language, tuple(terms))


def versions_write(index: LexicalIndex, versions: Sequence[VersionTerms]) -> None:
    """Write a segment of these versions' chunks, in the caller's transaction. Without chunks there is nothing to write.

    Raises:
        IntegrityError: one of the versions is in the index.
    """
    content = segment_build(chunk for version in versions for chunk in version.chunks)
    segment_write(index, content, [SegmentVersion(v.version_id, v.title, v.language, len(v.chunks)) for v in versions])


def segment_write(index: LexicalIndex, content: SegmentContent, versions: Sequence[SegmentVersion]) -> None:
    """Write a segment, whose chunks are those of the versions in their order, in the caller's transaction.

    Raises:
        IntegrityError: one of the versions is in the index.
    """
    if not len(content.chunk_ids):
        return
    segment = LexicalSegment.objects.create(
        knowledge_base_id=index.knowledge_base_id,
        chunking_key=index.chunking_key,
        chunk_count=len(content.chunk_ids),
        languages=dict(_chunks_by_language(versions)),
        chunk_ids=content.chunk_ids.astype("<i8").tobytes(),
        lengths=content.lengths.astype("<u2").tobytes(),
    )
    LexicalVersion.objects.bulk_create(_rows(index, segment, versions), batch_size=5_000)
    statement = "COPY retrieval_lexicalposting (segment_id, term, ordinals, frequencies) FROM STDIN (FORMAT BINARY)"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "text", "bytea", "bytea"])
        for stored in content.postings:
            copy.write_row((segment.pk, stored.term, stored.ordinals, stored.frequencies))


def _chunks_by_language(versions: Sequence[SegmentVersion]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for version in versions:
        counts[version.language] += version.chunks
    return counts


def _rows(index: LexicalIndex, segment: LexicalSegment, versions: Sequence[SegmentVersion]) -> Iterator[LexicalVersion]:
    first = 0
    for version in versions:
        yield LexicalVersion(
            version_id=version.version_id,
            chunking_key=index.chunking_key,
            segment=segment,
            first=first,
            chunk_count=version.chunks,
            title=version.title,
            language=version.language,
        )
        first += version.chunks


def lexical_build_missing() -> int:
    """Index the current versions that no segment holds, for all generations that answer or are being built; how many.

    This is how a version comes back after a roll-back, how a generation of another chunking gets its index, and how
    documents get one that are older than the index.
    """
    generations = IndexGeneration.objects.filter(state__in=[GenerationState.LIVE, GenerationState.BUILDING])
    wanted = dict.fromkeys(LexicalIndex(g.knowledge_base_id, g.chunking_key) for g in generations)
    return sum(lexical_build(index) for index in wanted)


def lexical_build(index: LexicalIndex) -> int:
    """Index the current versions of one index that no segment holds; how many."""
    built = 0
    while version_ids := _missing(index):
        terms = versions_terms(version_ids, chunking_key=index.chunking_key)
        try:
            with transaction.atomic():
                versions_write(index, terms)
        except IntegrityError:
            # Somebody else is at it too; what both leave out is found the next time.
            break
        built += len(terms)
    return built


def lexical_lacks(index: LexicalIndex) -> bool:
    """Whether the index lacks a current version's terms."""
    return bool(_missing(index))


def _missing(index: LexicalIndex) -> list[UUID]:
    """The next versions to be indexed, in the order of their ids."""
    with connection.cursor() as cursor:
        parameters: dict[str, UUID | str | int] = {
            "knowledge_base": index.knowledge_base_id,
            "key": index.chunking_key,
            "versions": MISSING_VERSIONS,
            "chunks": MISSING_CHUNKS,
        }
        cursor.execute(_MISSING, parameters)
        return [version_id for (version_id,) in cursor.fetchall()]


_MISSING = """
    WITH missing AS (
        SELECT v.id, v.chunk_count
        FROM documents_document d
        JOIN documents_documentversion v ON v.id = d.current_version_id
        WHERE d.knowledge_base_id = %(knowledge_base)s AND d.deleted_at IS NULL
          AND NOT EXISTS (
              SELECT FROM retrieval_lexicalversion l WHERE l.version_id = v.id AND l.chunking_key = %(key)s)
          AND EXISTS (SELECT FROM documents_chunk c WHERE c.version_id = v.id AND c.chunking_key = %(key)s)
        ORDER BY v.id
        LIMIT %(versions)s
    )
    SELECT id FROM (SELECT id, sum(chunk_count) OVER (ORDER BY id) - chunk_count AS before FROM missing) m
    WHERE before < %(chunks)s
    ORDER BY id
"""
