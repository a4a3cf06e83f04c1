"""`manage.py documents`: list the documents of a knowledge base; retry, cancel, read anew or delete some of them."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils.timezone import is_aware, make_aware

from apps.documents.intake.ingestion import knowledge_base_named
from apps.documents.lifecycle.versions import document_reread, version_cancel, version_retry
from apps.documents.models import VERSION_ENDED, VERSION_STOPPED, Document, DocumentVersion, VersionStatus
from apps.documents.services.choosing import DocumentChoice, newest_versions
from apps.documents.services.documents import document_delete
from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import ExitCode
from ragsite.core.commands.parsers import About, Prints
from ragsite.core.commands.progress import bar
from ragsite.core.commands.trying import undone_if
from ragsite.core.errors import PermanentError

ACTOR = Actor.of_command("manage.py documents")
AGAIN = "Run it again: what was done is not done twice."
NARROWING = ("status", "error_code", "tag", "named", "external_id", "id")


class Command(base.Command):
    sentence = "List the documents of a knowledge base; retry, cancel, read anew or delete those that are chosen."

    def arguments_add(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        _add_choice(self.action_add(actions, "list", LIST))
        for name, about in CHANGING.items():
            action = self.action_add(actions, name, about)
            _add_choice(action)
            if name == "delete":
                action.add_argument("--all", action="store_true", help="Every document, where nothing else is chosen.")
            if name == "reread":
                action.add_argument("--read-before", type=_moment, metavar="TIME",
                                    help="Only what was read before, as in 2026-05-01T12:00.")  # fmt: skip

    def run(self, options: Options) -> Told | None:
        choice = _choice(options)
        if options["action"] == "list":
            self._list(choice, options)
            return None
        return self._change(choice, options)

    def _list(self, choice: DocumentChoice, options: Options) -> None:
        for version in newest_versions(choice):
            self.tell(options, _json(version), _line(version))

    def _change(self, choice: DocumentChoice, options: Options) -> Told:
        action, dry = options["action"], options["dry_run"]
        within, service, done = DOORS[action]
        counts: Counter[str] = Counter({"chosen": 0, done: 0, "refused": 0})
        refused: list[dict[str, str]] = []
        with bar(action.capitalize(), None) as progress:
            for version in newest_versions(choice, within=within):
                counts["chosen"] += 1
                try:
                    with undone_if(dry):
                        service(version)
                    counts[done] += 1
                except PermanentError as error:
                    counts["refused"] += 1
                    refused.append({"id": str(version.document_id), "code": error.error_code, "error": error.sentence})
                    progress.line(f"{version.document.title}: {error.sentence}")
                progress.to(counts["chosen"])
        told = {"dry_run": dry, "counts": dict(counts), "refused": refused}
        code = ExitCode.FAILED if refused else ExitCode.DONE
        return Told(told, _summary(counts, done, dry=dry), code)


def _summary(counts: Counter[str], done: str, *, dry: bool) -> str:
    start = "Dry run, nothing was written: " if dry else ""
    return f"{start}{counts['chosen']:,} documents: {counts[done]:,} {done}, {counts['refused']:,} refused."


def _delete(version: DocumentVersion) -> None:
    document_delete(document=version.document, actor=ACTOR)


def _retry(version: DocumentVersion) -> None:
    version_retry(version=version, actor=ACTOR)


def _cancel(version: DocumentVersion) -> None:
    version_cancel(version=version, actor=ACTOR)


def _reread(version: DocumentVersion) -> None:
    document_reread(document=version.document, actor=ACTOR)


def _moment(words: str) -> datetime:
    """A moment, on the clocks of the installation where it names no zone."""
    try:
        moment = datetime.fromisoformat(words)
    except ValueError as error:
        raise ArgumentTypeError(f"{words!r} is no time such as 2026-05-01T12:00.") from error
    return moment if is_aware(moment) else make_aware(moment)


UNDER_WAY = frozenset(VersionStatus) - VERSION_ENDED
DOORS: dict[str, tuple[frozenset[VersionStatus], Callable[[DocumentVersion], None], str]] = {
    "retry": (VERSION_STOPPED, _retry, "retried"),
    "cancel": (UNDER_WAY, _cancel, "cancelled"),
    "reread": (frozenset({VersionStatus.READY}), _reread, "read anew"),
    "delete": (frozenset(VersionStatus), _delete, "deleted"),
}
"""Of each action: whose newest version it is for, by its status; what is done; and what is said of it."""

LIST = About(
    sentence="List documents with the status of their newest version, oldest first.",
    examples=(
        ("manage.py documents list --knowledge-base Handbooks", "all of them"),
        ("manage.py documents list --knowledge-base Handbooks --status failed --json", "what failed and why"),
    ),
    prints=Prints.LINES,
)
CHANGING = {
    "retry": About(
        sentence="Take up versions that failed or were cancelled where their input still stands.",
        examples=(
            ("manage.py documents retry --knowledge-base Handbooks --dry-run", "how many that would be"),
            (
                "manage.py documents retry --knowledge-base Handbooks --error-code model_unavailable",
                "after it is mended",
            ),
        ),
        changes=True,
        resumed=AGAIN,
    ),
    "cancel": About(
        sentence="Stop the work on versions that have not ended; an earlier version goes on answering.",
        examples=(("manage.py documents cancel --knowledge-base Handbooks --tag draft", "what has that tag"),),
        changes=True,
        resumed=AGAIN,
    ),
    "reread": About(
        sentence="Have the stored files read anew, as after an upgrade that reads them better.",
        examples=(
            ("manage.py documents reread --knowledge-base Handbooks --named .docx --dry-run", "how many that would be"),
            (
                "manage.py documents reread --knowledge-base Handbooks --read-before 2026-05-01",
                "what was read before then",
            ),
        ),
        notes=(
            "Each becomes a new version of its document, and the present one answers until it is ready. Documents whose text was "
            "edited are refused.",
        ),
        changes=True,
        resumed="Run it again with --read-before and the time at which it began: what was read since is left out.",
    ),
    "delete": About(
        sentence="Delete documents: searches find them no more at once, and a job removes what is left of them.",
        examples=(
            ("manage.py documents delete --knowledge-base Handbooks --tag old --dry-run", "how many have that tag"),
            ("manage.py documents delete --knowledge-base Handbooks --tag old", "delete them"),
        ),
        notes=("Without a filter it asks for --all.",),
        changes=True,
        resumed=AGAIN,
    ),
}


def _add_choice(parser: CommandParser) -> None:
    parser.add_argument("--knowledge-base", required=True, metavar="NAME_OR_ID", help="Whose documents.")
    parser.add_argument("--tenant", default="", help="Its tenant, if several have one of that name.")
    parser.add_argument("--status", choices=VersionStatus.values, help="That of the newest version.")
    parser.add_argument("--error-code", default="", help="Why the newest version failed, such as damaged_file.")
    parser.add_argument("--tag", default="", help="With this tag.")
    parser.add_argument("--named", default="", help="With this in the title.")
    parser.add_argument("--external-id", default="", help="With this external id.")
    parser.add_argument("--id", default="", help="With this id.")
    parser.add_argument("--limit", type=int, help="At most so many, the oldest first.")


def _choice(options: Options) -> DocumentChoice:
    narrowing: dict[str, Any] = {name: options[name] or "" for name in NARROWING}
    if options["action"] == "delete" and not options["all"] and not any(narrowing.values()):
        raise PermanentError("Nothing says which documents to delete.", action="Give a filter, or --all.")
    whose = knowledge_base_named(options["knowledge_base"], tenant=options["tenant"])
    made_before = options.get("read_before")
    return DocumentChoice(knowledge_base=whose, made_before=made_before, limit=options["limit"], **narrowing)


def _json(version: DocumentVersion) -> dict[str, Any]:
    document: Document = version.document
    return {
        "id": document.pk,
        "title": document.title,
        "external_id": document.external_id,
        "tags": document.tags,
        "version": version.number,
        "status": version.status,
        "error_code": version.error_code,
        "error": version.error,
        "chunks": version.chunk_count,
    }


def _line(version: DocumentVersion) -> str:
    why = f"  {version.error}" if version.error else ""
    return f"{version.document_id}  {version.document.title}  v{version.number}  {version.status}{why}"
