"""What a deletion of a knowledge base does, step by step: see `apps.documents.services.deleting`.

    tell consumers ──> drop terms and vectors ──> remove documents ──> note the end

Each step is done in bites until nothing is left. A worker that takes over starts with the first step, which then finds nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from apps.documents.services.deleting import (
    documents_remove_told,
    documents_tell,
    knowledge_base_deletion_end,
    knowledge_base_of,
)
from apps.retrieval.index.generations import generations_drop
from apps.retrieval.index.lexical.merges import lexical_drop
from apps.retrieval.models import Reindex
from ragsite.core.bites import bites
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.locking import rows_update
from ragsite.core.work import Turn


def knowledge_base_deletion_work(claim: Claim, turn: Turn) -> None:
    """Work on a claimed deletion for a turn.

    Raises:
        LeaseLostError: somebody else took over.
        TransientError: (code `busy`) others hold the table of vectors, or the documents that are left.
    """
    if not any(bites(turn, partial(step, claim)) for step in STEPS):
        knowledge_base_deletion_end(claim)


def _terms_drop(claim: Claim) -> bool:
    return lexical_drop(knowledge_base_of(claim))


def _vectors_drop(claim: Claim) -> bool:
    """A worker of a re-index loses its lease first, and so writes nothing into what is dropped."""
    base = knowledge_base_of(claim)
    rows_update(Reindex.objects.filter(knowledge_base=base).exclude(lease_owner=""), **RELEASED)
    return generations_drop(base)


STEPS: tuple[Callable[[Claim], bool], ...] = (documents_tell, _terms_drop, _vectors_drop, documents_remove_told)
