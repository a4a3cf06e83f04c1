"""How long entries of the audit log are kept, and their removal: whole seals from the first on, and a checkpoint instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone

from ragsite.core.actors import Actor
from ragsite.core.audit.codes import checkpoint_code, key_in_use
from ragsite.core.audit.models import AuditCheckpoint, AuditSeal
from ragsite.core.audit.recording import Act, AuditObject, act_record
from ragsite.core.audit.sealing import alone, checkpoints_of, seals_of
from ragsite.core.bites import bites
from ragsite.core.configuration import AuditSettings
from ragsite.core.work import Turn
from ragsite.gateway.models import Tenant

SEALS_AT_ONCE = 5
"""Seals that one transaction removes, with up to a thousand entries each."""

ACTOR = Actor.of_job("audit-prune")


@dataclass(frozen=True, slots=True)
class Prunable:
    """What is past its time in a tenant's log, or in the installation's own."""

    tenant_id: UUID | None
    days: int | None
    seals: int = 0
    entries: int = 0


def audit_prune(turn: Turn) -> bool:
    """The job: remove what is past its time, of each tenant in turn; whether something is left."""
    return any(_log_prune_bites(turn, whose) for whose in logs_kept())


def logs_kept() -> list[UUID | None]:
    """The tenants that have seals, among them such as are gone; None for the installation."""
    return list(AuditSeal.objects.order_by("tenant_id").values_list("tenant_id", flat=True).distinct())


def days_kept(tenant_id: UUID | None) -> int | None:
    """How long a tenant's entries are kept; None for ever. For the installation, and tenants that are gone, a setting says it."""
    found = Tenant.objects.filter(pk=tenant_id).values_list("audit_days", flat=True) if tenant_id else ()
    return next(iter(found), AuditSettings.current().days)


def log_prunable(tenant_id: UUID | None) -> Prunable:
    """What `log_prune` would remove, all in all."""
    days = days_kept(tenant_id)
    if days is None:
        return Prunable(tenant_id, None)
    counted = _past(tenant_id, days).order_by().aggregate(seals=Count("pk"), entries=Sum("count"))
    return Prunable(tenant_id, days, counted["seals"], counted["entries"] or 0)


def log_prune(tenant_id: UUID | None, *, actor: Actor) -> int:
    """Remove the first seals with their entries, a few at once, if they are past their time; how many entries went."""
    days = days_kept(tenant_id)
    with transaction.atomic():
        if days is None or not alone():
            return 0
        past = list(_past(tenant_id, days).order_by("number").defer("entry_ids")[:SEALS_AT_ONCE])
        if not past:
            return 0
        entries = sum(seal.count for seal in past)
        _checkpoint(past[-1], entries, until=max(seal.until for seal in past)).save(force_insert=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT gateway_audit_prune(%s, %s, %s)", [tenant_id, past[-1].number, days])
        details = {"entries": entries, "seals": len(past), "up_to": past[-1].number, "days": days}
        act_record(Act("audit.pruned", AuditObject("audit_log", tenant_id=tenant_id), details), actor=actor)
    return entries


def tenants_logged() -> list[UUID | None]:
    """Whose logs there are to verify: the tenants', those of tenants that are gone, and the installation's own."""
    return [None, *sorted({*Tenant.objects.values_list("pk", flat=True), *filter(None, logs_kept())})]


def tenants_named(names: Iterable[str]) -> list[UUID | None]:
    """Tenants by their names, short names or ids; `-` is the installation. Those that are not there are left out."""
    found: list[UUID | None] = []
    for name in names:
        found += [None] if name == "-" else list(_named(name))
    return found


def _log_prune_bites(turn: Turn, whose: UUID | None) -> bool:
    return bites(turn, lambda: log_prune(whose, actor=ACTOR) > 0)


def _named(name: str) -> Iterable[UUID]:
    try:
        return [UUID(name)]
    except ValueError:
        return Tenant.objects.filter(slug=name).values_list("pk", flat=True) or Tenant.objects.filter(
            name=name
        ).values_list("pk", flat=True)


def _past(tenant_id: UUID | None, days: int) -> QuerySet[AuditSeal]:
    """The seals from the first on of which every entry is past its time."""
    kept = seals_of(tenant_id).filter(until__gte=Now() - timedelta(days=days)).order_by("number")
    first_kept = kept.values_list("number", flat=True).first()
    return seals_of(tenant_id).filter(number__lt=first_kept) if first_kept is not None else seals_of(tenant_id)


def _checkpoint(last: AuditSeal, entries: int, *, until: datetime) -> AuditCheckpoint:
    before = checkpoints_of(last.tenant_id).order_by("-number").values_list("entries", "until").first()
    key = key_in_use()
    checkpoint = AuditCheckpoint(
        tenant_id=last.tenant_id,
        number=last.number,
        hash=bytes(last.hash),
        entries=entries + (before[0] if before else 0),
        until=max(until, before[1]) if before else until,
        at=timezone.now(),
        key_id=key.id,
    )
    checkpoint.mac = checkpoint_code(checkpoint, key)
    return checkpoint
