"""One batch of the embed stage: what it takes of each version, and how it is computed, slice by slice. Tenants share it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from uuid import UUID

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from apps.documents.chunking.types import Embed
from apps.documents.lifecycle.stages import ACTIVATE, EMBED
from apps.documents.lifecycle.steps import Step, step_give_back, step_pause, step_wait
from apps.documents.models import DocumentVersion
from apps.retrieval.index import embeddings
from apps.retrieval.index.embeddings import (
    PendingChunk,
    chunks_pending_of,
    embedder,
    embeddings_reuse,
    embeddings_write,
)
from apps.retrieval.index.generations import generations_writable
from apps.retrieval.models import IndexGeneration
from ragsite.core.errors import TransientError
from ragsite.core.jobs import ring

SLICE = 64
"""Chunks that go to the model together. Before each slice what is no longer wanted is left out of it."""

WRITE_SECONDS = 5.0
"""How long vectors gather before they are written: of a slow model each slice, of a fast one the whole batch, as activating
many versions together costs less than a few.
"""

INDEX_SECONDS = 10.0
"""How long a version waits before it is looked whether the index of its generation is built."""


LEAST = 16
"""Each tenant may have this part of a batch, one in so many, however many share it: of the stage's 256 chunks as many as a
document of two pages has, which is therefore never divided for the others' sake."""


@dataclass(frozen=True, slots=True)
class Demand:
    """How many chunks of a version wait."""

    version_id: UUID
    tenant_id: UUID
    chunks: int


def least_share(size: int) -> int:
    """Chunks of a batch of `size` that each tenant may have, however many share it."""
    return max(1, size // LEAST)


def batch_shares(demands: Sequence[Demand], *, size: int) -> dict[UUID, int]:
    """How many chunks of each version a batch of about `size` takes; versions that get none are left out.

    Tenants share alike, and what one does not need goes to the others. Of a tenant's share half is for the version that is
    first among its `demands`, so that none waits forever; the rest is for its shortest, so that they don't wait for long.
    """
    of_tenant: dict[UUID, list[Demand]] = {}
    for demand in demands:
        of_tenant.setdefault(demand.tenant_id, []).append(demand)
    shared = max(size, least_share(size) * len(of_tenant))
    totals = {tenant: sum(demand.chunks for demand in own) for tenant, own in of_tenant.items()}
    shares: dict[UUID, int] = {}
    for tenant, share in _evenly(totals, shared).items():
        shares |= _within(of_tenant[tenant], share)
    return shares


def _evenly(wanted: dict[UUID, int], size: int) -> dict[UUID, int]:
    """The smallest demand is served first; what is left is shared equally among the remaining ones."""
    given: dict[UUID, int] = {}
    for number, (key, want) in enumerate(sorted(wanted.items(), key=lambda item: item[1])):
        given[key] = min(want, (size - sum(given.values())) // (len(wanted) - number))
    return given


def _within(demands: Sequence[Demand], share: int) -> dict[UUID, int]:
    first, *others = demands
    given = {first.version_id: min(first.chunks, -(-share // 2))}
    for demand in sorted(others, key=lambda demand: demand.chunks):
        given[demand.version_id] = min(demand.chunks, share - sum(given.values()))
    given[first.version_id] = min(first.chunks, share - sum(given.values()) + given[first.version_id])
    return {version_id: chunks for version_id, chunks in given.items() if chunks}


@dataclass(frozen=True, slots=True)
class VersionShare:
    """What a batch takes of a version. `is_rest`: nothing of the version waits beside it."""

    version_id: UUID
    generation: IndexGeneration
    chunks: Sequence[PendingChunk]
    is_rest: bool


def batch_take(
    step: Step, versions: Sequence[DocumentVersion], generations: Mapping[UUID, IndexGeneration]
) -> list[VersionShare]:
    """A batch of the versions' chunks, shared out among them; they come in the order of their claim.

    Versions whose generation gets its index at the moment wait; those that get no share are given back at once. Chunks whose
    text has a vector in the generation get that, and are no part of the batch; versions that are whole by that are complete.
    """
    versions = _writable(step, versions, generations)
    demands = [Demand(version.pk, version.tenant_id, max(1, version.chunk_count)) for version in versions]
    shares = batch_shares(demands, size=embeddings.BATCH)
    _give_back(step, [version.pk for version in versions if version.pk not in shares])
    with transaction.atomic():
        free = generations_writable({generation.pk for generation in generations.values()})
        held = step.held(shares, lock=True)
        of_generation: dict[IndexGeneration, dict[UUID, int]] = defaultdict(dict)
        for version in versions:
            generation = generations[version.document.knowledge_base_id]
            if version.pk in held and generation.pk in free:
                of_generation[generation][version.pk] = shares[version.pk]
        taken = [share for generation, own in of_generation.items() for share in _taken(step, generation, own)]
        _complete(step, [share.version_id for share in taken if share.is_rest and not share.chunks])
    return [share for share in taken if share.chunks]


def batch_embed(step: Step, batch: Sequence[VersionShare]) -> None:
    """Compute and write the batch. A version is complete with its own last chunk; the others are let go for their next turn.

    Small shares go first; where knowledge bases share the batch they are computed and written apart, so that no page waits
    for another's book. Chunks of versions that were cancelled meanwhile, or whose documents were deleted, are not computed
    further.
    """
    is_shared = len({share.generation.pk for share in batch}) > 1
    most = least_share(embeddings.BATCH)

    def together(share: VersionShare) -> tuple[UUID, bool]:
        return share.generation.model_version_id, is_shared and len(share.chunks) > most

    ordered = sorted(batch, key=lambda share: (*together(share), len(share.chunks)))
    for (model_version_id, _), shares in groupby(ordered, key=together):
        for computed, vectors in _computed(step, slices(shares, size=SLICE), embedder(model_version_id)):
            _keep(step, computed, vectors)
    if step_pause(step):
        ring(EMBED)


def slices(shares: Iterable[VersionShare], *, size: int) -> Iterator[list[VersionShare]]:
    """The shares in their order, divided so that each list has `size` chunks, the last one as many as are left. Pure."""
    slice_: list[VersionShare] = []
    room = size
    for share in shares:
        rest = share
        while len(rest.chunks) > room:
            yield [*slice_, replace(rest, chunks=rest.chunks[:room], is_rest=False)]
            rest = replace(rest, chunks=rest.chunks[room:])
            slice_, room = [], size
        slice_.append(rest)
        room -= len(rest.chunks)
    if slice_:
        yield slice_


def _writable(
    step: Step, versions: Sequence[DocumentVersion], generations: Mapping[UUID, IndexGeneration]
) -> list[DocumentVersion]:
    """Those of the versions whose vectors can be written; the others wait until the index of their generation is built."""
    free = generations_writable({generation.pk for generation in generations.values()})
    writable = [version for version in versions if generations[version.document.knowledge_base_id].pk in free]
    if len(writable) < len(versions):
        step_wait(step, {version.pk for version in versions} - {version.pk for version in writable}, _being_indexed())
    return writable


def _being_indexed() -> TransientError:
    return TransientError(
        "The index of the knowledge base is being built, and new vectors are written after that.",
        code="being_indexed", action="It continues automatically.", retry_after=INDEX_SECONDS,
    )  # fmt: skip


def _taken(step: Step, generation: IndexGeneration, shares: Mapping[UUID, int]) -> list[VersionShare]:
    one_more = {version_id: share + 1 for version_id, share in shares.items()}
    pending = chunks_pending_of(generation, one_more)
    taken = [
        VersionShare(version_id, generation, chunks[: shares[version_id]], is_rest=len(chunks) <= shares[version_id])
        for version_id, chunks in pending.items()
    ]
    reused = embeddings_reuse(generation, [chunk.chunk_id for share in taken for chunk in share.chunks])
    if reused:
        step.progressed([share.version_id for share in taken])
    return [replace(share, chunks=[one for one in share.chunks if one.chunk_id not in reused]) for share in taken]


def _computed(
    step: Step, sliced: Iterable[Sequence[VersionShare]], embed: Embed
) -> Iterator[tuple[list[VersionShare], NDArray[np.float32]]]:
    """The slices with the vectors of their chunks (n, d), as many together as WRITE_SECONDS allow; without what is no longer
    wanted.
    """
    shares: list[VersionShare] = []
    vectors: list[NDArray[np.float32]] = []
    since = time.monotonic()
    for slice_ in sliced:
        wanted = step.held({share.version_id for share in slice_})
        if kept := [share for share in slice_ if share.version_id in wanted]:
            shares += kept
            vectors.append(embed([chunk.text for share in kept for chunk in share.chunks]))
        if shares and time.monotonic() - since > WRITE_SECONDS:
            yield shares, np.concatenate(vectors)
            shares, vectors, since = [], [], time.monotonic()
    if shares:
        yield shares, np.concatenate(vectors)


def _keep(step: Step, shares: Sequence[VersionShare], vectors: NDArray[np.float32]) -> None:
    with transaction.atomic():
        free = generations_writable({share.generation.pk for share in shares})
        held = step.held({share.version_id for share in shares if share.generation.pk in free}, lock=True)
        _write(shares, vectors, held)
        step.progressed(held)
        _complete(step, [share.version_id for share in shares if share.is_rest and share.version_id in held])


def _write(shares: Sequence[VersionShare], vectors: NDArray[np.float32], held: set[UUID]) -> None:
    """The vectors (n, d) of the shares' chunks, in their order, as far as the versions are still held."""
    of_generation: dict[IndexGeneration, list[tuple[int, int]]] = defaultdict(list)
    owners = [(share, chunk) for share in shares for chunk in share.chunks]
    for place, (share, chunk) in enumerate(owners):
        if share.version_id in held:
            of_generation[share.generation].append((place, chunk.chunk_id))
    for generation, rows in of_generation.items():
        embeddings_write(generation, [chunk_id for _, chunk_id in rows], vectors[[place for place, _ in rows]])


def _complete(step: Step, version_ids: Sequence[UUID]) -> None:
    if version_ids:
        step.complete(*version_ids)
        ring(ACTIVATE)


def _give_back(step: Step, version_ids: Sequence[UUID]) -> None:
    if version_ids:
        step_give_back(step, version_ids)
        ring(EMBED)
