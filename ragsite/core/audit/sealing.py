"""Sealing: every few seconds the entries that wait become the next links of their tenants' chains.

A search never waits for it, nor for another search: entries are written side by side, each with its own code, and put in
order afterwards. What waits is a list of its own, so that an entry that was committed late is sealed late, and never missed.
The head of a chain is published with its seal: whoever keeps it elsewhere can tell that the end of the chain was cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from ragsite.core.actors import Actor
from ragsite.core.audit.codes import BEFORE_ALL, key_in_use, seal_code
from ragsite.core.audit.events import CHAIN_OF_ALL, AuditSealed
from ragsite.core.audit.models import AuditCheckpoint, AuditEntry, AuditSeal, AuditWaiting
from ragsite.core.bites import bites
from ragsite.core.outbox import emit
from ragsite.core.work import Turn

AT_ONCE = 1_000
"""Entries of one seal, at most."""

ACTOR = Actor.of_job("audit-seal")
LOCK = 7_205_117_862_215_231
"""The advisory lock of who adds to the chains, or takes from them."""


def audit_seal(turn: Turn) -> bool:
    """The job: seal what waits; whether something is left."""
    return bites(turn, lambda: next_seal() is not None)


def next_seal() -> AuditSeal | None:
    """Seal up to `AT_ONCE` of the entries that wait, all of one tenant, the one whose entry waits longest; None if none waits."""
    with transaction.atomic():
        if not alone():
            return None
        oldest = _waiting().first()
        return None if oldest is None else _seal(oldest.tenant_id)


def chain_end(tenant_id: UUID | None) -> tuple[int, bytes]:
    """The number and the hash that a tenant's next seal follows."""
    last = seals_of(tenant_id).order_by("-number").values_list("number", "hash").first()
    if last is None:
        pruned = checkpoints_of(tenant_id).order_by("-number")
        last = pruned.values_list("number", "hash").first() or (0, BEFORE_ALL)
    return last[0], bytes(last[1])


def seals_of(tenant_id: UUID | None) -> QuerySet[AuditSeal]:
    """The seals of a tenant, or the installation's own."""
    return AuditSeal.objects.filter(tenant_id=tenant_id)


def checkpoints_of(tenant_id: UUID | None) -> QuerySet[AuditCheckpoint]:
    """As `seals_of`."""
    return AuditCheckpoint.objects.filter(tenant_id=tenant_id)


def alone() -> bool:
    """Whether no other process seals or prunes; it lets go at the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _waiting() -> QuerySet[AuditWaiting]:
    """What waits, the oldest first. Of an entry that is gone it stays there, and says so to who verifies."""
    there = AuditEntry.objects.filter(pk=OuterRef("entry_id"))
    return AuditWaiting.objects.filter(Exists(there)).order_by("entry_id")


def _seal(tenant_id: UUID | None) -> AuditSeal:
    waiting = _waiting().filter(tenant_id=tenant_id)
    ids = list(waiting.values_list("entry_id", flat=True)[:AT_ONCE])
    entries = list(AuditEntry.objects.filter(pk__in=ids).order_by("at", "id").only("at", "mac"))
    AuditWaiting.objects.filter(pk__in=ids).delete()
    seal = _linked(tenant_id, entries)
    seal.save(force_insert=True)
    emit(_told(seal), actor=ACTOR)
    return seal


def _linked(tenant_id: UUID | None, entries: Sequence[AuditEntry]) -> AuditSeal:
    (number, before), key = chain_end(tenant_id), key_in_use()
    seal = AuditSeal(
        tenant_id=tenant_id,
        number=number + 1,
        entry_ids=[entry.pk for entry in entries],
        first_id=entries[0].pk,
        last_id=entries[-1].pk,
        count=len(entries),
        until=entries[-1].at,
        sealed_at=timezone.now(),
        key_id=key.id,
    )
    seal.hash = seal_code(seal, before=before, macs=[entry.mac for entry in entries], key=key)
    return seal


def _told(seal: AuditSeal) -> AuditSealed:
    return AuditSealed(
        tenant_id=seal.tenant_id,  # type: ignore[arg-type]  # of the installation's own chain there is none
        chain_id=seal.tenant_id or CHAIN_OF_ALL,
        number=seal.number,
        count=seal.count,
        hash=bytes(seal.hash).hex(),
    )
