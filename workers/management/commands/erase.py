"""`manage.py erase`: all traces of a document, a user or a tenant, with a report."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandParser
from django.db.models import Q

from apps.retrieval.erasing.services import ERASURES, erasure_ask, erasure_find, erasure_work
from apps.retrieval.models import Erasure, ErasureState, ErasureSubject
from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import ExitCode
from ragsite.core.commands.parsers import About
from ragsite.core.errors import NotFoundError
from ragsite.core.work import Turn, rows_work
from ragsite.gateway.models import Tenant

ACTOR = Actor.of_command("manage.py erase")


class Command(base.Command):
    about = About(
        sentence="Erase all traces of a document, a user or a whole tenant, and say what was found, what is gone and what stays.",
        examples=(
            ("manage.py erase user anna --tenant Harbour --dry-run", "what there is of anna, and nothing is changed"),
            ("manage.py erase user anna --tenant Harbour", "it is erased"),
            ("manage.py erase document 0197b0a2-… --tenant Harbour --json", "a document, with the report as JSON"),
            (
                "manage.py erase tenant Harbour --tenant Harbour",
                "all that the tenant has; the workers remove its documents",
            ),
        ),
        changes=True,
        resumed="Run it again: it goes on where it stopped. A worker does, too.",
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("subject", choices=ErasureSubject.values, help="What is erased.")
        parser.add_argument("name", help="The document's id; the user's name or id; the tenant's name.")
        parser.add_argument("--tenant", required=True, help="The tenant's name, in which it is erased.")

    def run(self, options: Options) -> Told:
        tenant = _tenant(options["tenant"])
        about: dict[str, Any] = {
            "subject": options["subject"],
            "subject_id": _id(options["subject"], options["name"], tenant),
            "tenant_id": tenant.pk,
        }
        if options["dry_run"]:
            found = erasure_find(**about, actor=ACTOR)
            return Told({"dry_run": True, "found": found}, f"Would be erased: {_counts(found)}. Nothing was written.")
        erasure = erasure_ask(**about, actor=ACTOR)
        while rows_work(ERASURES, erasure_work, turn=Turn.of(60.0), among=Q(pk=erasure.pk)):
            pass
        erasure.refresh_from_db()
        return _told(erasure)


def _told(erasure: Erasure) -> Told:
    report = {
        "id": str(erasure.pk), "state": erasure.state, "found": erasure.found, "erased": erasure.erased,
        "kept": erasure.kept, "error": erasure.error,
    }  # fmt: skip
    kept = "\n".join(f"Stays: {one['what']}. {one['why']}" for one in erasure.kept)
    if erasure.state == ErasureState.DONE:
        return Told(report, f"Erased: {_counts(erasure.erased)}.\n{kept}")
    text = f"Erased so far: {_counts(erasure.erased)}. {erasure.error} The workers go on with it."
    return Told(report, text, ExitCode.FAILED if erasure.state == ErasureState.FAILED else ExitCode.DONE)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in counts.items() if count) or "nothing"


def _tenant(name: str) -> Tenant:
    found = Tenant.objects.filter(name=name).first()
    if found is None:
        raise NotFoundError(f"There is no tenant {name!r}.")
    return found


def _id(subject: str, name: str, tenant: Tenant) -> str:
    if subject == ErasureSubject.TENANT:
        return str(_tenant(name).pk)
    if subject == ErasureSubject.DOCUMENT:
        return name
    user = User.objects.filter(username=name).first()
    return str(user.pk) if user else name
