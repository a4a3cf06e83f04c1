"""Knowledge bases of paragraphs, each a document, by the real stages."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import AccessScope
from apps.models.gateway import Deadline
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.retrieval import Retrieval
from benchmarks.answers.squad import Paragraph
from benchmarks.ingestion.corpus import File
from benchmarks.ingestion.running import Bench
from benchmarks.place import say

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Base:
    """A knowledge base, and all of it as a scope."""

    id: str
    scope: AccessScope

    def search(self, text: str, *, top_k: int = 10) -> Retrieval:
        """By meaning and words.

        Raises:
            AssertionError: a model did not answer, so that figures would be of another search.
        """
        found = retrieve(
            SearchRequest(text, top_k=top_k), scope=self.scope, deadline=Deadline.after(PATIENCE_SECONDS)
        )  # fmt: skip
        if found.degraded:
            raise AssertionError(f"A search was degraded: {found.degraded[0].detail}")
        return found


def base_filled(bench: Bench, name: str, paragraphs: Sequence[Paragraph]) -> Base:
    """All paragraphs are READY; the title of each is that of its article."""
    began = time.perf_counter()
    base = bench.client.create_knowledge_base(name).id
    bench.ingest(base, [File(f"{_name(one.article)}.txt", one.text.encode()) for one in paragraphs])
    say(f"{name}: {len(paragraphs)} documents in {time.perf_counter() - began:.0f} s")
    row = KnowledgeBase.objects.get(pk=UUID(base))
    return Base(base, AccessScope(row.tenant_id, frozenset({row.pk})))


def _name(article: str) -> str:
    return article.replace("/", " ")
