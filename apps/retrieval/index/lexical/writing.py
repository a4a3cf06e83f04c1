"""Writing the lexical index: a version's segment when it becomes current, and whatever is missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from apps.documents.masking.texts import originals_of
from apps.documents.models import Chunk, ParsedText
from apps.retrieval.index.lexical.analysis import ANALYSIS, language_of_text, terms_of_text
from apps.retrieval.index.lexical.segments import LexicalIndex, SegmentContent, segment_build
from apps.retrieval.models import LexicalSegment, LexicalVersion

MISSING_VERSIONS = 500
MISSING_CHUNKS = 20_000
"""Versions, and about how many chunks, that are indexed at a time where they are missing."""

PAGE_DOCUMENTS = 5_000
"""Documents that a page of the walk through all of them looks at."""

TELLING_CHUNKS = 40
"""Chunks of a version that are looked at to tell its language."""


@dataclass(frozen=True, slots=True)
class _Missing:
    """That an index lacks a document's current version, which has so many chunks."""

    document_id: UUID
    index: LexicalIndex
    version_id: UUID
    chunks: int


@dataclass(frozen=True, slots=True)
class VersionTerms:
    """A version, its document and title, the language it is in, and its chunks: their ids and terms."""

    version_id: UUID
    document_id: UUID
    title: str
    language: str
    chunks: tuple[tuple[int, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class SegmentVersion:
    """A version in a segment, and how many chunks it has there. One whose document was removed has none."""

    version_id: UUID
    document_id: UUID | None
    title: str
    language: str
    chunks: int


COUNTS = frozenset(
    {"lines", "pages", "pages_unreadable", "pages_without_text", "sheets", "sheets_hidden_not_read", "slides"}
)
"""Of what is kept about a file beside its text, what nobody looks for it by."""

MOST_TOLD = 2_000
"""Characters of the rest, as of front matter or a mail's head, that a text's first chunk is found by."""


@dataclass(frozen=True, slots=True)
class About:
    """What a version's file says about itself: its own title, which each chunk is found by, and all else."""

    title: str = ""
    told: str = ""


def lexical_text(chunk: Chunk, title: str, about: About = About()) -> str:
    """What a chunk is found by: its document's title, what its file says about itself, its headings, and what is embedded for it.

    What stands there twice counts once.
    """
    told = [] if chunk.ordinal else [about.told]
    lines = dict.fromkeys([title, about.title, *chunk.heading_path, *told])
    return "\n".join([*filter(None, lines), Chunk.embedded_text(chunk.text, chunk.table_header)])


def _about(version_ids: Sequence[UUID]) -> dict[UUID, About]:
    parsed = ParsedText.objects.filter(version__in=version_ids).values_list("version_id", "title", "metadata")
    return {pk: About(title, _told(metadata)) for pk, title, metadata in parsed}


def _told(metadata: Mapping[str, object]) -> str:
    told = (value for key, value in metadata.items() if key not in COUNTS)
    return "\n".join(value for value in told if isinstance(value, str))[:MOST_TOLD]


def versions_terms(version_ids: Sequence[UUID], *, chunking_key: str) -> list[VersionTerms]:
    """The terms of these versions' chunks, in the order of the ids, under the titles their documents have now.

    A version without chunks of that chunking is left out.
    """
    chunks: dict[UUID, list[Chunk]] = defaultdict(list)
    found = Chunk.objects.filter(version__in=version_ids, chunking_key=chunking_key).select_related("version__document")
    originals = originals_of(version_ids)
    for chunk in found.order_by("version", "ordinal"):
        if chunk.version_id in originals:
            # Words are found by what a text says, also where masks are shown in its place.
            chunk.text = originals[chunk.version_id][chunk.start : chunk.end]
        chunks[chunk.version_id].append(chunk)
    about = _about(list(chunks))
    return [_version_terms(chunks[pk], about.get(pk, About())) for pk in version_ids if pk in chunks]


def _version_terms(chunks: Sequence[Chunk], about: About) -> VersionTerms:
    version = chunks[0].version
    title = version.document.title
    language = language_of_text("\n".join(chunk.text for chunk in chunks[:TELLING_CHUNKS]))
    terms = ((chunk.pk, tuple(terms_of_text(lexical_text(chunk, title, about), language=language))) for chunk in chunks)
    return VersionTerms(version.pk, version.document_id, title, language, tuple(terms))


def versions_write(index: LexicalIndex, versions: Sequence[VersionTerms]) -> None:
    """Write a segment of these versions' chunks, in the caller's transaction. Without chunks there is nothing to write.

    Raises:
        IntegrityError: one of the versions is in the index.
    """
    content = segment_build(chunk for version in versions for chunk in version.chunks)
    segment_write(
        index,
        content,
        [SegmentVersion(v.version_id, v.document_id, v.title, v.language, len(v.chunks)) for v in versions],
    )


def segment_write(
    index: LexicalIndex, content: SegmentContent, versions: Sequence[SegmentVersion], *, analysis: int = ANALYSIS
) -> None:
    """Write a segment, whose chunks are those of the versions in their order, in the caller's transaction. `analysis` is the one
    that its terms are of.

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
        analysis=analysis,
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
            document_id=version.document_id,
            chunking_key=index.chunking_key,
            segment=segment,
            first=first,
            chunk_count=version.chunks,
            title=version.title,
            language=version.language,
        )
        first += version.chunks


def lexical_build_missing(position: str) -> str:
    """Index what no segment holds of the next documents' current versions, for all generations that answer or are being
    built; the position after these documents, "" at the end.

    This is how a version comes back after a roll-back, how a generation of another chunking gets its index, and how
    documents get one that are older than the index.
    """
    missing, last = _page_missing(position)
    portion = _portion(missing)
    of_index: dict[LexicalIndex, list[UUID]] = defaultdict(list)
    for one in portion:
        of_index[one.index].append(one.version_id)
    for index, version_ids in of_index.items():
        _build(index, sorted(version_ids))
    return last if len(portion) == len(missing) else str(portion[-1].document_id)


def _page_missing(position: str) -> tuple[list[_Missing], str]:
    """What the indexes lack of the next documents, in the order of these, and the last of them, "" where there is none."""
    missing, last = [], ""
    with connection.cursor() as cursor:
        cursor.execute(_PAGE_MISSING, {"after": position or str(UUID(int=0)), "documents": PAGE_DOCUMENTS})
        for document_id, base, key, version_id, chunks in cursor.fetchall():
            if version_id is None:
                last = str(document_id)
            else:
                missing.append(_Missing(document_id, LexicalIndex(base, key), version_id, chunks))
    return missing, last


def _portion(missing: Sequence[_Missing]) -> list[_Missing]:
    """The first of them, about MISSING_CHUNKS chunks; of a document all."""
    portion: list[_Missing] = []
    together = 0
    for one in missing:
        is_full = together >= MISSING_CHUNKS or len(portion) >= MISSING_VERSIONS
        if is_full and one.document_id != portion[-1].document_id:
            break
        portion.append(one)
        together += one.chunks
    return portion


def lexical_build(index: LexicalIndex) -> int:
    """Index the current versions of one index that no segment holds; how many."""
    built = 0
    while version_ids := _missing(index):
        portion = _build(index, version_ids)
        built += portion
        if not portion:
            break
    return built


def _build(index: LexicalIndex, version_ids: Sequence[UUID]) -> int:
    """Index these versions; how many. None where somebody else is at them too: what both leave out is found the next time."""
    terms = versions_terms(version_ids, chunking_key=index.chunking_key)
    try:
        with transaction.atomic():
            versions_write(index, terms)
    except IntegrityError:
        return 0
    return len(terms)


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

# With a row without a version for the last document of the page, so that the walk goes on where nothing is missing, too.
_PAGE_MISSING = """
    WITH page AS (
        SELECT d.id, d.knowledge_base_id, d.current_version_id, d.deleted_at FROM documents_document d
        WHERE d.id > %(after)s::uuid ORDER BY d.id LIMIT %(documents)s
    ), indexes AS (
        SELECT DISTINCT g.knowledge_base_id, g.chunking_key
        FROM retrieval_indexgeneration g JOIN documents_knowledgebase kb ON kb.id = g.knowledge_base_id
        WHERE g.state IN ('live', 'building') AND kb.deleted_at IS NULL
    )
    (SELECT d.id, d.knowledge_base_id, i.chunking_key, v.id, v.chunk_count
     FROM page d JOIN indexes i USING (knowledge_base_id)
     JOIN documents_documentversion v ON v.id = d.current_version_id
     WHERE d.deleted_at IS NULL
       AND NOT EXISTS (
           SELECT FROM retrieval_lexicalversion l WHERE l.version_id = v.id AND l.chunking_key = i.chunking_key)
       AND EXISTS (SELECT FROM documents_chunk c WHERE c.version_id = v.id AND c.chunking_key = i.chunking_key)
     ORDER BY d.id)
    UNION ALL
    (SELECT d.id, NULL, NULL, NULL, NULL FROM page d ORDER BY d.id DESC LIMIT 1)
"""
