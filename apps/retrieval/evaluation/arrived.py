"""Files of an evaluation set that arrived with a request: each is read as text, and imported as what it is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

from apps.retrieval.evaluation.folder import lines_of
from apps.retrieval.evaluation.importing import ImportResult, beir_import, corpus_document_upload, csv_import
from apps.retrieval.evaluation.readers import CorpusDocument, NamedLines, corpus_read
from apps.retrieval.models import EvaluationSet
from ragsite.core.actors import Actor
from ragsite.core.errors import PermanentError
from ragsite.gateway.keys import Principal

MOST_DOCUMENTS = 1_000


def files_import(
    evaluation_set: EvaluationSet, files: Mapping[str, Any], *, principal: Principal | None = None, actor: Actor
) -> ImportResult:
    """Import `csv`, or `queries` and `qrels` and perhaps `corpus`: uploads that Django has put on the disk.

    Of the corpus nothing is taken for a document that the principal may not read.

    Raises:
        UnreadableSetError: a file can't be read; no question is taken then.
        PermanentError: (code `corpus_too_large`) the corpus has more documents than one request may bring.
    """
    with ExitStack() as stack:
        sources = {name: _source(stack, name, file) for name, file in files.items()}
        if "csv" in sources:
            return csv_import(evaluation_set, sources["csv"], actor=actor)
        documents = None
        if "corpus" in sources:
            documents = _corpus_upload(evaluation_set, sources["corpus"], principal, actor)
        return beir_import(
            evaluation_set, queries=sources["queries"], qrels=sources["qrels"], documents=documents, actor=actor
        )


def _source(stack: ExitStack, name: str, file: Any) -> NamedLines:
    lines = stack.enter_context(lines_of(Path(file.temporary_file_path()))).lines
    return NamedLines(str(file.name)[:80] or name, lines)


def _corpus_upload(
    evaluation_set: EvaluationSet, corpus: NamedLines, principal: Principal | None, actor: Actor
) -> dict[str, UUID]:
    """The document of each corpus id; the corpus is read to its end before anything is uploaded."""
    documents: list[CorpusDocument] = []
    for document in corpus_read(corpus):
        if len(documents) == MOST_DOCUMENTS:
            raise PermanentError(
                f"{corpus.name} has more than {MOST_DOCUMENTS:,} documents.",
                code="corpus_too_large",
                action="Ingest them first, with their ids as external ids, or use `manage.py evaluate`.",
            )
        documents.append(document)
    known = evaluation_set.knowledge_base
    return {
        document.id: corpus_document_upload(known, document, principal=principal, actor=actor)
        for document in documents
        if document.body
    }
