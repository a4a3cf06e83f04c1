"""Verifying a tenant's log: every entry against its code, every seal against its entries and the seal before, both ends.

What is found is said of the row that is wrong. Without the key nobody makes a code that fits, so it need not be secret how
this is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from django.db import connection

from ragsite.core.actors import Actor
from ragsite.core.audit.codes import (
    BEFORE_ALL,
    AuditKey,
    checkpoint_code,
    entry_code,
    keys_known,
    same,
    seal_code,
)
from ragsite.core.audit.models import ERASED, AuditCheckpoint, AuditEntry, AuditSeal, AuditWaiting, Outcome
from ragsite.core.audit.recording import Act, AuditObject, act_record
from ragsite.core.audit.sealing import checkpoints_of, seals_of
from ragsite.core.audit.words import words_erased
from ragsite.core.errors import ConflictError

MOST_FOUND = 1_000
"""Findings that are listed; what is wrong in more places is wrong."""
_TRIES = 3
_PAGE = 200


class Fault(StrEnum):
    """What can be wrong with a row."""

    EDITED = "edited"
    MISSING = "missing"
    INSERTED = "inserted"
    OUT_OF_ORDER = "out_of_order"
    CUT = "cut"
    KEY_UNKNOWN = "key_unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: with which entry or seal, and in words."""

    fault: Fault
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain, as it was published: it cannot be before that."""

    number: int
    hash: str


@dataclass(slots=True)
class Verified:
    """What was looked at, and what is wrong; nothing, if it is as it was written. Of the `entries` some are `waiting`, and some
    `erased`, with lawful gaps.
    """

    tenant_id: UUID | None
    entries: int = 0
    erased: int = 0
    waiting: int = 0
    seals: int = 0
    head: Head | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.findings

    def note(self, fault: Fault, where: str, message: str) -> None:
        if len(self.findings) < MOST_FOUND:
            self.findings.append(Finding(fault, where, message))


def audit_verify(tenant_id: UUID | None, *, head: Head | None = None) -> Verified:
    """Look at all that is kept of a tenant's log, or of the installation's own for None.

    Raises:
        ConflictError: entries were pruned meanwhile, again and again.
    """
    for _ in range(_TRIES):
        start = _checkpoint(tenant_id)
        verified = _verified(tenant_id, start, head)
        now = _checkpoint(tenant_id)
        if (start and start.number) == (now and now.number):
            return verified
    raise ConflictError("The audit log is being pruned.", action="Verify it again in a minute.")


def verification_tell(verified: Verified, *, actor: Actor) -> None:
    """Note in the log itself that it was verified, and what was found."""
    outcome = Outcome.SUCCESS if verified.is_whole else Outcome.FAILURE
    details = {"entries": verified.entries, "seals": verified.seals, "findings": len(verified.findings)}
    act_record(
        Act("audit.verified", AuditObject("audit_log", tenant_id=verified.tenant_id), details, outcome), actor=actor
    )


def _checkpoint(tenant_id: UUID | None) -> AuditCheckpoint | None:
    return checkpoints_of(tenant_id).order_by("-number").first()


def _verified(tenant_id: UUID | None, start: AuditCheckpoint | None, head: Head | None) -> Verified:
    verified, keys = Verified(tenant_id), keys_known()
    number, before = _start(start, verified, keys)
    kept = {number: before.hex()} if start else {}
    for seal in seals_of(tenant_id).order_by("number").iterator(chunk_size=_PAGE):
        if seal.number != number + 1:
            told = f"Seal {number + 1} is followed by {seal.number}." if number else f"The first seal is {seal.number}."
            verified.note(Fault.MISSING, f"seal {number + 1}", f"{told} Those between are gone.")
        _look_at_seal(seal, before, verified, keys)
        number, before = seal.number, bytes(seal.hash)
        if head is not None and number == head.number:
            kept[number] = before.hex()
        verified.seals += 1
    verified.head = Head(number, before.hex())
    _look_at_head(head, verified, kept)
    _look_at_unsealed(tenant_id, verified, keys)
    return verified


def _start(start: AuditCheckpoint | None, verified: Verified, keys: Mapping[str, AuditKey]) -> tuple[int, bytes]:
    """The number and the hash before the first seal that is kept."""
    if start is None:
        return 0, BEFORE_ALL
    key = _key(start.key_id, f"checkpoint {start.number}", verified, keys)
    if key is not None and not same(checkpoint_code(start, key), start.mac):
        words = "What says where the log begins since it was pruned was changed."
        verified.note(Fault.EDITED, f"checkpoint {start.number}", words)
    return start.number, bytes(start.hash)


def _look_at_seal(seal: AuditSeal, before: bytes, verified: Verified, keys: Mapping[str, AuditKey]) -> None:
    where = f"seal {seal.number}"
    rows = AuditEntry.objects.in_bulk(seal.entry_ids)
    entries = [rows[pk] for pk in seal.entry_ids if pk in rows]
    for pk in seal.entry_ids:
        if pk not in rows:
            verified.note(Fault.MISSING, f"entry {pk}", f"It stood in {where} and is gone.")
    _look_at_entries(entries, verified, keys)
    if (key := _key(seal.key_id, where, verified, keys)) is None:
        return
    if len(entries) == len(seal.entry_ids) and not same(
        seal_code(seal, before=before, macs=[entry.mac for entry in entries], key=key), seal.hash
    ):
        words = "It does not fit its entries, or the seal before: one of them was changed, or stands in another place."
        verified.note(Fault.OUT_OF_ORDER, where, words)


def _look_at_entries(entries: Sequence[AuditEntry], verified: Verified, keys: Mapping[str, AuditKey]) -> None:
    verified.entries += len(entries)
    emptied: dict[UUID, dict[str, str]] = {}
    for entry in entries:
        where = f"entry {entry.pk}"
        if (key := _key(entry.key_id, where, verified, keys)) is None:
            continue
        erased = words_erased(entry, key) if same(entry_code(entry, key), entry.mac) else None
        if erased is None:
            verified.note(Fault.EDITED, where, "What it says is not what was written.")
        elif erased:
            emptied[entry.pk] = erased
    _look_at_erased(emptied, verified, keys)


def _look_at_erased(
    emptied: Mapping[UUID, Mapping[str, str]], verified: Verified, keys: Mapping[str, AuditKey]
) -> None:
    """Of every word that is gone an entry tells, with a code of its own, that it was erased."""
    telling = {UUID(told) for erased in emptied.values() for told in erased.values() if _is_id(told)}
    told_of = _told_of(telling, verified.tenant_id, keys)
    for pk, erased in emptied.items():
        if all((told, place, str(pk)) in told_of for place, told in erased.items()):
            verified.erased += 1
        else:
            verified.note(Fault.EDITED, f"entry {pk}", "It was emptied, and no entry tells that this was an erasing.")


def _told_of(telling: set[UUID], tenant_id: UUID | None, keys: Mapping[str, AuditKey]) -> set[tuple[str, str, str]]:
    """The id of the entry that tells of it, the place, and the id of the entry there."""
    if not telling:
        return set()
    found = AuditEntry.objects.filter(pk__in=telling, tenant_id=tenant_id, action=ERASED)
    fitting = [one for one in found if (key := keys.get(one.key_id)) and same(entry_code(one, key), one.mac)]
    return {(str(one.pk), place, pk) for one in fitting for place, pks in one.details["erased"].items() for pk in pks}


def _look_at_head(head: Head | None, verified: Verified, kept: Mapping[int, str]) -> None:
    last = verified.head
    if head is None or last is None:
        return
    if head.number > last.number:
        words = f"Seal {head.number} was published, and the log ends with seal {last.number}: its end was cut off."
        verified.note(Fault.CUT, f"seal {head.number}", words)
    elif kept.get(head.number, head.hash) != head.hash:
        words = "It was published with another hash: the log from there on is another one."
        verified.note(Fault.EDITED, f"seal {head.number}", words)


def _look_at_unsealed(tenant_id: UUID | None, verified: Verified, keys: Mapping[str, AuditKey]) -> None:
    """Entries that no seal names wait for one, as a list says that nobody but the sealing job shortens."""
    unsealed = _unsealed(tenant_id)
    entries = AuditEntry.objects.in_bulk([pk for pk, _ in unsealed])
    _look_at_entries(list(entries.values()), verified, keys)
    for pk, is_waiting in unsealed:
        if pk not in entries:
            continue  # Sealed and pruned meanwhile.
        if not is_waiting:
            verified.note(Fault.INSERTED, f"entry {pk}", "It stands in no seal, and does not wait for one.")
    for pk in _gone(tenant_id):
        verified.note(Fault.MISSING, f"entry {pk}", "It was written, and was gone before its seal.")
    verified.waiting = sum(is_waiting for _, is_waiting in unsealed)


def _unsealed(tenant_id: UUID | None) -> list[tuple[UUID, bool]]:
    with connection.cursor() as cursor:
        of_tenant = "tenant_id = %(tenant)s" if tenant_id else "tenant_id IS NULL"
        cursor.execute(_UNSEALED.format(of_tenant=of_tenant), {"tenant": tenant_id})
        return list(cursor.fetchall())


def _gone(tenant_id: UUID | None) -> Iterator[UUID]:
    waiting = AuditWaiting.objects.filter(tenant_id=tenant_id).values_list("entry_id", flat=True)
    found = list(waiting)
    there = set(AuditEntry.objects.filter(pk__in=found).values_list("pk", flat=True))
    sealed_meanwhile = set(waiting.filter(pk__in=found))
    return (pk for pk in found if pk not in there and pk in sealed_meanwhile)


def _is_id(text: str) -> bool:
    try:
        return text == str(UUID(text))
    except ValueError:
        return False


def _key(key_id: str, where: str, verified: Verified, keys: Mapping[str, AuditKey]) -> AuditKey | None:
    if key_id not in keys:
        words = f"It was made with the key {key_id!r}, which is not known here: give it in RAGSITE_AUDIT_EARLIER_KEYS."
        verified.note(Fault.KEY_UNKNOWN, where, words)
    return keys.get(key_id)


_UNSEALED = """
    SELECT e.id, w.entry_id IS NOT NULL
    FROM core_auditentry e LEFT JOIN core_auditwaiting w ON w.entry_id = e.id
         LEFT JOIN (SELECT unnest(entry_ids) AS id FROM core_auditseal WHERE {of_tenant}) s ON s.id = e.id
    WHERE e.{of_tenant} AND s.id IS NULL
    ORDER BY e.id
"""
