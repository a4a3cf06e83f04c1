"""`manage.py audit`: verify, export and prune the audit log."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from ragsite.core.actors import Actor
from ragsite.core.audit.models import AuditEntry
from ragsite.core.audit.verifying import Head, Verified, audit_verify, verification_tell
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import ExitCode
from ragsite.core.commands.parsers import About, Prints
from ragsite.core.errors import NotFoundError, PermanentError
from ragsite.gateway.auditing.exporting import FORMATS, entry_lines, export_tell
from ragsite.gateway.auditing.finding import EntryFilters, entries_found
from ragsite.gateway.auditing.retention import (
    Prunable,
    log_prunable,
    log_prune,
    logs_kept,
    tenants_logged,
    tenants_named,
)

ACTOR = Actor.of_command("manage.py audit")
LEFT_OUT = "The installation's own log is the tenant `-`."

VERIFY = About(
    sentence="Verify that the audit log is as it was written; what is wrong is named, and ends the command with 1.",
    examples=(
        ("manage.py audit verify", "all of it: every tenant's, and the installation's own"),
        (
            f"manage.py audit verify --tenant harbour --head 812:{'9f2c' * 16}",
            "with the last seal that Kafka has of the tenant",
        ),
    ),
    notes=(
        "Without `--head` the end of the log is what the database says: give the `number` and `hash` of the last event "
        "`audit.sealed` to notice that it was cut off.",
        LEFT_OUT,
    ),
)
EXPORT = About(
    sentence="Print entries of the audit log as lines of JSON, the oldest first.",
    examples=(
        ("manage.py audit export --since 2026-11-01 --until 2026-12-01", "those of a month, as they are kept"),
        ("manage.py audit export --tenant harbour --format ocsf", "for a SIEM, as OCSF events"),
    ),
    prints=Prints.LINES,
    notes=(LEFT_OUT,),
)
PRUNE = About(
    sentence="Remove entries that are past their tenant's time, as the daily job does.",
    examples=(
        ("manage.py audit prune --dry-run", "how many those are"),
        ("manage.py audit prune --tenant harbour", "those of one tenant"),
    ),
    changes=True,
    resumed="Run it again: what is gone is gone, and the rest still verifies.",
    notes=(LEFT_OUT,),
)


class Command(base.Command):
    sentence = "The audit log: verify it, export it, remove what is past its time."

    def arguments_add(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = self.action_add(actions, "verify", VERIFY)
        _tenant_add(verify)
        verify.add_argument(
            "--head", type=_head, metavar="NUMBER:HASH", help="A seal that was published, of one tenant."
        )
        export = self.action_add(actions, "export", EXPORT)
        _tenant_add(export)
        export.add_argument("--since", type=_moment, metavar="TIME", help="A day or a time (ISO 8601, UTC), inclusive.")
        export.add_argument("--until", type=_moment, metavar="TIME", help="A day or a time (ISO 8601, UTC), exclusive.")
        export.add_argument("--format", choices=FORMATS, default="native", help="What a line is.")
        _tenant_add(self.action_add(actions, "prune", PRUNE))

    def run(self, options: Options) -> Told | None:
        doors: dict[str, Callable[[Options], Told | None]] = {
            "verify": self._verify, "export": self._export, "prune": self._prune,
        }  # fmt: skip
        return doors[options["action"]](options)

    def _verify(self, options: Options) -> Told:
        logs, head = _logs(options, tenants_logged()), options["head"]
        if head is not None and len(logs) != 1:
            raise PermanentError("A head is of one tenant's log.", action="Give --tenant, too.")
        found = [audit_verify(whose, head=head) for whose in logs]
        for one in found:
            verification_tell(one, actor=ACTOR)
        code = ExitCode.DONE if all(one.is_whole for one in found) else ExitCode.FAILED
        return Told([_verified_json(one) for one in found], "\n".join(map(_verified_text, found)), code)

    def _export(self, options: Options) -> None:
        period = EntryFilters(since=options["since"], until=options["until"])
        entries = AuditEntry.objects.all()
        if options["tenant"]:
            (whose,) = _logs(options, [])
            entries = entries.filter(tenant_id=whose)
        number = 0
        for line in entry_lines(entries_found(entries, period), form=options["format"]):
            self.stdout.write(line)
            number += 1
        export_tell(number, form=options["format"], tenant=options["tenant"], actor=ACTOR)
        self.say(f"{number} entries.")

    def _prune(self, options: Options) -> Told:
        logs = _logs(options, logs_kept())
        prunable = [log_prunable(whose) for whose in logs]
        if options["dry_run"]:
            return Told(
                {"dry_run": True, "logs": [_prunable_json(one) for one in prunable]},
                "\n".join([*(f"{_prunable_text(one)} would be removed." for one in prunable), "Nothing was written."]),
            )
        for whose in logs:
            while log_prune(whose, actor=ACTOR):
                pass
        text = "\n".join(f"{_prunable_text(one)} removed." for one in prunable)
        return Told({"logs": [_prunable_json(one) for one in prunable]}, text)


def _tenant_add(parser: CommandParser) -> None:
    parser.add_argument("--tenant", default="", help="Its name, short name or id; `-` for the installation's own log.")


def _logs(options: Options, otherwise: list[UUID | None]) -> list[UUID | None]:
    """The logs that are meant.

    Raises:
        NotFoundError: there is no tenant of that name.
    """
    if not options["tenant"]:
        return otherwise
    found = tenants_named([options["tenant"]])
    if not found:
        raise NotFoundError(f"There is no tenant {options['tenant']!r}.", action="Give its id if it is gone.")
    return found


def _head(said: str) -> Head:
    number, _, hash_ = said.partition(":")
    if not (number.isascii() and number.isdecimal() and len(hash_) == 64):
        raise ArgumentTypeError(f"{said!r} is not NUMBER:HASH, with 64 hexadecimal digits.")
    return Head(int(number), hash_.lower())


def _moment(said: str) -> datetime:
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise ArgumentTypeError(f"{said!r} is neither a day nor a time such as 2026-11-01T12:00.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _verified_json(one: Verified) -> dict[str, Any]:
    head = asdict(one.head) if one.head else None
    findings = [asdict(finding) for finding in one.findings]
    return {
        "tenant": one.tenant_id, "whole": one.is_whole, "entries": one.entries, "seals": one.seals,
        "waiting": one.waiting, "erased": one.erased, "head": head, "findings": findings,
    }  # fmt: skip


def _verified_text(one: Verified) -> str:
    told = (
        f"{_name(one.tenant_id)}: {one.entries:,} entries, {one.seals:,} seals, {one.waiting:,} entries wait for theirs"
    )
    told += f", words of {one.erased:,} were erased" if one.erased else ""
    if one.is_whole:
        return f"{told}; nothing is wrong."
    return "\n".join([f"{told}; wrong:", *(f"  {each.where}: {each.message}" for each in one.findings)])


def _prunable_json(one: Prunable) -> dict[str, Any]:
    return {"tenant": one.tenant_id, "days": one.days, "seals": one.seals, "entries": one.entries}


def _prunable_text(one: Prunable) -> str:
    kept = "kept for ever" if one.days is None else f"kept for {one.days} days"
    return f"{_name(one.tenant_id)}, {kept}: {one.entries:,} entries"


def _name(tenant_id: UUID | None) -> str:
    return f"tenant {tenant_id}" if tenant_id else "installation"
