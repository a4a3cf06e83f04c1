"""Erasing words of entries: the database does what an entry says that tells of it, and nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from ragsite.core.actors import Actor
from ragsite.core.audit.models import ERASED, AuditEntry
from ragsite.core.audit.recording import Act, AuditObject, act_record
from ragsite.core.audit.sealing import alone
from ragsite.core.errors import TransientError

BUSY = "busy"


def entries_with_words(entries: QuerySet[AuditEntry], *, besides: Collection[str] = ()) -> QuerySet[AuditEntry]:
    """Those that have words which were not erased, besides such at these places."""
    kept = "(core_auditentry.salts - %s::text[])::text ~ '\"[0-9a-f]{32}\"'"
    return entries.extra(where=[kept], params=[list(besides)])  # noqa: S610 - no words of others are in it


def words_erase(
    words: Mapping[UUID, Collection[str]], *, tenant_id: UUID | None, erasure_id: UUID, actor: Actor
) -> int:
    """Erase words of entries of one log, by their ids and places (`words_kept`), and tell of it there; how many entries.

    Raises:
        TransientError: (code `busy`) the log is being sealed or pruned.
    """
    places: dict[str, list[str]] = defaultdict(list)
    for entry_id, of_entry in words.items():
        for place in of_entry:
            places[place].append(str(entry_id))
    with transaction.atomic():
        if not alone():
            raise TransientError("The audit log is being sealed or pruned.", code=BUSY, retry_after=1)
        details = {"erasure_id": str(erasure_id), "entries": len(words), "erased": places}
        told = act_record(Act(ERASED, AuditObject("audit_log", tenant_id=tenant_id), details), actor=actor)
        with connection.cursor() as cursor:
            cursor.execute("SELECT core_audit_erase(%s)", [told])
    return len(words)
