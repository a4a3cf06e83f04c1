"""Entries as lines of JSON, as they are kept or in a form that a SIEM reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from ragsite.core.actors import Actor
from ragsite.core.audit.models import AuditEntry
from ragsite.core.audit.recording import Act, AuditObject, act_record
from ragsite.gateway.auditing.ocsf import ocsf_event
from ragsite.gateway.auditing.retention import tenants_named

_PAGE = 500


def entry_native(entry: AuditEntry) -> dict[str, Any]:
    """An entry with all that its code covers, and the code."""
    return {
        "id": str(entry.pk),
        "tenant": str(entry.tenant_id) if entry.tenant_id else None,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "action": entry.action,
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
        "door": entry.door,
        "request_id": entry.request_id,
        "object": {"type": entry.object_type, "id": entry.object_id, "name": entry.object_name},
        "outcome": entry.outcome,
        "details": entry.details,
        "commitments": entry.commitments,
        "salts": entry.salts,
        "key_id": entry.key_id,
        "mac": bytes(entry.mac).hex(),
    }


def export_tell(entries: int, *, form: str, tenant: str, actor: Actor) -> None:
    """Note in the log that so many of its entries were exported."""
    whose = tenants_named([tenant])[0] if tenant else None
    details = {"entries": entries, "format": form}
    act_record(Act("audit.exported", AuditObject("audit_log", tenant_id=whose), details), actor=actor)


FORMATS: dict[str, Callable[[AuditEntry], dict[str, Any]]] = {"native": entry_native, "ocsf": ocsf_event}


def entry_lines(entries: QuerySet[AuditEntry], *, form: str) -> Iterator[str]:
    """A line for each, the oldest first. They are read a page at a time: no transaction stays open meanwhile."""
    shaped, after = FORMATS[form], UUID(int=0)
    while page := list(entries.filter(pk__gt=after).order_by("pk")[:_PAGE]):
        yield from (json.dumps(shaped(entry), ensure_ascii=False) for entry in page)
        after = page[-1].pk
