"""Many documents at once, as rows: the services would take their time."""

from __future__ import annotations

from apps.documents.models import (
    Chunk,
    Document,
    DocumentVersion,
    KnowledgeBase,
    ParsedText,
    StageRecord,
    VersionStatus,
)
from ragsite.core.ids import new_id

CHUNKS = 2


def documents(base: KnowledgeBase, number: int, *, chunks: int = CHUNKS, **fields: object) -> list[Document]:
    """That many, each with a version that answers, its text, `chunks` chunks and a stage."""
    made = [
        Document(tenant_id=base.tenant_id, knowledge_base=base, title=f"{n}", content_hash=new_id().hex, **fields)
        for n in range(number)
    ]
    Document.objects.bulk_create(made)
    versions = [
        DocumentVersion(
            document=document, number=1, filename="a.txt", document_type="txt", content_hash=document.content_hash,
            blob=f"{base.tenant_id}/{new_id()}", size=1, status=VersionStatus.READY, chunk_count=chunks,
        )
        for document in made
    ]  # fmt: skip
    DocumentVersion.objects.bulk_create(versions)
    ParsedText.objects.bulk_create(ParsedText(version=version, text="text", parser="test") for version in versions)
    StageRecord.objects.bulk_create(StageRecord(version=version, stage="parse", worker="w") for version in versions)
    Chunk.objects.bulk_create(
        Chunk(
            version=version, chunking_key="key", ordinal=n, start=0, end=4, text="text", content_hash=b"0" * 32,
            token_count=1,
        )
        for version in versions for n in range(chunks)
    )  # fmt: skip
    for document, version in zip(made, versions, strict=True):
        document.current_version = version
    Document.objects.bulk_update(made, ["current_version"], batch_size=2_000)
    return made
