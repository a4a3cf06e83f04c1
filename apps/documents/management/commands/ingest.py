"""`manage.py ingest`: files, folders, patterns and ZIPs of this machine become documents."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apps.documents.intake.bulk import FileResult
from apps.documents.intake.found_files import files_found
from apps.documents.intake.ingestion import Ingestion, file_ingest, knowledge_base_named, versions_settle
from apps.documents.intake.uploads import UploadOutcome
from apps.documents.models import DocumentVersion, VersionStatus
from apps.documents.tags import tags_read
from ragsite.core.actors import Actor
from ragsite.core.errors import RagError

INTERRUPTED = 130
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
    def exit_code(self) -> int:
        return INTERRUPTED if self.interrupted else int(bool(self.failures))


class Command(BaseCommand):
    help = (
        "Ingest files, folders, patterns and ZIPs. A document is known by its path below the folder that all PATHS share, "
        "so a changed file becomes a new version. Exits with 0 only if every file was accepted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="A file, a folder, a pattern or a ZIP.")
        parser.add_argument("--knowledge-base", required=True, metavar="NAME_OR_ID", help="Where the documents go.")
        parser.add_argument("--tenant", default="", help="Its tenant, if several have one of that name.")
        parser.add_argument("--tags", default="", help="Tags for new documents, separated by commas.")
        parser.add_argument(
            "--restricted", action="store_true", help="Only who gets a grant on a new document may read it."
        )
        parser.add_argument("--dry-run", action="store_true", help="Say what would happen, and write nothing.")
        parser.add_argument(
            "--resume", action="store_true", help="Skip what is already there unchanged; use it after an interruption."
        )
        parser.add_argument(
            "--wait", action="store_true", help="Wait until every document is ready, has failed or was cancelled."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object as the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        tally = Tally()
        try:
            ingestion = Ingestion(
                knowledge_base=knowledge_base_named(options["knowledge_base"], tenant=options["tenant"]),
                dry_run=options["dry_run"],
                resume=options["resume"],
                tags=tags_read(options["tags"]),
                restricted=options["restricted"],
            )
            _run(ingestion, tally, options)
        except RagError as error:
            raise CommandError(error.sentence) from error
        except KeyboardInterrupt:
            tally.interrupted = True
        self.stdout.write(_summary(tally, options))
        if tally.exit_code:
            sys.exit(tally.exit_code)


def _run(ingestion: Ingestion, tally: Tally, options: dict[str, Any]) -> None:
    total = sum(1 for _ in files_found(options["paths"]))
    with _bar("Taking in", total) as bar:
        for file in files_found(options["paths"]):
            for result in file_ingest(ingestion, file, actor=ACTOR):
                _tell(bar, tally.add(result))
            bar.advance(bar.task_ids[0])
    if options["wait"] and not ingestion.dry_run:
        _wait(tally)


def _wait(tally: Tally) -> None:
    with _bar("Working", len(tally.names)) as bar:
        try:
            for version in versions_settle(tally.names):
                _tell(bar, tally.settle(version))
                bar.advance(bar.task_ids[0])
        except RagError as error:
            _tell(bar, tally.fail("", error.error_code, error.sentence))


@contextmanager
def _bar(what: str, total: int) -> Iterator[Progress]:
    """A progress bar on a terminal's standard error, with the failures above it; elsewhere the failures alone."""
    console = Console(file=sys.stderr, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        bar.add_task(what, total=total)
        yield bar


def _tell(bar: Progress, line: str) -> None:
    if line:
        bar.console.print(line, markup=False, soft_wrap=True)


def _summary(tally: Tally, options: dict[str, Any]) -> str:
    names = [*(outcome.value for outcome in UploadOutcome), "refused"]
    if options["wait"]:
        names += [VersionStatus.READY.value, VersionStatus.FAILED.value, VersionStatus.CANCELLED.value]
    counts = {name: tally.counts[name] for name in ("files", *names)}
    if options["json"]:
        about = {"knowledge_base": options["knowledge_base"], "dry_run": options["dry_run"]}
        return json.dumps(about | {"interrupted": tally.interrupted, "counts": counts, "failures": tally.failures})
    told = ", ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in names)
    ways = ["Dry run, nothing was written: "] * options["dry_run"] + ["Interrupted: "] * tally.interrupted
    return f"{''.join(ways)}{counts['files']} files: {told}."
