"""A changed paragraph in a long document: how many chunks go through the model again?"""

from __future__ import annotations

import numpy as np

from apps.documents.intake.uploads import UploadRequest, document_upload
from apps.documents.models import KnowledgeBase
from apps.models.gateway import ModelCall, calls, using_transport
from apps.models.gateway.local import LocalTransport
from benchmarks.acting import ACTOR
from benchmarks.ingestion.corpus import long_text
from workers.jobs import STAGES
from workers.running import job_run

PAGES = 100
CHANGED = "This paragraph was written anew and says something else than it did before. It is here to be found."


class CountingTransport(LocalTransport):
    """Counts the texts that reach the model."""

    texts = 0

    def run(self, call: ModelCall) -> np.ndarray:
        """See ModelTransport."""
        CountingTransport.texts += len(call.inputs.items())
        return super().run(call)


def chunks_embedded_again(base: KnowledgeBase) -> dict[str, int]:
    """How many chunks a text of 100 pages has, and how many are embedded after one paragraph of it was changed."""
    paragraphs = long_text(PAGES)
    first = _embedded(base, paragraphs)
    paragraphs[len(paragraphs) // 2] = CHANGED
    return {"chunks_of_100_pages": first, "chunks_reembedded_after_one_paragraph": _embedded(base, paragraphs)}


def _embedded(base: KnowledgeBase, paragraphs: list[str]) -> int:
    before, content = CountingTransport.texts, "\n\n".join(paragraphs).encode()
    document_upload(
        UploadRequest(knowledge_base=base, filename="long.txt", parts=[content], external_id="long"), actor=ACTOR
    )
    calls.TRANSPORTS["counting"] = CountingTransport
    with using_transport("counting"):
        for stage in STAGES:
            while job_run(stage):
                pass
    return CountingTransport.texts - before
