"""`manage.py ingest`: files, folders, patterns and ZIPs of this machine become documents."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from apps.documents.intake.bulk import FileResult
from apps.documents.intake.found_files import files_found
from apps.documents.intake.ingestion import Ingestion, file_ingest, knowledge_base_named, versions_settle
from apps.documents.intake.uploads import UploadOutcome
from apps.documents.models import DocumentVersion, VersionStatus
from apps.documents.tags import tags_read
from ragsite.core.actors import Actor
from ragsite.core.commands import base
from ragsite.core.commands.base import Options, Told
from ragsite.core.commands.exits import ExitCode
from ragsite.core.commands.parsers import About
from ragsite.core.commands.progress import Bar, bar
from ragsite.core.errors import RagError

ACTOR = Actor.of_command("manage.py ingest")


@dataclass(slots=True)
class Tally:
    """What became of the files so far."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, str]] = field(default_factory=list)
    names: dict[UUID, str] = field(default_factory=dict)
    interrupted: bool = False

    def add(self, result: FileResult) -> str:
        """Count the result; its line for people when it is a failure."""
        self.counts["files"] += 1
        if result.version is not None:
            self.names[result.version.pk] = result.filename
        if result.error is None:
            self.counts[str(result.outcome)] += 1
            return ""
        self.counts["refused"] += 1
        return self.fail(result.filename, result.error.error_code, result.error.sentence)

    def settle(self, version: DocumentVersion) -> str:
        """Count how a version ended; its line for people when it failed."""
        self.counts[version.status] += 1
        if version.status != VersionStatus.FAILED:
            return ""
        return self.fail(self.names[version.pk], version.error_code, version.error)

    def fail(self, name: str, code: str, error: str) -> str:
        self.failures.append({"file": name, "code": code, "error": error})
        return f"{name}: {error}" if name else error

    @property
    def exit_code(self) -> ExitCode:
        if self.interrupted:
            return ExitCode.INTERRUPTED
        return ExitCode.FAILED if self.failures else ExitCode.DONE


RESUMED = "Run it again with --resume: it skips what is already there."


class Command(base.Command):
    reads_settings = True
    about = About(
        sentence="Ingest files, folders, patterns and ZIPs: each file becomes a document, and a changed one a new version.",
        examples=(
            ("manage.py ingest docs archive.zip --knowledge-base Handbooks", "a folder and what is in an archive"),
            ("manage.py ingest docs --knowledge-base Handbooks --dry-run", "what would be new, changed or refused"),
            (
                "manage.py ingest 'docs/**/*.pdf' --knowledge-base Handbooks --resume --wait",
                "go on, and wait for the workers",
            ),
        ),
        notes=("A document is known by its path below the folder that all paths share.",),
        changes=True,
        resumed=RESUMED,
    )

    def arguments_add(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="A file, a folder, a pattern or a ZIP.")
        parser.add_argument("--knowledge-base", required=True, metavar="NAME_OR_ID", help="Where the documents go.")
        parser.add_argument("--tenant", default="", help="Its tenant, if several have one of that name.")
        parser.add_argument("--tags", default="", help="Tags for new documents, separated by commas.")
        parser.add_argument(
            "--restricted", action="store_true", help="Only who gets a grant on a new document may read it."
        )
        parser.add_argument(
            "--resume", action="store_true", help="Skip what is already there unchanged; use it after an interruption."
        )
        parser.add_argument(
            "--wait", action="store_true", help="Wait until every document is ready, has failed or was cancelled."
        )

    def run(self, options: Options) -> Told:
        tally = Tally()
        ingestion = Ingestion(
            knowledge_base=knowledge_base_named(options["knowledge_base"], tenant=options["tenant"]),
            dry_run=options["dry_run"],
            resume=options["resume"],
            tags=tags_read(options["tags"]),
            restricted=options["restricted"],
        )
        try:
            _run(ingestion, tally, options)
        except KeyboardInterrupt:
            tally.interrupted = True
            self.say(f"Interrupted. {RESUMED}")
        return Told(_as_json(tally, options), _in_words(tally, options), tally.exit_code)


def _run(ingestion: Ingestion, tally: Tally, options: Options) -> None:
    total = sum(1 for _ in files_found(options["paths"]))
    with bar("Taking in", total) as progress:
        for file in files_found(options["paths"]):
            for result in file_ingest(ingestion, file, actor=ACTOR):
                progress.line(tally.add(result))
            progress.advance()
    if options["wait"] and not ingestion.dry_run:
        with bar("Working", len(tally.names)) as progress:
            _wait(tally, progress)


def _wait(tally: Tally, progress: Bar) -> None:
    try:
        for version in versions_settle(tally.names):
            progress.line(tally.settle(version))
            progress.advance()
    except RagError as error:
        progress.line(tally.fail("", error.error_code, error.sentence))


def _counts(tally: Tally, options: Options) -> dict[str, int]:
    names = ["files", *(outcome.value for outcome in UploadOutcome), "refused"]
    if options["wait"]:
        names += [VersionStatus.READY.value, VersionStatus.FAILED.value, VersionStatus.CANCELLED.value]
    return {name: tally.counts[name] for name in names}


def _as_json(tally: Tally, options: Options) -> dict[str, Any]:
    about = {"knowledge_base": options["knowledge_base"], "dry_run": options["dry_run"]}
    return about | {"interrupted": tally.interrupted, "counts": _counts(tally, options), "failures": tally.failures}


def _in_words(tally: Tally, options: Options) -> str:
    counts = _counts(tally, options)
    files = counts.pop("files")
    told = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items())
    ways = ["Dry run, nothing was written: "] * options["dry_run"] + ["Interrupted: "] * tally.interrupted
    return f"{''.join(ways)}{files} files: {told}."
