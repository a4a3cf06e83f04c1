"""`manage.py evaluate DIR`: how good the search is on a data set in the form of BEIR."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from apps.documents.models import DocumentVersion, KnowledgeBase, VersionStatus
from apps.models.gateway import using_transport
from apps.retrieval.evaluation.folder import BeirFolder, beir_folder, lines_of
from apps.retrieval.evaluation.importing import beir_import, corpus_document_upload
from apps.retrieval.evaluation.readers import CorpusDocument, corpus_read
from apps.retrieval.evaluation.runs import EVALUATION_RUNS, evaluation_run_start, evaluation_run_turn
from apps.retrieval.evaluation.searching import searching_check
from apps.retrieval.evaluation.selectors import figures_in_order
from apps.retrieval.evaluation.sets import evaluation_set_create
from apps.retrieval.evaluation.temporary import temporary_create, temporary_keep, temporary_remove
from apps.retrieval.models import RUN_ENDED, EvaluationRun, EvaluationSet, RunState
from apps.retrieval.models.modes import Mode, Searching
from ragsite.core.actors import Actor
from ragsite.core.configuration import ModelSettings
from ragsite.core.database import connections_pooled
from ragsite.core.errors import PermanentError, RagError
from ragsite.core.jobs import SilentDoorbell, using_doorbell
from ragsite.core.work import Turn
from workers.inline import documents_load

INTERRUPTED = 130
ACTOR = Actor.of_command("manage.py evaluate")
CONNECTIONS = 4
# What is lost when the machine dies within the last moments is a temporary knowledge base.
NOT_WAITING_FOR_THE_DISK = "-c synchronous_commit=off"


@dataclass(slots=True)
class LoadedCorpus:
    """The result of loading a corpus: the document of each corpus id, how many were refused, how long it took."""

    documents: dict[str, UUID] = field(default_factory=dict)
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0


class Command(BaseCommand):
    help = (
        "Load a folder in the form of BEIR (corpus.jsonl, queries.jsonl, qrels.tsv; each may be gzipped) into a temporary "
        "knowledge base, put its queries to the search, and print the figures as one JSON object, the last line of "
        "standard output. The knowledge base is removed afterwards."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR", help="The folder.")
        parser.add_argument(
            "--mode",
            choices=[mode.value for mode in Mode],
            default=Mode.HYBRID.value,
            help="How to search (default: hybrid).",
        )
        parser.add_argument("--rerank", action="store_true", help="Rerank what the search found.")
        parser.add_argument("--k", type=int, default=10, help="The cut-off of nDCG and the first recall (10).")
        parser.add_argument("--depth", type=int, default=100, help="How many documents are ranked (100).")
        parser.add_argument("--chunk-size", type=int, help="Tokens of a chunk; the product's default if not given.")
        parser.add_argument("--chunk-overlap", type=int, help="Tokens that a chunk repeats from the previous one.")
        parser.add_argument("--keep", action="store_true", help="Keep the knowledge base, to look at it in the admin.")
        parser.add_argument("--json", action="store_true", help="Print nothing but the JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(file=sys.stderr, highlight=False, quiet=options["json"])
        try:
            with _prepared():
                told = _evaluate(beir_folder(options["directory"]), options, console)
        except RagError as error:
            raise CommandError(error.sentence) from error
        except KeyboardInterrupt:
            console.print("Interrupted; the temporary knowledge base is removed.")
            sys.exit(INTERRUPTED)
        self.stdout.write(json.dumps(told, ensure_ascii=False))


@contextmanager
def _prepared() -> Iterator[None]:
    """This process runs the models, rings nobody, and ends in order on SIGTERM too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    transport = "fake" if ModelSettings.current().transport == "fake" else "local"
    try:
        with (
            using_transport(transport),
            using_doorbell(SilentDoorbell()),
            connections_pooled(size=CONNECTIONS, options=NOT_WAITING_FOR_THE_DISK),
        ):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _evaluate(folder: BeirFolder, options: dict[str, Any], console: Console) -> dict[str, Any]:
    how = Searching(mode=Mode(options["mode"]), rerank=options["rerank"], depth=options["depth"])
    searching_check(how)
    with _knowledge_base(folder, options) as base:
        loaded = _load(base, folder, console)
        run = _run(_set(base, folder, loaded), how, options["k"], console)
        return _told(folder, run, loaded)


@contextmanager
def _knowledge_base(folder: BeirFolder, options: dict[str, Any]) -> Iterator[KnowledgeBase]:
    named = {"size": options["chunk_size"], "overlap": options["chunk_overlap"]}
    chunking = {name: value for name, value in named.items() if value is not None}
    base = temporary_create(name=folder.name, chunking=chunking, actor=ACTOR)
    kept = False
    try:
        yield base
        if options["keep"]:
            temporary_keep(base, actor=ACTOR)
            kept = True
    finally:
        if not kept:
            temporary_remove(base, actor=ACTOR)


def _load(base: KnowledgeBase, folder: BeirFolder, console: Console) -> LoadedCorpus:
    loaded, started = LoadedCorpus(), time.monotonic()
    with lines_of(folder.corpus) as corpus, _bar(console, "documents ready", _count(folder)) as told:

        def upload(document: CorpusDocument) -> None:
            try:
                loaded.documents[document.id] = corpus_document_upload(base, document, actor=ACTOR)
            except PermanentError as error:
                loaded.refused += 1
                console.print(f"{document.id}: {error.sentence}", markup=False)

        documents_load(base, corpus_read(corpus), upload=upload, told=told)
    loaded.seconds = time.monotonic() - started
    loaded.failed = _failures_tell(base, console)
    return loaded


def _count(folder: BeirFolder) -> int:
    with lines_of(folder.corpus) as corpus:
        return sum(bool(line.strip()) for line in corpus.lines)


def _failures_tell(base: KnowledgeBase, console: Console) -> int:
    failed = DocumentVersion.objects.filter(document__knowledge_base=base).exclude(status=VersionStatus.READY)
    for version in failed:
        console.print(f"{version.filename}: {version.error}", markup=False)
    return len(failed)


def _set(base: KnowledgeBase, folder: BeirFolder, loaded: LoadedCorpus) -> EvaluationSet:
    made = evaluation_set_create(knowledge_base=base, name=folder.name, actor=ACTOR)
    with lines_of(folder.queries) as queries, lines_of(folder.qrels) as qrels:
        beir_import(made, queries=queries, qrels=qrels, documents=loaded.documents, actor=ACTOR)
    return made


def _run(evaluation_set: EvaluationSet, how: Searching, k: int, console: Console) -> EvaluationRun:
    """Start a run and work on it here, until it has ended: a worker of a running system may have taken it up first."""
    run = evaluation_run_start(evaluation_set=evaluation_set, how=how, k=k, actor=ACTOR)
    with _bar(console, "queries measured", evaluation_set.questions.count()) as told:
        while run.state not in RUN_ENDED:
            if not evaluation_run_turn(run, Turn.of(1.0)):
                EVALUATION_RUNS.give_up()
                time.sleep(0.1)
            run.refresh_from_db()
            told(run.results.count())
    if run.state == RunState.FAILED:
        raise PermanentError(run.error, action="")
    if run.note:
        console.print(run.note, markup=False)
    return run


def _told(folder: BeirFolder, run: EvaluationRun, loaded: LoadedCorpus) -> dict[str, Any]:
    return {
        "dataset": folder.name,
        "mode": run.mode,
        "rerank": run.rerank,
        **{name: run.metrics[name] for name in figures_in_order(run.metrics)},
        "documents": len(loaded.documents),
        "refused": loaded.refused + loaded.failed,
        "chunks": run.parameters["chunks"],
        "load_seconds": round(loaded.seconds, 1),
    }


@contextmanager
def _bar(console: Console, what: str, total: int) -> Iterator[Any]:
    """A progress bar on standard error; call what it yields with the progress."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal or console.quiet) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
