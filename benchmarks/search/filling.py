"""Large knowledge bases, as the stages would have left them, in minutes instead of hours.

A few thousand passages of what installed packages say of themselves are embedded by the model. Every chunk then mixes two
of them: its text is one passage with the beginning of another, its vector the normalised sum of theirs in the same shares
and of a little noise. So vectors lie as crowded, and as unevenly, as a model's do.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import psycopg
from django.db import connection, transaction
from numpy.typing import NDArray

from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase, VersionStatus
from apps.documents.services.knowledge_bases import knowledge_base_create
from apps.models.selectors import embedding_model_default
from apps.retrieval.index.embeddings import embeddings_write
from apps.retrieval.index.generations import generation_ensure, generation_index_if_large
from apps.retrieval.index.lexical.segments import LexicalIndex
from apps.retrieval.index.lexical.writing import lexical_build
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.filters import Condition, MetadataFilter, Operator, SearchFilters, filters_condition
from benchmarks.acting import ACTOR
from benchmarks.ingestion import engine
from benchmarks.place import say
from benchmarks.search.prose import sentences
from ragsite.core.configuration import ModelSettings
from ragsite.core.database import rows_insert
from ragsite.gateway.tenants import tenant_get_or_create

TENANT = "Benchmark"
CHUNKS_A_DOCUMENT = 10
SHARES = 1000
"""Each document has a `share` from 0 to 999 in its metadata, so that a filter can keep so many per mille."""

PASSAGES, SENTENCES = 4_000, (2, 5)
NOISE = 0.015
AT_A_TIME = 10_000


def keeping(below: int) -> Condition:
    """What a filter keeps that leaves out the documents from this share on."""
    return filters_condition(SearchFilters(metadata=(MetadataFilter(("share",), Operator.LT, below),)))


@dataclass(frozen=True, slots=True)
class Material:
    """Passages with their vectors (n, d), and questions with theirs (m, d)."""

    passages: list[str]
    vectors: NDArray[np.float32]
    questions: list[str]
    question_vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Filled:
    """A knowledge base, what it cost in seconds to index it, and the bytes that its vectors and their index take."""

    generation: IndexGeneration
    chunks: int
    index_seconds: float
    lexical_seconds: float
    vector_bytes: int


@dataclass(frozen=True, slots=True)
class Mixed:
    """Which two passages each of n vectors (n, d) is mixed from, and the second one's share in it."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    share: NDArray[np.float32]
    vectors: NDArray[np.float32]


def material(questions: int, *, seed: int = 31) -> Material:
    """Generated for each run, always the same for one seed. A question is a sentence, or half of one."""
    dice, found = random.Random(seed), sentences()
    passages = [" ".join(dice.choices(found, k=dice.randint(*SENTENCES))) for _ in range(PASSAGES)]
    asked = [_asked(dice.choice(found), dice) for _ in range(questions)]
    alone = engine.engine(embedding_model_default(), threads=ModelSettings.current().threads)
    return Material(passages, alone.embed(passages), asked, alone.embed(asked))


def _asked(sentence: str, dice: random.Random) -> str:
    words = sentence.rstrip(".").split()
    return " ".join(words[: max(3, len(words) // 2)] if dice.random() < 0.5 else words)


def fill(name: str, chunks: int, given: Material) -> Filled:
    """A knowledge base of that many chunks, with its HNSW and its lexical index."""
    base = knowledge_base_create(tenant_id=tenant_get_or_create(name=TENANT, actor=ACTOR).pk, name=name, actor=ACTOR)
    generation = generation_ensure(base)
    dice = np.random.default_rng(chunks)
    versions = _documents(base, chunks // CHUNKS_A_DOCUMENT)
    for start in range(0, len(versions), AT_A_TIME // CHUNKS_A_DOCUMENT):
        _write(generation, versions[start : start + AT_A_TIME // CHUNKS_A_DOCUMENT], given, dice)
    lexical_seconds = _seconds(lambda: lexical_build(LexicalIndex(base.pk, generation.chunking_key)))
    index_seconds = _seconds(lambda: generation_index_if_large(generation))
    vacuum()
    generation = IndexGeneration.objects.select_related("knowledge_base").get(pk=generation.pk)
    filled = Filled(generation, chunks, index_seconds, lexical_seconds, _bytes(generation))
    say(
        f"{name}: HNSW in {index_seconds:.0f} s, words in {lexical_seconds:.0f} s, {filled.vector_bytes >> 20} MiB of vectors"
    )
    return filled


def _documents(base: KnowledgeBase, number: int) -> list[DocumentVersion]:
    documents = Document.objects.bulk_create(_document(base, index) for index in range(number))
    versions = DocumentVersion.objects.bulk_create(_version(document) for document in documents)
    for document, version in zip(documents, versions, strict=True):
        document.current_version = version
    Document.objects.bulk_update(documents, ["current_version"], batch_size=1_000)
    return sorted(versions, key=lambda version: version.pk)


def _document(base: KnowledgeBase, index: int) -> Document:
    content_hash = hashlib.sha256(f"{base.pk} {index}".encode()).hexdigest()
    about = {"share": index % SHARES}
    title = f"Document {index}"
    return Document(
        tenant_id=base.tenant_id, knowledge_base=base, title=title, content_hash=content_hash, metadata=about
    )


def _version(document: Document) -> DocumentVersion:
    return DocumentVersion(
        document=document,
        number=1,
        filename="document.txt",
        document_type="txt",
        content_hash=document.content_hash,
        blob=document.content_hash,
        size=1,
        status=VersionStatus.READY,
        chunk_count=CHUNKS_A_DOCUMENT,
    )


def _write(
    generation: IndexGeneration, versions: list[DocumentVersion], given: Material, dice: np.random.Generator
) -> None:
    mixed = vectors_mixed(given, len(versions) * CHUNKS_A_DOCUMENT, dice)
    texts = [
        _mixed(given.passages[a], given.passages[b], float(s))
        for a, b, s in zip(mixed.first, mixed.second, mixed.share, strict=True)
    ]
    with transaction.atomic():
        rows_insert(list(_chunks(generation, versions, texts)))
        made = Chunk.objects.filter(version__in=versions).order_by("version", "ordinal").values_list("pk", flat=True)
        embeddings_write(generation, list(made), mixed.vectors)


def vectors_mixed(given: Material, number: int, dice: np.random.Generator) -> Mixed:
    """So many vectors of length 1, each of two passages."""
    first, second = dice.integers(0, len(given.passages), (2, number))
    share = dice.uniform(0.1, 0.5, (number, 1)).astype(np.float32)
    noise = NOISE * dice.standard_normal((number, given.vectors.shape[1])).astype(np.float32)
    vectors = (1 - share) * given.vectors[first] + share * given.vectors[second] + noise
    return Mixed(first, second, share[:, 0], vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _mixed(first: str, second: str, share: float) -> str:
    words = second.split()
    return f"{first} {' '.join(words[: round(len(words) * share)])}"


def _chunks(generation: IndexGeneration, versions: list[DocumentVersion], texts: list[str]) -> Iterator[Chunk]:
    for number, text in enumerate(texts):
        place, ordinal = divmod(number, CHUNKS_A_DOCUMENT)
        yield Chunk(
            version=versions[place],
            chunking_key=generation.chunking_key,
            ordinal=ordinal,
            start=ordinal * 2_000,
            end=ordinal * 2_000 + len(text),
            text=text,
            content_hash=hashlib.sha256(text.encode()).digest(),
            token_count=len(text) // 5,
        )


def vacuum() -> None:
    """As the owner, and as autovacuum would have: the application's role may not."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")


def _bytes(generation: IndexGeneration) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [generation.partition])
        return int(cursor.fetchone()[0])


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
