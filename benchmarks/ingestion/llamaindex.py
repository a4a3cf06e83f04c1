"""The peer: LlamaIndex's IngestionPipeline into its PGVectorStore."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import torch
from llama_index.core import Document
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.postgres import PGVectorStore
from transformers import AutoTokenizer

from apps.documents.chunking.settings import ChunkingSettings

BATCH = 32


def ingest_seconds(
    texts: Sequence[str], *, model: Path, dimensions: int, threads: int, database_url: str, table: str
) -> float:
    """How long it takes to split, embed and store texts that were parsed before, with our sizes and their defaults."""
    pipeline = _pipeline(model=model, dimensions=dimensions, database_url=database_url, table=table)
    documents = [Document(text=text) for text in texts]
    torch.set_num_threads(threads)
    started = time.perf_counter()
    pipeline.run(documents=documents, show_progress=False)
    return time.perf_counter() - started


def _pipeline(*, model: Path, dimensions: int, database_url: str, table: str) -> IngestionPipeline:
    settings, tokenizer = ChunkingSettings(), AutoTokenizer.from_pretrained(model, local_files_only=True)
    embedder = HuggingFaceEmbedding(model_name=str(model), device="cpu", embed_batch_size=BATCH)
    embedder.get_text_embedding("A sentence that warms the model up.")
    where = urlsplit(database_url)
    store = PGVectorStore.from_params(
        host=where.hostname,
        port=str(where.port),
        database=where.path.lstrip("/"),
        user=where.username,
        password=where.password,
        table_name=table,
        schema_name="llamaindex",
        embed_dim=dimensions,
        use_halfvec=True,
    )
    splitter = SentenceSplitter(
        chunk_size=settings.size, chunk_overlap=settings.overlap, tokenizer=tokenizer.tokenize, include_metadata=False
    )
    return IngestionPipeline(transformations=[splitter, embedder], vector_store=store)
